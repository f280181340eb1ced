"""The resources of an environment: one class for each kind, in the terms of AWS.

They hold no ids assigned by AWS: a resource refers to another by its name, or by an ARN derived from names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

Policy = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Base of all resources; the name is unique among those of its kind."""

    name: str

    @property
    def key(self) -> str:
        """What identifies it among resources of its kind."""
        return self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoker:
    """A service of AWS that may invoke a function, on behalf of one resource; `statement` is the permission's id."""

    statement: str
    principal: str
    source_arn: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LambdaFunction(Resource):
    """A function, without its code; the package of `service` is installed in it."""

    service: str
    handler: str
    runtime: str
    architecture: str
    memory_mb: int
    timeout_s: int
    role_arn: str
    variables: Mapping[str, str]
    invokers: tuple[Invoker, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Role(Resource):
    """The role of a function, or of operators: who may assume it, its inline policies, and ARNs of managed ones."""

    trust: Policy
    policies: Mapping[str, Policy]
    attached: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogGroup(Resource):
    """The log group of a function, and its retention."""

    retention_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """The dead-letter queue of a queue, and after how many receives a message is moved there."""

    queue_arn: str
    max_receives: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(Resource):
    """A queue and who may send to it; dead-letter queues have SQS's default visibility timeout."""

    retention_s: int
    max_bytes: int
    policy: Policy
    visibility_s: int | None = None
    redrive: Redrive | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMapping(Resource):
    """An event source mapping of a function, whose name it has."""

    queue_arn: str
    batch_size: int
    max_concurrency: int
    responses: tuple[str, ...] = ("ReportBatchItemFailures",)
    enabled: bool = True

    @property
    def key(self) -> str:
        """A function has a mapping for each of its queues."""
        return self.queue_arn


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target of a rule, with its dead-letter queue; `input` replaces the event."""

    arn: str
    dead_letter_arn: str
    input: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Resource):
    """A rule of a bus, with a pattern or a schedule."""

    bus: str
    pattern: Mapping[str, Any] | None = None
    schedule: str | None = None
    enabled: bool = True
    targets: tuple[Target, ...] = ()

    @property
    def key(self) -> str:
        """The name is unique only within the bus."""
        return f"{self.bus}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventBus(Resource):
    """The event bus."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive(Resource):
    """The archive of a bus, and its retention."""

    bus_arn: str
    pattern: Mapping[str, Any]
    retention_days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Cors:
    """The CORS settings."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...] = ()
    max_age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Authorizer:
    """A JWT authorizer; the pool and the client whose tokens it accepts are given by name."""

    name: str
    identity_source: str
    user_pool: str
    client: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApi(Resource):
    """The HTTP API with its one stage; limits are requests a second and requests at once."""

    cors: Cors
    rate: float
    burst: int
    authorizers: tuple[Authorizer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRoute(Resource):
    """A route of the API, named by its key; without an authorizer it is public."""

    function_arn: str
    authorizer: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A global secondary index."""

    name: str
    partition_key: str
    sort_key: str | None
    projection: str = "ALL"


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamoTable(Resource):
    """A DynamoDB table; `key_type` is the type of all its key attributes."""

    partition_key: str
    sort_key: str | None
    ttl: str | None
    indexes: tuple[Index, ...]
    billing: str = "PAY_PER_REQUEST"
    key_type: str = "S"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpiryRule:
    """A lifecycle rule: objects below the prefix are deleted after so many days."""

    id: str
    prefix: str
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket(Resource):
    """A bucket; `notifies_bus` puts its events on the default bus."""

    private: bool = True
    versioned: bool = True
    notifies_bus: bool = True
    cors: tuple[Cors, ...]
    noncurrent_days: int
    expiries: tuple[ExpiryRule, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPool(Resource):
    """The user pool; attributes that are user names and that are verified, and what a password must have."""

    username_attributes: tuple[str, ...] = ("email",)
    verified_attributes: tuple[str, ...] = ("email",)
    minimum_length: int
    lowercase: bool
    uppercase: bool
    numbers: bool
    symbols: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPoolClient(Resource):
    """The client of the user pool; validity of tokens is a number and its unit."""

    flows: tuple[str, ...] = ("ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH")
    access_token: tuple[int, str]
    id_token: tuple[int, str]
    refresh_token: tuple[int, str]
    hides_users: bool = True
    has_secret: bool = False


R = TypeVar("R", bound=Resource)


@dataclass(frozen=True, slots=True)
class Topology:
    """All resources of an environment."""

    resources: tuple[Resource, ...] = field(repr=False)

    def of(self, kind: type[R]) -> tuple[R, ...]:
        """All resources of a kind."""
        return tuple(resource for resource in self.resources if isinstance(resource, kind))

    def only(self, kind: type[R]) -> R:
        """The only resource of a kind. Raises ValueError where there is none, or more than one."""
        (resource,) = self.of(kind)
        return resource
