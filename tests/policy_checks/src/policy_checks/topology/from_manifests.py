"""The topology as the manifests want it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from manifests import (
    Deployment,
    FunctionRef,
    Manifests,
    RouteAuth,
    Table,
    Trigger,
    archive_pattern,
    aws_pattern,
    bus_pattern,
    function_environment,
    function_policy,
    queue_policy,
    queue_visibility_s,
    schedule_input,
    schedules_queue_policy,
    trust_policy,
)
from policy_checks.topology import forms
from policy_checks.topology.forms import Key, Settings, Topology

DAY_S = 86400
# Of a message, in bytes: as much as SQS takes.
LARGEST = 1024 * 1024
_Part = Iterator[tuple[Key, Settings]]


def topology_from_manifests(manifests: Manifests, deployment: Deployment) -> Topology:
    """Derive it for a place."""
    found: dict[Key, Settings] = {}
    for ref in manifests.functions:
        found |= dict(_function(manifests, deployment, ref))
        found |= dict(_queue(deployment, ref))
        found |= dict(_rules(deployment, ref))
        found |= dict(_routes(deployment, ref))
    found |= dict(_tables(manifests, deployment))
    found |= dict(_shared(manifests, deployment))
    return found


def _function(manifests: Manifests, deployment: Deployment, ref: FunctionRef) -> _Part:
    names, name, function = deployment.names, deployment.names.function(ref), ref.function
    yield (
        Key("function", name),
        {
            "handler": function.handler,
            "memory_mb": function.memory_mb,
            "timeout_s": function.timeout_s,
            "runtime": manifests.platform.runtime,
            "architectures": [manifests.platform.architecture],
            "role": name,
            "variables": forms.variables(function_environment(manifests, deployment, ref)),
        },
    )
    policies = {"declared": forms.policy(function_policy(deployment, ref))}
    yield Key("role", name), {"trust": forms.policy(trust_policy()), "policies": policies}
    yield Key("log group", names.log_group(ref)), {"days": manifests.platform.logs.retention_days}


def _queue(deployment: Deployment, ref: FunctionRef) -> _Part:
    names, queue = deployment.names, ref.function.queue
    if queue is None:
        return
    name, dead = names.function(ref), names.dead_letter_queue(ref)
    rules = [names.rule_arn(rule, bus) for rule, bus, _ in _patterns(deployment, ref)]
    yield (
        Key("queue", name),
        {
            "visibility_s": queue_visibility_s(ref),
            "retention_s": 4 * DAY_S,
            "largest": LARGEST,
            "redrive": {"to": names.queue_arn(dead), "after": queue.max_receives},
            "senders": forms.senders(queue_policy(names.queue_arn(name), rules)),
        },
    )
    yield Key("queue", dead), _dead_letter_queue(queue_policy(names.queue_arn(dead), rules))
    yield (
        Key("mapping", name),
        {
            "queue": names.queue_arn(name),
            "batch_size": queue.batch_size,
            "maximum_concurrency": queue.max_concurrency,
            "responses": ["ReportBatchItemFailures"],
            "enabled": True,
        },
    )


def _dead_letter_queue(policy: Any) -> Settings:
    return {
        "visibility_s": None,
        "retention_s": 14 * DAY_S,
        "largest": LARGEST,
        "redrive": None,
        "senders": forms.senders(policy),
    }


def _patterns(deployment: Deployment, ref: FunctionRef) -> Iterator[tuple[str, str, Any]]:
    """Name, bus and pattern of each rule that leads to a queue."""
    names, name = deployment.names, deployment.names.function(ref)
    if found := bus_pattern(ref):
        yield name, names.bus, found
    for number, event in enumerate(ref.service.aws_events_of(ref.name)):
        yield (f"{name}-{number}" if number else name), "default", aws_pattern(names, event)


def _rules(deployment: Deployment, ref: FunctionRef) -> _Part:
    names, name = deployment.names, deployment.names.function(ref)
    if ref.function.queue:
        target: Settings = {
            "arn": names.queue_arn(name),
            "input": None,
            "dead_letters": names.queue_arn(names.dead_letter_queue(ref)),
        }
        for rule, bus, found in _patterns(deployment, ref):
            yield Key("rule", f"{bus}/{rule}"), _rule(forms.pattern(found), None, target)
    if ref.function.trigger is Trigger.SCHEDULE:
        target = {
            "arn": names.function_arn(ref),
            "input": schedule_input(ref),
            "dead_letters": names.queue_arn(names.schedules_dead_letter_queue),
        }
        yield Key("rule", f"default/{name}"), _rule(None, ref.function.schedule, target)
        invoker = {"principal": "events.amazonaws.com", "source": names.rule_arn(name)}
        yield Key("invokers", name), {"invokers": [invoker]}


def _rule(found: Any, schedule: str | None, target: Settings) -> Settings:
    return {"pattern": found, "schedule": schedule, "enabled": True, "targets": [target]}


def _routes(deployment: Deployment, ref: FunctionRef) -> _Part:
    names = deployment.names
    if ref.function.trigger is not Trigger.ROUTES:
        return
    for route in ref.function.routes:
        needs_token = route.auth is RouteAuth.JWT
        yield (
            Key("route", route.key),
            {
                "function": names.function_arn(ref),
                "authorization": "JWT" if needs_token else "NONE",
                "authorizer": "users" if needs_token else None,
            },
        )
    invoker = {"principal": "apigateway.amazonaws.com", "source": names.arn("execute-api", "(api)/*/*")}
    yield Key("invokers", names.function(ref)), {"invokers": [invoker]}


def _tables(manifests: Manifests, deployment: Deployment) -> _Part:
    for service in manifests.services.values():
        for name, table in service.tables.items():
            yield Key("table", deployment.names.table(name)), _table(table)


def _table(table: Table) -> Settings:
    return {
        "keys": [table.partition_key, table.sort_key],
        "ttl": table.ttl,
        "indexes": {name: [index.partition_key, index.sort_key, "ALL"] for name, index in table.indexes.items()},
        "billing": "PAY_PER_REQUEST",
        "attributes": "strings",
    }


def _shared(manifests: Manifests, deployment: Deployment) -> _Part:
    names, platform = deployment.names, manifests.platform
    yield Key("bus", names.bus), {}
    archive = {"bus": names.bus_arn, "pattern": forms.pattern(archive_pattern()), "days": platform.bus.archive_days}
    yield Key("archive", names.bus), archive
    schedules = names.schedules_dead_letter_queue
    yield Key("queue", schedules), _dead_letter_queue(schedules_queue_policy(names))
    yield (
        Key("bucket", names.images_bucket),
        {
            "private": True,
            "versioning": "Enabled",
            "tells the bus": True,
            "cors": [
                {
                    "headers": ["*"],
                    "methods": ["GET", "POST"],
                    "origins": sorted(platform.images.cors_origins),
                    "age_s": 3600,
                }
            ],
            "old versions go after": platform.images.noncurrent_days,
            "expire": {expiry.id: [expiry.prefix, expiry.days] for expiry in platform.images.expire},
        },
    )
    routes = [route for ref in manifests.functions for route in ref.function.routes]
    yield (
        Key("api", names.api),
        {
            "cors": {
                "origins": sorted(platform.api.cors_origins),
                # A page in a browser may call every route.
                "methods": sorted({"OPTIONS", *(route.method for route in routes)}),
                "headers": ["accept", "authorization", "content-type", "idempotency-key", "prefer"],
                "exposed": ["location", "retry-after"],
                "age_s": 3600,
            },
            "throttling": [platform.api.throttling.rate, platform.api.throttling.burst],
            "authorizers": {"users": {"audience": ["(client)"], "issuer": "(issuer)"}},
        },
    )
    password, tokens = platform.identity.password, platform.identity.tokens
    yield (
        Key("user pool", names.api),
        {
            "names are": ["email"],
            "verified": ["email"],
            "password": {
                "length": password.minimum_length,
                "lowercase": password.lowercase,
                "uppercase": password.uppercase,
                "numbers": password.numbers,
                "symbols": password.symbols,
            },
        },
    )
    yield (
        Key("client", names.api),
        {
            "flows": ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"],
            "access": [tokens.access_minutes, "minutes"],
            "id": [tokens.id_minutes, "minutes"],
            "refresh": [tokens.refresh_days, "days"],
            "tells who exists": False,
            "secret": False,
        },
    )
