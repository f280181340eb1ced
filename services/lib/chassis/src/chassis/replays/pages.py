"""A step of a replay: page after page of the store goes to the one consumer, until time or events end."""

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from chassis.bus import MAX_BYTES, MAX_ENTRIES, Bus, Wire
from chassis.errors import TransientError
from chassis.observability import logger
from chassis.queue.subscriptions import understood_types
from chassis.replays import rows
from chassis.replays.pace import Pace, backlog_of
from chassis.replays.rows import Looked, Replay
from chassis.service import Service
from contracts import REGISTRY, ContractError
from contracts.operations import ReplayReport, Selection, TypeCount

__all__ = ["begin", "deletions_of", "types_of", "work_on"]

# Calls of the bus at once.
_AT_ONCE = 4
# Characters: from then on a document is serialized again, without the blanks that Postgres puts between its members.
_LARGE = MAX_BYTES // 4
# While a transaction runs, events of those that began later stay out of sight.
_HELD_BACK_S = 0.5


def types_of(service: Service[Any], selection: Selection) -> tuple[str, ...]:
    """The selected types that this service owns, in every major; never its reports on replays."""
    own = {
        major.event_type
        for wanted in selection.types
        for major in REGISTRY.majors(wanted)
        if major.source() == f"collections.{service.settings.service}" and not issubclass(major, ReplayReport)
    }
    return tuple(sorted(own))


def deletions_of(service: Service[Any]) -> tuple[str, ...]:
    """Types of events that end their subject for good: of a deleted subject, only these are published again."""
    return tuple(kind for contract in service.projections.deletions for kind in understood_types(contract))


def begin(service: Service[Any], selection: Selection) -> tuple[tuple[TypeCount, ...], int]:
    """What is selected now, by type, and the first transaction that is not part of it.

    Raises:
        TransientError: the database does not answer.
    """
    types = types_of(service, selection)
    with service.database.transaction() as connection:
        _, until = rows.horizons(connection)
        found = rows.count(connection, selection, types=types, deletions=deletions_of(service))
    return tuple(TypeCount(type=kind, selected=number, published=0) for kind, number in found.items()), until


def work_on(service: Service[Any], replay: Replay) -> bool:
    """Publish page after page, each saved; True when nothing is left, False when the time is up or others go on.

    Raises:
        PermanentError: the consumer has no queue.
        TransientError: bus, queue or database does not answer; what is saved stays done.
    """
    deadline = time.monotonic() + service.settings.replay_budget_s
    pace = Pace(replay.rate, backlog_of(service, replay.consumer))
    types, deletions = types_of(service, replay.selection), deletions_of(service)
    address = {"replayid": replay.id, "replayfor": replay.consumer, "replaykind": str(replay.kind)}
    _ = service.aws.events  # made here: several threads that need it first would each make one
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while allowed := pace.wait(deadline):
            with service.database.transaction() as connection:
                oldest, _ = rows.horizons(connection)  # first: what the page shows is at least what this lets it
                looked = rows.look(
                    connection,
                    replay.selection,
                    types=types,
                    deletions=deletions,
                    after=replay.checkpoint,
                    until=replay.until,
                    limit=allowed.look,
                    attributes={**address, **replay.attributes},
                )
            if page := _up_to(looked, allowed.publish):
                published, left_out = _publish(service.bus, pool, page)
                pace.spend(published.total() + left_out.total())
                counts = _counted(replay.counts, published, left_out)
                replay = replace(replay, checkpoint=page[-1].checkpoint, counts=counts)
                with service.database.transaction() as connection:
                    if not rows.save(connection, replay):
                        return False
            if len(page) == len(looked) < allowed.look:
                if oldest >= replay.until:
                    return True
                time.sleep(_HELD_BACK_S)
    return False


def _up_to(looked: Sequence[Looked], most: int) -> Sequence[Looked]:
    """The page up to the event with which so many are selected."""
    selected = [place for place, each in enumerate(looked, start=1) if each.document is not None]
    return looked[: selected[most - 1]] if len(selected) > most else looked


def _publish(bus: Bus, pool: Executor, page: Sequence[Looked]) -> tuple[Counter[str], Counter[str]]:
    """Publish what is selected of the page; returns by stored type how many were published, and how many could not be.

    Raises:
        TransientError: the bus does not answer, or has no time for some of them.
    """
    left_out: Counter[str] = Counter()
    wires: list[tuple[str, Wire]] = []
    for each in page:
        if each.document is not None:
            try:
                wires.append((each.type, _wire(each.type, each.document)))
            except ContractError as error:
                _log_left_out(each.document, str(error))
                left_out[each.type] += 1
    batches = [wires[start : start + MAX_ENTRIES] for start in range(0, len(wires), MAX_ENTRIES)]
    outcomes = pool.map(lambda batch: list(bus.put_wires([wire for _, wire in batch])), batches)
    published: Counter[str] = Counter()
    busy = 0
    for batch, refusals in zip(batches, list(outcomes), strict=True):
        for (kind, wire), refusal in zip(batch, refusals, strict=True):
            if refusal is None:
                published[kind] += 1
            elif refusal.for_good:
                _log_left_out(wire.detail, refusal.reason)
                left_out[kind] += 1
            else:
                busy += 1
    if busy:
        raise TransientError(f"the bus refused {busy} events of a replay")
    return published, left_out


def _wire(kind: str, document: str) -> Wire:
    """The event as it is stored, unless its major is retired, or blanks in it could be what makes it too large."""
    if REGISTRY.newest(kind).event_type != kind:
        return Wire.of(REGISTRY.read(from_json(document)).to_wire())
    if len(document) > _LARGE:
        return Wire.of(from_json(document))
    return Wire(REGISTRY.contract(kind).source(), kind, document)


def _log_left_out(document: str, reason: str) -> None:
    logger.error("left out of a replay", extra={"event": from_json(document).get("id"), "error": reason})


def _counted(
    counts: Sequence[TypeCount], published: Mapping[str, int], left_out: Mapping[str, int]
) -> tuple[TypeCount, ...]:
    """The counts with those of a page; a type that nothing was counted of before is added."""
    known = {each.type: each for each in counts}
    for kind in {*published, *left_out} - set(known):
        known[kind] = TypeCount(type=kind, selected=0, published=0)
    return tuple(
        each.model_copy(
            update={
                "published": each.published + published.get(each.type, 0),
                "left_out": each.left_out + left_out.get(each.type, 0),
            }
        )
        for _, each in sorted(known.items())
    )
