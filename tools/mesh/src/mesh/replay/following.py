"""Follows a replay until every service is done with it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from contracts.operations import ReplayState
from mesh.replay.asking import Owners, ReplayOf
from mesh.replay.errors import NotTakenUpError

#: For how long an order may be on its way: the bus, a queue and a cold start.
TAKEN_UP_S: Final = 60.0
_LOOK_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Turn:
    """What an order does: of replays in which states, and in which they are afterwards, also if it came too late."""

    of: frozenset[ReplayState]
    ends: frozenset[ReplayState]


_ENDED: Final = frozenset({ReplayState.COMPLETED, ReplayState.CANCELLED, ReplayState.FAILED})
TURNS: Final = {
    "pause": Turn(frozenset({ReplayState.RUNNING}), _ENDED | {ReplayState.PAUSED}),
    "resume": Turn(frozenset({ReplayState.PAUSED, ReplayState.FAILED}), frozenset(ReplayState) - {ReplayState.PAUSED}),
    "cancel": Turn(frozenset({ReplayState.RUNNING, ReplayState.PAUSED, ReplayState.FAILED}), _ENDED),
}
#: States in which nothing more happens by itself.
AT_REST: Final = frozenset(ReplayState) - {ReplayState.RUNNING}


def wait_for(
    owners: Owners,
    replay_id: str,
    services: Sequence[str],
    states: Collection[ReplayState],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> list[ReplayOf]:
    """Wait until each of the services has taken it up and is in one of the states.

    Raises:
        NotTakenUpError: one of them is in none for `TAKEN_UP_S`.
    """
    deadline = clock() + TAKEN_UP_S
    while True:
        found = owners.show(replay_id, services)
        there = {each.service for each in found if each.state in states}
        if there == set(services):
            return found
        if clock() >= deadline:
            waiting = ", ".join(sorted(set(services) - there))
            raise NotTakenUpError(
                f"not taken up within {TAKEN_UP_S:.0f} s by {waiting}; `mesh replay show {replay_id}` shows if it is"
            )
        sleep(_LOOK_S)


def follow(owners: Owners, replay_id: str, services: Sequence[str], *, quiet: bool) -> list[ReplayOf]:
    """Show a bar for each service on stderr until nothing more happens.

    Raises:
        NotTakenUpError: a service does not take it up.
        KeyboardInterrupt: somebody does not want to see more of it; the replay goes on.
    """
    try:
        found = wait_for(owners, replay_id, services, frozenset(ReplayState))
        return _shown(owners, replay_id, services, found, quiet=quiet)
    except KeyboardInterrupt as interrupt:
        hint = f"the replay goes on: `mesh replay show {replay_id}`, `mesh replay cancel {replay_id}`"
        raise KeyboardInterrupt(hint) from interrupt


def _shown(
    owners: Owners, replay_id: str, services: Sequence[str], found: list[ReplayOf], *, quiet: bool
) -> list[ReplayOf]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bars = {service: progress.add_task(service) for service in services}
        while True:
            for each in found:
                # Events of transactions that ran when it began are published though nobody counted them.
                progress.update(bars[each.service], completed=each.done, total=max(each.selected, each.done))
            if all(each.state in AT_REST for each in found):
                return found
            time.sleep(_LOOK_S)
            found = owners.show(replay_id, services)
