"""Event stores against inboxes, queues and dead letters: what a consumer has not applied, and why."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from chassis.observability import hash_tenant
from contracts import ReplayKind
from mesh.audit.asking import Services
from mesh.audit.model import INBOX, Difference, Kind, Recorded, Replay, Scope
from mesh.dlq.letters import Letter

#: A queue keeps a message for so long: what is older is in none.
_QUEUE_DAYS: Final = 4

#: What consumers react to, beside folding it: a rebuild does not bring that about. Held by a test.
_REACTIONS: Final[Mapping[str, frozenset[str]]] = {
    "analysis": frozenset({"imaging.image-processed", "analysis.analysis-requested", "ingest.retry-requested"}),
    "chat": frozenset({"ingest.item-deleted", "sessions.session-deleted", "sessions.session-expired"}),
    "embedding": frozenset({"analysis.item-analyzed", "ingest.item-deleted", "embedding.rebuild-requested"}),
    "imaging": frozenset({"ingest.item-uploaded", "ingest.item-deleted", "ingest.retry-requested"}),
    "ingest": frozenset({"ingest.item-deleted", "ingest.retry-requested"}),
    "search": frozenset(),
    "sessions": frozenset({"chat.turn-completed"}),
}
#: What every service does when a person is forgotten.
REACTIONS: Final = {service: facts | {"ingest.tenant-forgotten"} for service, facts in _REACTIONS.items()}


@dataclass(frozen=True, slots=True)
class Lacking:
    """An event that the consumer's inbox does not have, or has from these replays alone."""

    consumer: str
    event: Recorded
    replays: tuple[str, ...] = ()


def reacts(consumer: str, event_type: str) -> bool:
    """Whether the consumer does more with such an event than fold it."""
    return event_type.removeprefix("collections.").rpartition(".v")[0] in REACTIONS.get(consumer, frozenset())


def lacking(services: Services, events: Iterable[Recorded], consumers: Mapping[str, Sequence[str]]) -> list[Lacking]:
    """Which of these events which consumer lacks. Raises like `Services.ask`."""
    asked: dict[str, dict[str, Recorded]] = defaultdict(dict)
    for event in events:
        for consumer in consumers.get(event.type, ()):
            asked[consumer][event.id] = event
    found: list[Lacking] = []
    for consumer, by_id in asked.items():
        keys: dict[str, list[str]] = defaultdict(list)
        for event in by_id.values():
            keys[f"collections.{event.service}"].append(event.id)
        answer = services.ask(consumer, {"applied": keys}, "missing")
        found += [Lacking(consumer, by_id[event_id]) for event_id in answer["missing"]]
        found += [
            Lacking(consumer, by_id[event_id], tuple(replays))
            for event_id, replays in answer["replayed"].items()
            if reacts(consumer, by_id[event_id].type)
        ]
    return found


def judge(
    found: Sequence[Lacking],
    letters: Sequence[Letter],
    scope: Scope,
    *,
    waiting: Callable[[str, str], int],
    is_rebuild: Callable[[str, str], bool],
) -> tuple[list[Difference], dict[str, int]]:
    """Which of these are differences; and of how many cannot be told, and why.

    `waiting` is the number of messages in the queue of a consumer for a type, `is_rebuild` whether a service knows a
    replay as a rebuild.
    """
    dead = {(letter.queue.partition(".")[0], letter.event_id) for letter in letters}
    lost: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    old = 0
    for each in found:
        if each.event.recorded_at < scope.before - INBOX:
            old += 1
        elif (each.consumer, each.event.id) not in dead and all(
            is_rebuild(each.event.service, replay) for replay in each.replays
        ):
            lost[each.consumer, each.event.type].append(each.event)
    differences: list[Difference] = []
    queued = 0
    for (consumer, event_type), events in sorted(lost.items()):
        young = [e for e in events if e.recorded_at > scope.before - timedelta(days=_QUEUE_DAYS)]
        # Who lacks no more than the queue holds may find all of it there.
        may_wait = set(young) if young and len(young) <= waiting(consumer, event_type) else set()
        queued += len(may_wait)
        differences += [_undelivered(consumer, event) for event in events if event not in may_wait]
    skipped = {
        "deliveries older than the inbox reaches back": old,
        "deliveries that may be waiting in a queue": queued,
    }
    return differences, {reason: number for reason, number in skipped.items() if number}


def parked(event: Recorded) -> Difference:
    """What the bus refuses for good."""
    advice = f"mesh outbox list shows why, mesh outbox retry {event.id} tries it again"
    what = f"{event.type} {event.id}"
    return Difference(
        kind=Kind.PARKED, where=event.service, tenant=event.tenant, subject=event.subject, what=what, advice=advice
    )


def dead_letter(letter: Letter) -> Difference:
    """What a consumer has given up."""
    return Difference(
        kind=Kind.DEAD_LETTER,
        where=letter.queue,
        tenant=letter.tenant,
        subject=letter.subject,
        what=f"{letter.type} {letter.event_id}: {letter.reason}",
        advice=f"mesh dlq redrive {letter.id}",
    )


def is_selected(letter: Letter, scope: Scope) -> bool:
    """Whether the audit is about the letter."""
    return (
        (scope.tenant is None or letter.tenant in {scope.tenant, hash_tenant(scope.tenant)})
        and (scope.subjects is None or letter.subject in scope.subjects)
        and (scope.since is None or letter.sent_at >= scope.since.isoformat())
    )


def _undelivered(consumer: str, event: Recorded) -> Difference:
    kind = ReplayKind.REPROCESS if reacts(consumer, event.type) else ReplayKind.REBUILD
    fields: dict[str, Any] = {"tenant": event.tenant, "subject": event.subject, "what": f"{event.type} {event.id}"}
    return Difference(
        kind=Kind.UNDELIVERED,
        where=consumer,
        replay=Replay(consumer=consumer, kind=kind, types=(event.type,)),
        **fields,
    )
