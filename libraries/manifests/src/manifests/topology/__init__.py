"""All resources that an environment has to have, derived from the manifests in this one place.

The local provisioner applies it, and Terraform's plan is compared with it.
"""

from manifests.topology.deriving import topology_of
from manifests.topology.per_function import DEFAULT_BUS
from manifests.topology.resources import (
    ApiRoute,
    Archive,
    Authorizer,
    Bucket,
    Cors,
    DynamoTable,
    EventBus,
    ExpiryRule,
    HttpApi,
    Index,
    Invoker,
    LambdaFunction,
    LogGroup,
    Policy,
    Queue,
    QueueMapping,
    Redrive,
    Resource,
    Role,
    Rule,
    Target,
    Topology,
    UserPool,
    UserPoolClient,
)
from manifests.topology.shared import table_of

__all__ = [
    "DEFAULT_BUS",
    "ApiRoute",
    "Archive",
    "Authorizer",
    "Bucket",
    "Cors",
    "DynamoTable",
    "EventBus",
    "ExpiryRule",
    "HttpApi",
    "Index",
    "Invoker",
    "LambdaFunction",
    "LogGroup",
    "Policy",
    "Queue",
    "QueueMapping",
    "Redrive",
    "Resource",
    "Role",
    "Rule",
    "Target",
    "Topology",
    "UserPool",
    "UserPoolClient",
    "table_of",
    "topology_of",
]
