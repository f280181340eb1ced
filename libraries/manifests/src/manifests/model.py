"""The shape of `services/<service>/service.yaml`.

An unknown key is an error, so that a misspelt permission fails when it is read, not as a denied request. Rules that
span several services are in `checks`.
"""

import re
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

EVENT_TYPE = re.compile(r"^collections\.(?P<service>[a-z]+)\.(?P<fact>[a-z]+(-[a-z]+)*)\.v[1-9][0-9]*$")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=32)]
EventType = Annotated[str, StringConstraints(pattern=EVENT_TYPE.pattern)]
KeyPattern = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9*?_./-]+/[A-Za-z0-9*?_./-]*$")]
SettingName = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
RoutePath = Annotated[str, StringConstraints(pattern=r"^(/([A-Za-z0-9._~-]+|\{[a-z_]+\}))+(/\{[a-z_]+\+\})?$")]
# rate() is singular after 1; cron() has six fields, whose contents are left to EventBridge.
_RATE = r"rate\((1 (minute|hour|day)|([2-9]|[1-9][0-9]+) (minutes|hours|days))\)"
_CRON = r"cron\([^ ()]+( [^ ()]+){5}\)"
Schedule = Annotated[str, StringConstraints(pattern=rf"^({_RATE}|{_CRON})$")]

API_TIMEOUT_S = 29
LAMBDA_TIMEOUT_S = 900


class Model(BaseModel):
    """Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Method(StrEnum):
    """HTTP methods that a route can have."""

    GET = "GET"
    HEAD = "HEAD"
    POST = "POST"
    PUT = "PUT"
    PATCH = "PATCH"
    DELETE = "DELETE"


class RouteAuth(StrEnum):
    """Who may call a route: users with a token of our user pool, or anyone."""

    JWT = "jwt"
    NONE = "none"


class Access(StrEnum):
    """What a function may do with a table."""

    READ = "read"
    WRITE = "write"
    SCAN = "scan"


class Trigger(StrEnum):
    """What invokes a function."""

    QUEUE = "queue"
    ROUTES = "routes"
    SCHEDULE = "schedule"


class Route(Model):
    """One route of the HTTP API."""

    method: Method
    path: RoutePath
    auth: RouteAuth = RouteAuth.JWT

    @property
    def key(self) -> str:
        """The route key of API Gateway, `POST /items/{id}`."""
        return f"{self.method} {self.path}"

    @property
    def is_greedy(self) -> bool:
        """Whether its last parameter (`{id+}`) may have slashes.

        The gateway decodes a path before it looks for the route, so ids that may have slashes need such a route beside
        those that are documented.
        """
        return self.path.endswith("+}")


class Queue(Model):
    """The queue in front of a consumer; its dead-letter queue comes with it."""

    batch_size: int = Field(default=5, ge=1, le=10)
    max_concurrency: int = Field(default=2, ge=2, le=1000, description="AWS requires at least 2")
    max_receives: int = Field(default=8, ge=1, le=100)


class Images(Model):
    """Object keys in the images bucket that a function may touch, as patterns with `*`."""

    read: tuple[KeyPattern, ...] = ()
    write: tuple[KeyPattern, ...] = ()
    delete: tuple[KeyPattern, ...] = ()
    tag: tuple[KeyPattern, ...] = ()
    # Without it S3 answers 403, not 404, to a read of a key that does not exist.
    list: bool = False
    read_lifecycle: bool = False


class Function(Model):
    """One Lambda function: its entry point, its one trigger, and everything it may do."""

    handler: Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z_]+){2,}$")]
    memory_mb: int = Field(default=512, ge=128, le=10240)
    timeout_s: int = Field(default=60, ge=1, le=LAMBDA_TIMEOUT_S)
    queue: Queue | None = None
    routes: tuple[Route, ...] = ()
    schedule: Schedule | None = None
    # Groups of optional dependencies of the service's pyproject.toml that are in the function's package.
    extras: tuple[Name, ...] = ()
    publish: bool = False
    # A function of the same service: whether messages wait in its queue may be asked.
    backlog_of: Name | None = None
    images: Images = Images()
    tables: dict[Name, tuple[Access, ...]] = {}
    secrets: tuple[Name, ...] = ()
    configuration: dict[SettingName, str] = {}
    tracing: bool = False

    @cached_property
    def trigger(self) -> Trigger:
        """The function's one trigger (validated)."""
        if self.queue:
            return Trigger.QUEUE
        return Trigger.ROUTES if self.routes else Trigger.SCHEDULE

    @property
    def gateway_routes(self) -> tuple[Route, ...]:
        """The routes at the gateway: those declared, and HEAD beside each GET (RFC 9110, 9.3.2)."""
        gets = [route for route in self.routes if route.method is Method.GET]
        return (*self.routes, *(route.model_copy(update={"method": Method.HEAD}) for route in gets))

    @model_validator(mode="after")
    def _one_trigger(self) -> Self:
        if sum(map(bool, (self.queue, self.routes, self.schedule))) != 1:
            raise ValueError("a function has exactly one of queue, routes and schedule")
        if any(route.method is Method.HEAD for route in self.routes):
            raise ValueError("HEAD is not declared: it is answered wherever GET is")
        if self.routes and self.timeout_s > API_TIMEOUT_S:
            raise ValueError(f"timeout_s of a function with routes is at most {API_TIMEOUT_S}, as API Gateway's own")
        return self


