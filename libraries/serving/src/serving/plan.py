"""What a container runs: functions with their queues, routes and schedules, derived from the manifests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from manifests import Deployment, Manifests
from manifests.topology import ApiRoute, Cors, HttpApi, LambdaFunction, Queue, QueueMapping, Rule, Topology, topology_of
from serving.errors import PlanError

_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_UNIT_S: Final = {"minute": 60, "hour": 3600, "day": 86400}


class Role(StrEnum):
    """What a container does with its services."""

    WORKER = "worker"
    WEB = "web"
    SCHEDULE = "schedule"


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """A queue of a function: messages in a batch, batches at once, receives of a message before it is dead-lettered."""

    name: str
    arn: str
    url: str
    batch_size: int
    concurrency: int
    max_receives: int


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """A route of a function; `is_public` needs no token."""

    key: str
    is_public: bool


@dataclass(frozen=True, slots=True, eq=False)
class FunctionPlan:
    """A function with the one thing that invokes it; `variables` are those that Lambda would give it."""

    service: str
    name: str
    arn: str
    role_arn: str
    handler: str
    memory_mb: int
    timeout_s: int
    variables: Mapping[str, str]
    queues: tuple[QueuePlan, ...] = ()
    routes: tuple[RoutePlan, ...] = ()
    every_s: int = 0
    schedule_event: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """`search.events`."""
        return f"{self.service}.{self.variables['FUNCTION']}"

    @property
    def role(self) -> Role:
        """The role of a container that runs it."""
        return Role.WORKER if self.queues else Role.WEB if self.routes else Role.SCHEDULE


@dataclass(frozen=True, slots=True)
class Plan:
    """What one container runs, and how its answers may be read by pages of other origins."""

    functions: tuple[FunctionPlan, ...]
    cors: Cors

    def of(self, role: Role) -> tuple[FunctionPlan, ...]:
        """The functions of a role."""
        return tuple(function for function in self.functions if function.role is role)


def make_plan(
    manifests: Manifests,
    deployment: Deployment,
    services: Iterable[str],
    roles: Iterable[Role],
    concurrency: int = 0,
) -> Plan:
    """The functions of these services and roles (none given: all that they have), with at most `concurrency` batches of
    a queue at once unless it is 0.

    Raises PlanError where there is nothing to run, and for cron() schedules.
    """
    wanted, roles = set(services), set(roles)
    if unknown := sorted(wanted - set(manifests.services)):
        known = ", ".join(sorted(manifests.services))
        raise PlanError(f"there is no service {', '.join(unknown)}; there are: {known}")
    topology = topology_of(manifests, deployment, "container")
    planned = (
        _function(deployment, function, topology)
        for function in topology.of(LambdaFunction)
        if function.service in wanted
    )
    functions = tuple(_bounded(function, concurrency) for function in planned if not roles or function.role in roles)
    for role in roles:
        if not any(function.role is role for function in functions):
            raise PlanError(f"{', '.join(sorted(wanted))} has nothing for the role {role}")
    return Plan(functions, topology.only(HttpApi).cors)


def _function(deployment: Deployment, function: LambdaFunction, topology: Topology) -> FunctionPlan:
    arn = deployment.names.arn("lambda", f"function:{function.name}")
    mappings = (mapping for mapping in topology.of(QueueMapping) if mapping.name == function.name)
    routes = topology.of(ApiRoute)
    schedule = next((rule for rule in topology.of(Rule) if rule.schedule and rule.targets[0].arn == arn), None)
    return FunctionPlan(
        service=function.service,
        name=function.name,
        arn=arn,
        role_arn=function.role_arn,
        handler=function.handler,
        memory_mb=function.memory_mb,
        timeout_s=function.timeout_s,
        variables=function.variables,
        queues=tuple(_queue(deployment, mapping, topology) for mapping in mappings),
        routes=tuple(RoutePlan(route.key, route.authorizer is None) for route in routes if route.function_arn == arn),
        every_s=_seconds(function.name, schedule.schedule) if schedule and schedule.schedule else 0,
        schedule_event=schedule.targets[0].input if schedule else None,
    )


def _queue(deployment: Deployment, mapping: QueueMapping, topology: Topology) -> QueuePlan:
    name = mapping.queue_arn.rsplit(":", 1)[-1]
    redrive = next(queue.redrive for queue in topology.of(Queue) if queue.name == name)
    if redrive is None:
        raise PlanError(f"{name} has no dead-letter queue")
    return QueuePlan(
        name=name,
        arn=mapping.queue_arn,
        url=deployment.queue_url(name),
        batch_size=mapping.batch_size,
        concurrency=mapping.max_concurrency,
        max_receives=redrive.max_receives,
    )


def _bounded(function: FunctionPlan, concurrency: int) -> FunctionPlan:
    if not concurrency:
        return function
    queues = tuple(replace(queue, concurrency=min(queue.concurrency, concurrency)) for queue in function.queues)
    return replace(function, queues=queues)


def _seconds(function: str, schedule: str) -> int:
    found = _RATE.fullmatch(schedule)
    if found is None:
        raise PlanError(f"{function}: containers keep schedules of the form rate(…), not {schedule}")
    return int(found[1]) * _UNIT_S[found[2]]
