"""Asks an environment what it holds of a tenant, and what was erased: `chassis.forgetting` answers for each service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mesh.dlq.letters import Selection
from mesh.dlq.queues import DeadLetterQueues
from mesh.environments import Environment
from mesh.trace.asking import Inspectors

_ASKED: Final = "forgetting"


@dataclass(frozen=True, slots=True)
class Held:
    """How much there is of a tenant: of each service by store, objects in the bucket, and dead letters."""

    services: Mapping[str, Mapping[str, int]]
    objects: int = 0
    dead_letters: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.objects or self.dead_letters or any(self.services.values()))

    def rows(self) -> list[tuple[str, str, int]]:
        """Service, store and number; what no single service holds comes last."""
        of_all = (("objects and older versions", self.objects), ("dead letters", self.dead_letters))
        of_services = [
            (service, store, number)
            for service, stores in sorted(self.services.items())
            for store, number in sorted(stores.items())
        ]
        return of_services + [("all", store, number) for store, number in of_all if number]


@dataclass(frozen=True, slots=True)
class Report:
    """What every service has erased, by store; None of a service that is not done."""

    services: Mapping[str, Mapping[str, int] | None] = field(default_factory=dict)

    @property
    def waiting(self) -> list[str]:
        """The services that are not done."""
        return sorted(service for service, stores in self.services.items() if stores is None)

    def rows(self) -> list[tuple[str, str, int]]:
        """Service, store and number."""
        return [
            (service, store, number)
            for service, stores in sorted(self.services.items())
            for store, number in sorted((stores or {}).items())
        ]


def held(environment: Environment, tenant: str) -> Held:
    """Count what there is of the tenant. Raises ServiceOutdatedError."""
    answers = Inspectors(environment).ask({"count": tenant}, "stores", about=_ASKED)
    pages = environment.aws.s3.get_paginator("list_object_versions").paginate(
        Bucket=environment.images_bucket, Prefix=f"{tenant}/"
    )
    objects = sum(len(page.get("Versions", ())) + len(page.get("DeleteMarkers", ())) for page in pages)
    letters = DeadLetterQueues(environment).letters(Selection(tenant=tenant))
    return Held({service: answer["stores"] for service, answer in answers.items()}, objects, len(letters))


def report(environment: Environment, tenant: str) -> Report:
    """What each service has erased. Raises ServiceOutdatedError."""
    answers = Inspectors(environment).ask({"show": tenant}, "is_forgotten", about=_ASKED)
    return Report({service: answer["stores"] for service, answer in answers.items()})
