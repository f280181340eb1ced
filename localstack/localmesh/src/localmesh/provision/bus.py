"""The event bus, its archive, and the rules that route events and schedules to functions."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from manifests.topology import DEFAULT_BUS, Archive, EventBus, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_events.type_defs import TargetTypeDef

_TARGET = "function"


def provision_bus(context: Context) -> None:
    """Create the bus; create or update its archive."""
    events, bus, archive = context.clients.events, context.topology.only(EventBus), context.topology.only(Archive)
    if _found(lambda: events.describe_event_bus(Name=bus.name)) is None:
        events.create_event_bus(Name=bus.name)
        context.note("bus", bus.name, Action.CREATED)
    wanted: dict[str, Any] = {
        "EventPattern": json.dumps(archive.pattern),
        "RetentionDays": archive.retention_days,
    }
    current = _found(lambda: events.describe_archive(ArchiveName=archive.name))
    if current and current["EventSourceArn"] != archive.bus_arn:
        # The bus of an archive cannot be changed.
        events.delete_archive(ArchiveName=archive.name)
        context.note("archive", archive.name, Action.REMOVED)
        current = None
    if current is None:
        events.create_archive(ArchiveName=archive.name, EventSourceArn=archive.bus_arn, **wanted)
        context.note("archive", archive.name, Action.CREATED)
    elif any(current.get(key) != value for key, value in wanted.items()):
        events.update_archive(ArchiveName=archive.name, **wanted)
        context.note("archive", archive.name, Action.UPDATED)


def provision_rules(context: Context) -> None:
    """Create, update and remove rules; each has exactly one target."""
    rules = context.topology.of(Rule)
    found = {key for bus in (context.names.bus, DEFAULT_BUS) for key in _list(context, bus)}
    in_parallel(lambda rule: _provision_rule(context, rule), rules)
    in_parallel(lambda key: _remove(context, *key), found - {(rule.bus, rule.name) for rule in rules})


def _provision_rule(context: Context, rule: Rule) -> None:
    events = context.clients.events
    wanted: dict[str, Any] = {
        "State": "ENABLED" if rule.enabled else "DISABLED",
        "EventPattern": json.dumps(rule.pattern) if rule.pattern else "",
        "ScheduleExpression": rule.schedule or "",
    }
    current = _found(lambda: events.describe_rule(Name=rule.name, EventBusName=rule.bus)) or {}
    if any((current.get(key) or "") != value for key, value in wanted.items()):
        given = {key: value for key, value in wanted.items() if value}
        events.put_rule(Name=rule.name, EventBusName=rule.bus, **given)
        context.note("rule", rule.name, Action.UPDATED if current else Action.CREATED)
    (declared,) = rule.targets
    target: TargetTypeDef = {
        "Id": _TARGET,
        "Arn": declared.arn,
        "DeadLetterConfig": {"Arn": declared.dead_letter_arn},
    }
    if declared.input:
        target["Input"] = json.dumps(declared.input)
    targets = events.list_targets_by_rule(Rule=rule.name, EventBusName=rule.bus)["Targets"]
    if targets == [target]:
        return
    if undeclared := [item["Id"] for item in targets if item["Id"] != _TARGET]:
        events.remove_targets(Rule=rule.name, EventBusName=rule.bus, Ids=undeclared)
    events.put_targets(Rule=rule.name, EventBusName=rule.bus, Targets=[target])
    context.note("target", rule.name, Action.UPDATED if targets else Action.CREATED)


def _list(context: Context, bus: str) -> list[tuple[str, str]]:
    pages = context.clients.events.get_paginator("list_rules").paginate(
        NamePrefix=context.names.prefix, EventBusName=bus
    )
    return [(bus, rule["Name"]) for page in pages for rule in page["Rules"]]


def _remove(context: Context, bus: str, name: str) -> None:
    events = context.clients.events
    targets = events.list_targets_by_rule(Rule=name, EventBusName=bus)["Targets"]
    if targets:
        events.remove_targets(Rule=name, EventBusName=bus, Ids=[target["Id"] for target in targets])
    events.delete_rule(Name=name, EventBusName=bus)
    context.note("rule", name, Action.REMOVED)


def _found(describe: Callable[[], Any]) -> dict[str, Any] | None:
    """The description of a resource; None when it does not exist."""
    try:
        return dict(describe())
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return None
        raise
