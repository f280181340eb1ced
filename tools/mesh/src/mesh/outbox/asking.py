"""Asks the relays of an environment about parked events: `chassis.parked_events` answers.

The relays are functions: whoever may invoke them needs no password of the database.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

from chassis.parked_events import PAGE
from mesh.environments import Environment
from mesh.functions import Functions, answering
from mesh.outbox.errors import RelayOutdatedError, ServiceUnknownError

# Within the concurrency of a small account or machine.
_AT_ONCE: Final = 3


class ParkedEvent(BaseModel):
    """An event that the bus refuses: never its tenant, nor anything of its contents."""

    model_config = ConfigDict(frozen=True)

    position: int
    event_id: str
    type: str
    attempts: int
    reason: str
    parked_at: str


class ParkedOf(BaseModel):
    """How many events of a service are parked, and the oldest of them."""

    model_config = ConfigDict(frozen=True)

    service: str
    total: int
    events: tuple[ParkedEvent, ...]

    @property
    def event_ids(self) -> list[str]:
        return [event.event_id for event in self.events]

    def of(self, event_ids: Collection[str]) -> ParkedOf:
        """Only the events with these ids."""
        events = tuple(event for event in self.events if event.event_id in event_ids)
        return self.model_copy(update={"events": events})


class Relays:
    """The relays of all services of an environment, or of one; of search it is its maintenance."""

    def __init__(self, environment: Environment, only: str | None = None) -> None:
        having = answering(environment)
        if only is not None and only not in having:
            known = ", ".join(sorted(having)) or "none"
            raise ServiceUnknownError(
                f"{only!r} is no service with an outbox in {environment.environment} (there are: {known})"
            )
        self._services = sorted(having) if only is None else [only]
        self._keys = having
        self._functions = Functions(environment)

    def parked(self, *, limit: int | None = None) -> list[ParkedOf]:
        """What is parked, by service: at most so many of each, oldest first."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(lambda service: self._parked(service, limit), self._services))

    def retry(self, service: str, event_ids: Sequence[str]) -> int:
        """Let the relay try these events again; returns how many of them were parked."""
        return sum(
            int(self._ask(service, {"retry": event_ids[start : start + PAGE]}, "retried")["retried"])
            for start in range(0, len(event_ids), PAGE)
        )

    def _parked(self, service: str, limit: int | None) -> ParkedOf:
        events: list[ParkedEvent] = []
        while True:
            after = events[-1].position if events else 0
            answer = self._ask(service, {"list": after}, "events")
            events += map(ParkedEvent.model_validate, answer["events"])
            if len(answer["events"]) < PAGE or (limit is not None and len(events) >= limit):
                return ParkedOf(service=service, total=answer["total"], events=tuple(events[:limit]))

    def _ask(self, service: str, request: dict[str, Any], expected: str) -> dict[str, Any]:
        answer = self._functions.invoke(self._keys[service], {"parked": request})
        if expected not in answer:  # it has run as on schedule, which does no harm
            raise RelayOutdatedError(f"the relay of {service} knows nothing of parked events yet: deploy {service}")
        return answer
