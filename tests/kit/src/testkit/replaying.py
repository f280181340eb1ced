"""Replays of a service's events in memory: the order, and what its reports lead to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chassis import store
from chassis.queue import EventConsumer
from contracts import Contract, Event, ReplayKind, new_event
from contracts.operations import OPERATORS, ReplayReport, ReplayRequested, Selection
from testkit.invoking import deliver

if TYPE_CHECKING:
    from testkit.fakes import Fakes


def replay_order(
    consumer: str, *types: type[Contract], replay_id: str = "replay-1", rate: int = 10_000, **narrowed: Any
) -> Event[ReplayRequested]:
    """An operator's order to rebuild the consumer from events of these types."""
    data = ReplayRequested(
        who="operator",
        why="a test",
        consumer=consumer,
        kind=ReplayKind.REBUILD,
        selection=Selection(types=tuple(each.event_type for each in types), **narrowed),
        rate=rate,
    )
    return new_event(data, subject=replay_id, tenant_id=OPERATORS)


def reports(events: Sequence[Event[Contract]]) -> list[Event[ReplayReport]]:
    """Those of a service's events that report on replays."""
    return [event for event in events if isinstance(event.data, ReplayReport)]  # type: ignore[misc]


def assert_replays(fakes: Fakes, entry: EventConsumer, stored: Event[Any], *, consumer: str) -> None:
    """The service's stored event goes to the consumer once more, and the service reports it."""
    with entry.service.work.on(stored.tenant_id, stored.subject) as work:
        store.append(work.connection, [stored])
    assert deliver(entry, replay_order(consumer, type(stored.data))) == []
    begun = reports(fakes.store.events)[-1]
    assert deliver(entry, begun) == []
    ended = reports(fakes.store.events)[-1]
    assert (begun.data.state, ended.data.state) == ("running", "completed")
    assert [(each.type, each.selected, each.published) for each in ended.data.counts] == [(stored.type, 1, 1)]
    assert [(entry["source"], entry["replayfor"], entry["replayid"]) for entry in fakes.replayed] == [
        (stored.source, consumer, "replay-1")
    ]
