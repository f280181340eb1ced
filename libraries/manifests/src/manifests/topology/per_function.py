"""What belongs to a function: its role, log group, queues, rules, routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from manifests.catalogue import FunctionRef, Manifests
from manifests.environment import Deployment, function_environment, queue_visibility_s
from manifests.model import Queue as DeclaredQueue
from manifests.model import RouteAuth, Trigger
from manifests.naming import Names
from manifests.patterns import aws_pattern, bus_pattern, replayed_pattern, schedule_input
from manifests.policies import Policy, function_policy, queue_policy, trust_policy
from manifests.topology.resources import (
    ApiRoute,
    Invoker,
    LambdaFunction,
    LogGroup,
    Queue,
    QueueMapping,
    Redrive,
    Resource,
    Role,
    Rule,
    Target,
)

DEFAULT_BUS = "default"
AUTHORIZER = "users"
DAY_S = 86400
# The maximum of SQS.
_MAX_BYTES = 1024 * 1024
_RETENTION_S = 4 * DAY_S
# The maximum of SQS: dead letters wait for an operator.
_DEAD_RETENTION_S = 14 * DAY_S
POLICY = "declared"
#: Batches of replayed events that a consumer handles at once: the least that AWS takes.
REPLAYED_CONCURRENCY = 2


def resources_of_function(
    manifests: Manifests, deployment: Deployment, api_id: str, ref: FunctionRef
) -> Iterator[Resource]:
    """Derive all resources of one function."""
    names, platform = deployment.names, manifests.platform
    name, rules = names.function(ref), list(_rules(names, ref))
    rule_arns = [names.rule_arn(rule.name, rule.bus) for rule in rules]
    yield LambdaFunction(
        name=name,
        service=ref.service.service,
        handler=ref.function.handler,
        runtime=platform.runtime,
        architecture=platform.architecture,
        memory_mb=ref.function.memory_mb,
        timeout_s=ref.function.timeout_s,
        role_arn=names.role_arn(ref),
        variables=function_environment(manifests, deployment, ref),
        invokers=tuple(_invokers(names, api_id, ref, rule_arns)),
    )
    yield Role(name=name, trust=trust_policy(), policies={POLICY: function_policy(deployment, ref)})
    yield LogGroup(name=names.log_group(ref), retention_days=platform.logs.retention_days)
    yield from rules
    yield from _queues(names, ref, rule_arns)
    for route in ref.function.gateway_routes:
        authorizer = AUTHORIZER if route.auth is RouteAuth.JWT else None
        yield ApiRoute(name=route.key, function_arn=names.function_arn(ref), authorizer=authorizer)


def dead_letter_queue(name: str, policy: Policy) -> Queue:
    """A queue that operators read."""
    return Queue(name=name, retention_s=_DEAD_RETENTION_S, max_bytes=_MAX_BYTES, policy=policy)


def _rules(names: Names, ref: FunctionRef) -> Iterator[Rule]:
    name = names.function(ref)
    if ref.function.trigger is Trigger.SCHEDULE:
        dead = names.queue_arn(names.schedules_dead_letter_queue)
        target = Target(arn=names.function_arn(ref), dead_letter_arn=dead, input=schedule_input(ref))
        yield Rule(name=name, bus=DEFAULT_BUS, schedule=ref.function.schedule, targets=(target,))
    target = Target(arn=names.queue_arn(name), dead_letter_arn=names.queue_arn(names.dead_letter_queue(ref)))
    if pattern := bus_pattern(ref):
        yield Rule(name=name, bus=names.bus, pattern=pattern, targets=(target,))
    for number, event in enumerate(ref.service.aws_events_of(ref.name)):
        numbered = f"{name}-{number}" if number else name
        yield Rule(name=numbered, bus=DEFAULT_BUS, pattern=aws_pattern(names, event), targets=(target,))
    replayed, pattern = names.replayed_queue(ref), replayed_pattern(ref)
    if replayed and pattern:
        aside = replace(target, arn=names.queue_arn(replayed))
        yield Rule(name=replayed, bus=names.bus, pattern=pattern, targets=(aside,))


def _queues(names: Names, ref: FunctionRef, rule_arns: list[str]) -> Iterator[Resource]:
    """The queues of a consumer, their mappings, and the dead-letter queue, which the rules use too."""
    queue, name, dead = ref.function.queue, names.function(ref), names.dead_letter_queue(ref)
    if queue is None:
        return
    yield dead_letter_queue(dead, queue_policy(names.queue_arn(dead), rule_arns))
    replayed = names.replayed_queue(ref)
    live_rules = [arn for arn in rule_arns if replayed is None or not arn.endswith(replayed)]
    yield from _queue(names, ref, queue, name, live_rules)
    if replayed:
        slow = queue.model_copy(update={"max_concurrency": REPLAYED_CONCURRENCY})
        yield from _queue(names, ref, slow, replayed, [names.rule_arn(replayed, names.bus)])


def _queue(names: Names, ref: FunctionRef, queue: DeclaredQueue, name: str, rule_arns: list[str]) -> Iterator[Resource]:
    dead = names.queue_arn(names.dead_letter_queue(ref))
    yield Queue(
        name=name,
        retention_s=_RETENTION_S,
        max_bytes=_MAX_BYTES,
        policy=queue_policy(names.queue_arn(name), rule_arns),
        visibility_s=queue_visibility_s(ref),
        redrive=Redrive(queue_arn=dead, max_receives=queue.max_receives),
    )
    yield QueueMapping(
        name=names.function(ref),
        queue_arn=names.queue_arn(name),
        batch_size=queue.batch_size,
        max_concurrency=queue.max_concurrency,
    )


def _invokers(names: Names, api_id: str, ref: FunctionRef, rule_arns: list[str]) -> Iterator[Invoker]:
    """Queues need no permission: they are polled with the function's own role."""
    if ref.function.trigger is Trigger.ROUTES:
        source = names.arn("execute-api", f"{api_id}/*/*")
        yield Invoker(statement="api", principal="apigateway.amazonaws.com", source_arn=source)
    elif ref.function.trigger is Trigger.SCHEDULE:
        yield Invoker(statement="schedule", principal="events.amazonaws.com", source_arn=rule_arns[0])