class AwsEvent(Model):
    """An event that AWS itself puts on the default bus; so far only S3 events of our own buckets."""

    source: Annotated[str, StringConstraints(pattern=r"^aws\.[a-z0-9]+$")]
    detail_type: str
    bucket: Name
    key: KeyPattern


class Consumption(Model):
    """An event and the function that consumes it."""

    event: EventType | None = None
    aws_event: AwsEvent | None = None
    function: Name

    @model_validator(mode="after")
    def _one_event(self) -> Self:
        if (self.event is None) == (self.aws_event is None):
            raise ValueError("set either event or aws_event")
        return self


class TableKind(StrEnum):
    """Whether a table is derived from events alone or keeps the progress of work."""

    PROJECTION = "projection"
    BOOKKEEPING = "bookkeeping"


class Index(Model):
    """A global secondary index; all attributes are projected, all keys are strings."""

    partition_key: str
    sort_key: str | None = None


class Table(Model):
    """A DynamoDB table that the service owns; keys are strings, `ttl` names the attribute with the epoch second."""

    kind: TableKind
    partition_key: str
    sort_key: str | None = None
    ttl: str | None = None
    indexes: dict[Annotated[str, StringConstraints(pattern=r"^[a-z_]{3,64}$")], Index] = {}


class Owner(Model):
    """A team that answers for a service and the contracts that it publishes, and where to reach it."""

    team: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    contact: Annotated[str, StringConstraints(min_length=1, max_length=200)]


class Service(Model):
    """The manifest of one service."""

    service: Annotated[str, StringConstraints(pattern=r"^[a-z]+$", max_length=16)]
    summary: str
    owners: tuple[Owner, ...] = ()
    database: bool = False
    retrieval: bool = False
    publishes: tuple[EventType, ...] = ()
    consumes: tuple[Consumption, ...] = ()
    functions: dict[Name, Function] = Field(min_length=1)
    tables: dict[Name, Table] = {}

    @property
    def source(self) -> str:
        """The CloudEvents source of everything it publishes."""
        return f"collections.{self.service}"

    def consumed_by(self, function: str) -> tuple[str, ...]:
        """Types of our own events that the function consumes."""
        return tuple(item.event for item in self.consumes if item.event and item.function == function)

    def aws_events_of(self, function: str) -> tuple[AwsEvent, ...]:
        """AWS events that the function consumes."""
        return tuple(item.aws_event for item in self.consumes if item.aws_event and item.function == function)


class Operators(Model):
    """`services/operators.yaml`: what operators order by events, and no service publishes."""

    service: Literal["operator"] = "operator"
    summary: str = ""
    owners: tuple[Owner, ...] = ()
    publishes: tuple[Annotated[EventType, StringConstraints(pattern=r"^collections\.operator\.")], ...] = ()

    @property
    def source(self) -> str:
        """The CloudEvents source of everything they publish."""
        return f"collections.{self.service}"
