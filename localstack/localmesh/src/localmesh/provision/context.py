"""The context of a provisioning run: what every step needs, and the changes it made."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from botocore.exceptions import ClientError

from localmesh.config import API_ID, MeshSettings, Mode
from localmesh.provision.clients import THREADS, Clients
from manifests import Deployment, Manifests, Names
from manifests.policies import operators_trust_policy
from manifests.topology import (
    ApiRoute,
    HttpApi,
    LambdaFunction,
    QueueMapping,
    Resource,
    Role,
    Rule,
    Topology,
    topology_of,
)

Report = Callable[[str], None]
T = TypeVar("T")


class Action(StrEnum):
    """What was done to a resource."""

    CREATED = "created"
    UPDATED = "updated"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that differed from the manifests, and what was done."""

    kind: str
    name: str
    action: Action

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.kind} {self.name} {self.action}"


@dataclass(frozen=True)
class Context:
    """The manifests, the deployment, the clients; `changes` grows while provisioning runs."""

    settings: MeshSettings
    manifests: Manifests
    deployment: Deployment
    clients: Clients
    report: Report
    changes: list[Change] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def names(self) -> Names:
        """Names of this environment."""
        return self.deployment.names

    @cached_property
    def topology(self) -> Topology:
        """All resources that have to exist: in containers, no functions and what invokes them."""
        whole = topology_of(self.manifests, self.deployment, API_ID)
        return _without_functions(whole, self.deployment.names) if self.settings.mode is Mode.CONTAINERS else whole

    def note(self, kind: str, name: str, action: Action) -> None:
        """Record and report a change."""
        change = Change(kind, name, action)
        with self._lock:
            self.changes.append(change)
            self.report(str(change))


def _without_functions(whole: Topology, names: Names) -> Topology:
    """Queues are polled, routes served and schedules kept by containers, which assume the functions' roles."""

    def is_kept(resource: Resource) -> bool:
        if isinstance(resource, (LambdaFunction, QueueMapping, HttpApi, ApiRoute)):
            return False
        return not (isinstance(resource, Rule) and resource.schedule)

    return Topology(
        tuple(_trusted(one, names) if isinstance(one, Role) else one for one in whole.resources if is_kept(one))
    )


def _trusted(role: Role, names: Names) -> Role:
    trust = {**role.trust, "Statement": [*role.trust["Statement"], *operators_trust_policy(names)["Statement"]]}
    return role if role.trust == operators_trust_policy(names) else replace(role, trust=trust)


def in_parallel(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Run the work for every item on several threads; the first error is raised after all have ended."""
    with ThreadPoolExecutor(THREADS) as pool:
        for future in [pool.submit(work, item) for item in items]:
            future.result()


def all_at_once(*steps: Callable[[], None]) -> None:
    """Run independent steps in parallel."""
    in_parallel(lambda step: step(), steps)


def error_code(error: ClientError) -> str:
    """The error code of an AWS service."""
    return str(error.response.get("Error", {}).get("Code", ""))
