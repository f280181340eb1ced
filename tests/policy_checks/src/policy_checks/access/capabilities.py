"""Everything that a function could want to do in an environment, and which functions declare it.

Said once more, and in other words than `manifests.policies` says it: the two are held against each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Final

from manifests import FunctionRef
from manifests.model import Access
from policy_checks.planned_environment import PlannedEnvironment


@dataclass(frozen=True)
class Capability:
    """One thing to do. `owners` are the services whose thing it is, empty when it is nobody's but the operator's;
    `holders` the functions (`<service>.<function>`) that declare it."""

    kind: str
    owners: frozenset[str]
    action: str
    resource: str
    holders: frozenset[str]
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        """Render for people."""
        told = "".join(f" with {key} {value}" for key, value in self.context.items())
        return f"{self.action} on {self.resource}{told}"


_TABLE_ACTIONS: Final[Mapping[str, Access | None]] = {
    "GetItem": Access.READ,
    "BatchGetItem": Access.READ,
    "Query": Access.READ,
    "Scan": Access.SCAN,
    "PutItem": Access.WRITE,
    "UpdateItem": Access.WRITE,
    "DeleteItem": Access.WRITE,
    "BatchWriteItem": Access.WRITE,
    # Nobody's: tables are made and unmade by the operator.
    "UpdateTable": None,
    "UpdateTimeToLive": None,
    "DeleteTable": None,
    "ExportTableToPointInTime": None,
}
_CONSUMING: Final = ("ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes")
_QUEUE_OPERATING: Final = ("PurgeQueue", "DeleteQueue", "SetQueueAttributes", "AddPermission")
_OBJECT_ACTIONS: Final = {
    "GetObject": "read",
    "PutObject": "write",
    "DeleteObject": "delete",
    "PutObjectTagging": "tag",
}
_OBJECT_OPERATING: Final = ("GetObjectVersion", "DeleteObjectVersion", "PutObjectAcl", "BypassGovernanceRetention")
_BUCKET_OPERATING: Final = (
    "PutBucketPolicy",
    "DeleteBucket",
    "PutLifecycleConfiguration",
    "PutBucketPublicAccessBlock",
)
_FUNCTION_OPERATING: Final = ("InvokeFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "AddPermission")
_TENANT: Final = "0b8f2a5c-8f0e-4f6e-9d0c-3f1f5a3f7c11"
_NOBODY: Final[frozenset[str]] = frozenset()


def capabilities_of(planned: PlannedEnvironment) -> list[Capability]:
    """The whole catalogue for an environment."""
    return [capability for part in _PARTS for capability in part(planned)]


def key_of(ref: FunctionRef) -> str:
    """A function as reports name it."""
    return f"{ref.service.service}.{ref.name}"


def _holders(planned: PlannedEnvironment, declares: Callable[[FunctionRef], bool]) -> frozenset[str]:
    return frozenset(key_of(ref) for ref in planned.manifests.functions if declares(ref))


def _publishing(planned: PlannedEnvironment) -> Iterator[Capability]:
    bus = planned.names.bus_arn
    for name, service in planned.manifests.services.items():
        holders = frozenset(
            key_of(ref) for ref in planned.manifests.functions if ref.service is service and ref.function.publish
        )
        context = {"events:source": service.source}
        yield Capability("publish", frozenset({name}), "events:PutEvents", bus, holders, context)
    for source in ("collections.schedule", "aws.s3", "collections"):
        yield Capability("publish", _NOBODY, "events:PutEvents", bus, _NOBODY, {"events:source": source})
    default = planned.names.arn("events", "event-bus/default")
    for service in planned.manifests.services.values():
        context = {"events:source": service.source}
        yield Capability("publish", _NOBODY, "events:PutEvents", default, _NOBODY, context)


def _queues(planned: PlannedEnvironment) -> Iterator[Capability]:
    names = planned.names
    for ref in planned.manifests.functions:
        if not ref.function.queue:
            continue
        owner, own = frozenset({ref.service.service}), frozenset({key_of(ref)})
        queue, dead = names.queue_arn(names.function(ref)), names.queue_arn(names.dead_letter_queue(ref))
        for action in _CONSUMING:
            yield Capability("queue", owner, f"sqs:{action}", queue, own)
            yield Capability("queue", owner, f"sqs:{action}", dead, _NOBODY)
        yield Capability("queue", owner, "sqs:SendMessage", queue, _NOBODY)
        yield Capability("queue", owner, "sqs:SendMessage", dead, own)
        for action in _QUEUE_OPERATING:
            yield Capability("queue", owner, f"sqs:{action}", queue, _NOBODY)
            yield Capability("queue", owner, f"sqs:{action}", dead, _NOBODY)
    schedules = names.queue_arn(names.schedules_dead_letter_queue)
    for action in ("SendMessage", *_CONSUMING, *_QUEUE_OPERATING):
        yield Capability("queue", _NOBODY, f"sqs:{action}", schedules, _NOBODY)


def _secrets(planned: PlannedEnvironment) -> Iterator[Capability]:
    names = planned.names
    for secret in planned.manifests.secrets:
        holders = frozenset(key_of(ref) for ref in planned.manifests.functions if secret in ref.function.secrets)
        yield from _parameter(planned, names.parameter(secret), holders)
    for name, service in planned.manifests.services.items():
        signs_in = service.database and planned.database.auth == "password"
        holders = frozenset(f"{name}.{function}" for function in service.functions) if signs_in else _NOBODY
        yield from _parameter(planned, names.database_password(name), holders, frozenset({name}))
    everything = names.arn("ssm", f"parameter{names.parameter_prefix}")
    yield Capability("secret", _NOBODY, "ssm:GetParametersByPath", everything, _NOBODY)


def _parameter(
    planned: PlannedEnvironment, name: str, holders: frozenset[str], owners: frozenset[str] | None = None
) -> Iterator[Capability]:
    arn = planned.names.arn("ssm", f"parameter{name}")
    owners = frozenset(holder.partition(".")[0] for holder in holders) if owners is None else owners
    for action in ("GetParameter", "GetParameters"):
        yield Capability("secret", owners, f"ssm:{action}", arn, holders)
    for action in ("GetParameterHistory", "GetParametersByPath", "PutParameter", "DeleteParameter"):
        yield Capability("secret", owners, f"ssm:{action}", arn, _NOBODY)


def _database(planned: PlannedEnvironment) -> Iterator[Capability]:
    by_token = planned.database.auth == "iam"
    instance = planned.database.resource_id if by_token else "db-ANY"
    for name, service in planned.manifests.services.items():
        holders = _NOBODY
        if by_token and service.database:
            holders = frozenset(f"{name}.{function}" for function in service.functions)
        user = planned.names.arn("rds-db", f"dbuser:{instance}/{name}")
        yield Capability("database", frozenset({name}), "rds-db:connect", user, holders)
    for role in ("administrator", "postgres", "rds_superuser", "rdsadmin"):
        user = planned.names.arn("rds-db", f"dbuser:{instance}/{role}")
        yield Capability("database", _NOBODY, "rds-db:connect", user, _NOBODY)
    if secret := planned.outputs["database"].get("administrator_secret"):
        yield Capability("database", _NOBODY, "secretsmanager:GetSecretValue", secret, _NOBODY)


def _tables(planned: PlannedEnvironment) -> Iterator[Capability]:
    for service in planned.manifests.services.values():
        for name, table in service.tables.items():
            arn = planned.names.arn("dynamodb", f"table/{planned.names.table(name)}")
            for action, access in _TABLE_ACTIONS.items():

                def declares(ref: FunctionRef, name: str = name, access: Access | None = access) -> bool:
                    return access is not None and access in ref.function.tables.get(name, ())

                holders, owner = _holders(planned, declares), frozenset({service.service})
                yield Capability("table", owner, f"dynamodb:{action}", arn, holders)
                if action in {"Query", "Scan"}:
                    for index in table.indexes:
                        yield Capability("table", owner, f"dynamodb:{action}", f"{arn}/index/{index}", holders)


def _images(planned: PlannedEnvironment) -> Iterator[Capability]:
    bucket = planned.names.bucket_arn()
    for prefix in planned.manifests.platform.images.prefixes:
        for key in (f"{_TENANT}/{prefix}/picture.jpg", f"{prefix}/{_TENANT}/picture.jpg"):
            for action, access in _OBJECT_ACTIONS.items():

                def declares(ref: FunctionRef, key: str = key, access: str = access) -> bool:
                    return any(fnmatchcase(key, pattern) for pattern in getattr(ref.function.images, access))

                holders = _holders(planned, declares)
                yield Capability("image", _services(holders), f"s3:{action}", f"{bucket}/{key}", holders)
            for action in _OBJECT_OPERATING:
                yield Capability("image", _NOBODY, f"s3:{action}", f"{bucket}/{key}", _NOBODY)
    listing = _holders(planned, lambda ref: ref.function.images.list)
    yield Capability("image", _services(listing), "s3:ListBucket", bucket, listing)
    reading = _holders(planned, lambda ref: ref.function.images.read_lifecycle)
    yield Capability("image", _services(reading), "s3:GetLifecycleConfiguration", bucket, reading)
    packages = f"arn:aws:s3:::{planned.names.packages_bucket}"
    for action in _BUCKET_OPERATING:
        yield Capability("image", _NOBODY, f"s3:{action}", bucket, _NOBODY)
        yield Capability("package", _NOBODY, f"s3:{action}", packages, _NOBODY)
    for action in (*_OBJECT_ACTIONS, *_OBJECT_OPERATING):
        yield Capability("package", _NOBODY, f"s3:{action}", f"{packages}/functions/any.zip", _NOBODY)


def _functions(planned: PlannedEnvironment) -> Iterator[Capability]:
    names = planned.names
    for ref in planned.manifests.functions:
        owner, own = frozenset({ref.service.service}), frozenset({key_of(ref)})
        for action in _FUNCTION_OPERATING:
            yield Capability("function", owner, f"lambda:{action}", names.function_arn(ref), _NOBODY)
        for action in ("sts:AssumeRole", "iam:PassRole", "iam:PutRolePolicy"):
            yield Capability("role", owner, action, names.role_arn(ref), _NOBODY)
        stream = names.arn("logs", f"log-group:{names.log_group(ref)}:log-stream:any")
        for action in ("CreateLogStream", "PutLogEvents"):
            yield Capability("log", owner, f"logs:{action}", stream, own)
        for action in ("GetLogEvents", "DeleteLogGroup", "PutRetentionPolicy"):
            yield Capability("log", owner, f"logs:{action}", stream, _NOBODY)


def _operating(planned: PlannedEnvironment) -> Iterator[Capability]:
    names = planned.names
    tracing = _holders(planned, lambda ref: ref.function.tracing)
    yield Capability("tracing", _services(tracing), "xray:PutTraceSegments", "*", tracing)
    for ref in planned.manifests.functions:
        bus = names.bus if ref.service.consumed_by(ref.name) else "default"
        for action in ("PutRule", "DisableRule", "RemoveTargets"):
            rule = names.rule_arn(names.function(ref), bus)
            yield Capability("rule", frozenset({ref.service.service}), f"events:{action}", rule, _NOBODY)
    archive = names.arn("events", f"archive/{names.bus}")
    yield Capability("replay", _NOBODY, "events:StartReplay", archive, _NOBODY)
    topic = names.arn("sns", f"{names.bus}-alarms")
    yield Capability("alarm", _NOBODY, "sns:Publish", topic, _NOBODY)
    pool = names.arn("cognito-idp", f"userpool/{planned.outputs['user_pool_id']}")
    for action in ("AdminCreateUser", "AdminInitiateAuth", "AdminGetUser", "ListUsers"):
        yield Capability("user", _NOBODY, f"cognito-idp:{action}", pool, _NOBODY)


def _services(holders: Iterable[str]) -> frozenset[str]:
    return frozenset(holder.partition(".")[0] for holder in holders)


_PARTS: Final[tuple[Callable[[PlannedEnvironment], Iterator[Capability]], ...]] = (
    _publishing,
    _queues,
    _secrets,
    _database,
    _tables,
    _images,
    _functions,
    _operating,
)
