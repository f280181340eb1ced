"""All policies of an environment, and what they decide."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mesh.infra.resources import Resource
from policy_checks.errors import PolicyNotUnderstoodError
from policy_checks.iam import Decision, Policy, Principal, Request, decide, read_policy
from policy_checks.planned_environment import PlannedEnvironment

# Resources that have a policy of their own, and the attribute it is in.
RESOURCE_POLICIES: Final[Mapping[str, str]] = {
    "aws_cloudwatch_event_bus_policy": "policy",
    "aws_cloudwatch_log_resource_policy": "policy_document",
    "aws_dynamodb_resource_policy": "policy",
    "aws_kms_key": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_schemas_registry_policy": "policy",
    "aws_secretsmanager_secret": "policy",
    "aws_secretsmanager_secret_policy": "policy",
    "aws_sns_topic": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
    "aws_sqs_queue_policy": "policy",
}
_ROLES: Final = {"aws_iam_role", "aws_iam_role_policy", "aws_iam_role_policy_attachment", "aws_iam_policy"}
# They have "policy" in their names and allow nothing.
_HARMLESS: Final = {"aws_sqs_queue_redrive_policy", "aws_sqs_queue_redrive_allow_policy", "aws_ecr_lifecycle_policy"}
_EMPTY: Final = ("", "{}", None)


@dataclass(frozen=True)
class EffectivePolicies:
    """Policies by what they belong to: `roles` by the name of the role; `functions` has the role of each function,
    `managed` the policies that can be given to people."""

    roles: Mapping[str, tuple[Policy, ...]]
    trust: Mapping[str, Policy]
    resources: tuple[Policy, ...]
    managed: tuple[Policy, ...]
    functions: Mapping[str, str]
    account: str

    def may(self, function: str, action: str, resource: str, context: Mapping[str, str] | None = None) -> bool:
        """Whether a function may do something."""
        role = self.functions[function]
        principal = Principal("AWS", f"arn:aws:iam::{self.account}:role/{role}")
        request = Request(principal, action, resource, context or {})
        return decide(request, self.roles.get(role, ()), self.resources) is Decision.ALLOWED

    def service_may(self, service: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
        """Whether a service of AWS may do something to a resource; it has no policies of its own."""
        request = Request(Principal("Service", service), action, resource, context)
        return decide(request, (), self.resources) is Decision.ALLOWED


def read_effective_policies(planned: PlannedEnvironment) -> EffectivePolicies:
    """Collect every policy. Raises PolicyNotUnderstoodError for a kind of policy that is not known here."""
    for resource in planned.resources:
        known = resource.type in {*RESOURCE_POLICIES, *_ROLES, *_HARMLESS}
        if not known and (resource.type.startswith("aws_iam_") or resource.type.endswith("_policy")):
            raise PolicyNotUnderstoodError(f"{resource.address}: what {resource.type} allows")
    roles: dict[str, list[Policy]] = defaultdict(list)
    managed = {resource["arn"]: resource for resource in planned.of_type("aws_iam_policy")}
    for resource in planned.of_type("aws_iam_role_policy"):
        roles[_last(resource["role"])].append(read_policy(resource["policy"], resource.address))
    for resource in planned.of_type("aws_iam_role_policy_attachment"):
        attached = managed.get(resource["policy_arn"])
        if attached is None:
            raise PolicyNotUnderstoodError(f"{resource.address}: what {resource['policy_arn']} allows")
        roles[_last(resource["role"])].append(read_policy(attached["policy"], attached.address))
    for resource in planned.of_type("aws_iam_role"):
        if any(item.get("policy") for item in resource["inline_policy"] or []):
            raise PolicyNotUnderstoodError(f"{resource.address}: policies inside of the role")
    return EffectivePolicies(
        roles={name: tuple(policies) for name, policies in roles.items()},
        trust={
            str(resource["name"]): read_policy(resource["assume_role_policy"], resource.address)
            for resource in planned.of_type("aws_iam_role")
        },
        resources=tuple(_resource_policies(planned)),
        managed=tuple(read_policy(policy["policy"], policy.address) for policy in managed.values()),
        functions={
            str(resource["function_name"]): _last(resource["role"])
            for resource in planned.of_type("aws_lambda_function")
        },
        account=planned.names.account,
    )


def _resource_policies(planned: PlannedEnvironment) -> Iterator[Policy]:
    for type_, attribute in RESOURCE_POLICIES.items():
        for resource in planned.of_type(type_):
            if resource[attribute] not in _EMPTY:
                yield read_policy(resource[attribute], resource.address)
    for permission in planned.of_type("aws_lambda_permission"):
        yield read_policy(_permission(permission, planned), permission.address)


def _permission(permission: Resource, planned: PlannedEnvironment) -> dict[str, Any]:
    """The statement that Lambda makes of a permission."""
    strange = ("qualifier", "event_source_token", "function_url_auth_type", "principal_org_id")
    if any(permission[name] for name in strange):
        raise PolicyNotUnderstoodError(f"{permission.address}: one of {', '.join(strange)}")
    function = str(permission["function_name"])
    arn = function if function.startswith("arn:") else planned.names.arn("lambda", f"function:{function}")
    conditions: dict[str, Any] = {}
    if permission["source_arn"]:
        conditions["ArnLike"] = {"AWS:SourceArn": permission["source_arn"]}
    if permission["source_account"]:
        conditions["StringEquals"] = {"AWS:SourceAccount": permission["source_account"]}
    principal = str(permission["principal"])
    kind = "Service" if principal.endswith(".amazonaws.com") else "AWS"
    statement = {
        "Sid": permission["statement_id"] or "",
        "Effect": "Allow",
        "Principal": {kind: principal},
        "Action": permission["action"],
        "Resource": arn,
        "Condition": conditions,
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _last(role: Any) -> str:
    return str(role).rsplit("/", 1)[-1]
