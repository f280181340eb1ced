"""A service in this process: what its callers, its queue and its event store see of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from chassis import store
from chassis.queue import EventConsumer
from chassis.service import Service
from chassis.settings import Settings
from contracts import Contract, Event
from testkit.invoking import Answer, EntryPoint, call, dead_letters, deliver

S = TypeVar("S", bound=Settings)


@dataclass(frozen=True)
class RunningService(Generic[S]):
    """Each service's tests extend it with what is the service's own."""

    service: Service[S]
    http: EntryPoint
    on_events: EventConsumer

    def request(
        self,
        method: str,
        path: str,
        tenant: str,
        *,
        query: Mapping[str, str] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Call the HTTP entry point."""
        return call(self.http, method, path, tenant, query=query, body=body, headers=headers)

    def consume(self, *events: Event[Contract], attempt: int = 1) -> int:
        """Deliver a batch through the queue; returns how many stay in it."""
        return len(deliver(self.on_events, *events, receives=attempt))

    def recorded(self, tenant: str, subject: str) -> list[Event[Contract]]:
        """What the service recorded about the subject."""
        return store.read_stream(self.service.database.connection(), tenant, subject)

    def dead_letters(self) -> list[str]:
        """The reasons of the dead letters since the last look."""
        letters = dead_letters(self.service.aws.sqs, self.service.settings.dead_letter_queue_url)
        return [letter.reason for letter in letters]
