"""Asks the services of an environment what they have recorded and applied: `chassis.inspection` answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from chassis.observability import hash_tenant
from manifests import Manifests
from mesh.dlq.letters import Letter, Selection
from mesh.dlq.queues import DeadLetterQueues
from mesh.environments import Environment
from mesh.functions import Functions, answering
from mesh.trace.errors import NothingRecordedError, ServiceOutdatedError, SeveralTenantsError
from mesh.trace.model import Delivery, Recorded, Trace, Unpublished

# Within the concurrency of a small account or machine.
_AT_ONCE: Final = 3
# Inbox rows are kept for 90 days: a delivery that is missing says nothing thereafter.
_INBOX_DAYS: Final = 89


class Inspectors:
    """The functions of an environment that answer, by service."""

    def __init__(self, environment: Environment) -> None:
        self.keys = answering(environment)
        self._functions = Functions(environment)

    def ask(self, request: Mapping[str, Any], expected: str, *, about: str = "inspect") -> dict[str, Any]:
        """The answer of every service, by name. Raises ServiceOutdatedError."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = pool.map(lambda service: self.ask_one(service, request, expected, about=about), self.keys)
            return dict(zip(self.keys, answers, strict=True))

    def ask_one(self, service: str, request: Mapping[str, Any], expected: str, *, about: str = "inspect") -> Any:  # noqa: ANN401 - any JSON document
        """The answer of one service. Raises ServiceOutdatedError."""
        answer = self._functions.invoke(self.keys[service], {about: request})
        if expected not in answer:  # it has run as on schedule, which does no harm
            raise ServiceOutdatedError(f"{service} cannot be asked yet: deploy {service}")
        return answer


def find(environment: Environment, asked: str, manifests: Manifests, *, tenant: str | None = None) -> Trace:
    """Everything that is known about an item, a session, or a correlation id; `tenant` is an id or its hash.

    Raises NothingRecordedError, SeveralTenantsError, ServiceOutdatedError.
    """
    inspectors = Inspectors(environment)
    answers = inspectors.ask({"events": asked}, "events")
    recorded = [Recorded.model_validate(each) for answer in answers.values() for each in answer["events"]]
    events = sorted(_of_tenant(recorded, asked, environment, tenant), key=lambda event: (event.time, event.recorded_at))
    keys = [[event.source, event.id] for event in events]
    known = inspectors.ask({"deliveries": keys}, "applied")
    letters = DeadLetterQueues(environment).letters(Selection())
    return Trace(
        asked=asked,
        environment=environment.environment,
        events=tuple(events),
        deliveries=tuple(_deliveries(events, known, letters, consumers_of(manifests), datetime.now(UTC))),
        unpublished=tuple(
            Unpublished.model_validate(row) for answer in known.values() for row in answer["unpublished"]
        ),
    )


def consumers_of(manifests: Manifests) -> dict[str, list[str]]:
    """Event type -> the services that consume it."""
    found: dict[str, list[str]] = {}
    for name, manifest in manifests.services.items():
        for item in manifest.consumes:
            if item.event:
                found.setdefault(item.event, []).append(name)
    return found


def _of_tenant(events: Iterable[Recorded], asked: str, environment: Environment, tenant: str | None) -> list[Recorded]:
    found = [event for event in events if tenant is None or event.tenant in {tenant, hash_tenant(tenant)}]
    if not found:
        raise NothingRecordedError(f"nothing is recorded about {asked} in {environment.environment}")
    if len(tenants := sorted({event.tenant for event in found})) > 1:
        raise SeveralTenantsError(f"several tenants have {asked}: choose one by --tenant ({', '.join(tenants)})")
    return found


def _deliveries(
    events: Sequence[Recorded],
    known: Mapping[str, Any],
    letters: Sequence[Letter],
    consumers: Mapping[str, Sequence[str]],
    now: datetime,
) -> Iterable[Delivery]:
    for event in events:
        named = [letter for letter in letters if letter.event_id == event.id]
        for consumer in consumers.get(event.type, ()):
            rows = [row for row in known.get(consumer, {}).get("applied", ()) if row["event_id"] == event.id]
            dead = [letter for letter in named if letter.queue.partition(".")[0] == consumer]
            for row in rows:
                at, replay_id = row["received_at"], row["replay_id"]
                yield Delivery(event_id=event.id, consumer=consumer, outcome="applied", at=at, replay_id=replay_id)
            for letter in dead:
                yield Delivery(
                    event_id=event.id,
                    consumer=consumer,
                    outcome="dead-letter",
                    at=datetime.fromisoformat(letter.sent_at),
                    replay_id=letter.replay_id,
                    reason=f"{letter.reason}: {letter.detail}",
                    receives=letter.receives,
                )
            if not rows and not dead:
                is_old = event.time < now - timedelta(days=_INBOX_DAYS)
                yield Delivery(event_id=event.id, consumer=consumer, outcome="unknown" if is_old else "waiting")
