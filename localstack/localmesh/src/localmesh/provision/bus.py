"""The event bus, its archive, and the rules that lead events and schedules to functions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from manifests import FunctionRef, Trigger, archive_pattern, aws_pattern, bus_pattern, schedule_input

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import TargetTypeDef

DEFAULT_BUS = "default"
_TARGET = "function"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it shall be; `pattern` or `schedule`, one target, and the queue for what cannot be delivered to it."""

    name: str
    bus: str
    target_arn: str
    dead_letter_arn: str
    pattern: str | None = None
    schedule: str | None = None
    input: str | None = None


def provision_bus(context: Context) -> None:
    """Make the bus and its archive."""
    events, bus = context.clients.events, context.names.bus
    if not _exists(lambda: events.describe_event_bus(Name=bus)):
        events.create_event_bus(Name=bus)
        context.note("bus", bus, Action.CREATED)
    wanted: dict[str, Any] = {
        "EventPattern": json.dumps(archive_pattern()),
        "RetentionDays": context.manifests.platform.bus.archive_days,
    }
    try:
        current = events.describe_archive(ArchiveName=bus)
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        events.create_archive(ArchiveName=bus, EventSourceArn=context.names.bus_arn, **wanted)
        context.note("archive", bus, Action.CREATED)
        return
    if any(current.get(key) != value for key, value in wanted.items()):
        events.update_archive(ArchiveName=bus, **wanted)
        context.note("archive", bus, Action.UPDATED)


def rules_of(context: Context, ref: FunctionRef) -> list[Rule]:
    """Every rule that leads to a function."""
    names = context.names
    name, queue = names.function(ref), names.queue_arn(names.function(ref))
    dead = names.queue_arn(names.dead_letter_queue(ref))
    rules: list[Rule] = []
    if pattern := bus_pattern(ref):
        rules.append(Rule(name, names.bus, queue, dead, pattern=json.dumps(pattern)))
    for number, event in enumerate(ref.service.aws_events_of(ref.name)):
        rule_name = f"{name}-{number}" if number else name
        rules.append(Rule(rule_name, DEFAULT_BUS, queue, dead, pattern=json.dumps(aws_pattern(names, event))))
    if ref.function.trigger is Trigger.SCHEDULE:
        told = json.dumps(schedule_input(ref))
        arn = names.function_arn(ref)
        dead = names.queue_arn(names.schedules_dead_letter_queue)
        rules.append(Rule(name, DEFAULT_BUS, arn, dead, schedule=ref.function.schedule, input=told))
    return rules


def rule_arns(context: Context, ref: FunctionRef) -> list[str]:
    """The ARNs of the rules that lead to a function."""
    return [context.names.rule_arn(rule.name, rule.bus) for rule in rules_of(context, ref)]


def provision_rules(context: Context) -> None:
    """Make, mend and remove rules; each has exactly one target."""
    wanted = {(rule.bus, rule.name): rule for ref in context.manifests.functions for rule in rules_of(context, ref)}
    found = {key for bus in (context.names.bus, DEFAULT_BUS) for key in _list(context, bus)}
    in_parallel(lambda rule: _provision_rule(context, rule), wanted.values())
    in_parallel(lambda key: _remove(context, *key), found - set(wanted))


def _provision_rule(context: Context, rule: Rule) -> None:
    events = context.clients.events
    wanted: dict[str, Any] = {"State": "ENABLED"}
    if rule.pattern:
        wanted["EventPattern"] = rule.pattern
    if rule.schedule:
        wanted["ScheduleExpression"] = rule.schedule
    try:
        current: dict[str, Any] = dict(events.describe_rule(Name=rule.name, EventBusName=rule.bus))
    except ClientError as error:
        if error_code(error) != "ResourceNotFoundException":
            raise
        current = {}
    if any(current.get(key) != value for key, value in wanted.items()):
        events.put_rule(Name=rule.name, EventBusName=rule.bus, **wanted)
        context.note("rule", rule.name, Action.UPDATED if current else Action.CREATED)
    target: TargetTypeDef = {
        "Id": _TARGET,
        "Arn": rule.target_arn,
        "DeadLetterConfig": {"Arn": rule.dead_letter_arn},
    }
    if rule.input:
        target["Input"] = rule.input
    targets = events.list_targets_by_rule(Rule=rule.name, EventBusName=rule.bus)["Targets"]
    if targets == [target]:
        return
    if strangers := [item["Id"] for item in targets if item["Id"] != _TARGET]:
        events.remove_targets(Rule=rule.name, EventBusName=rule.bus, Ids=strangers)
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


def _exists(describe: Any) -> bool:  # noqa: ANN401 - any call without arguments
    try:
        describe()
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException":
            return False
        raise
    return True
