"""What is ordered: a sample of candidates, their promotion, a rollback; each is a replay of image-processed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from contracts import ReplayKind, ReprocessMode
from contracts.operations import ReplayRequested, ReplayState, Selection
from mesh.environments import Environment
from mesh.replay import following, ordering
from mesh.replay.asking import ReplayOf
from mesh.replay.errors import ReplayFailedError
from mesh.reprocess.asking import ANALYSIS, Runs

#: Nothing has come of an order for so long: what is left is in the dead letters, or waits for a provider.
PATIENCE_S: Final = 90.0
_LOOK_S: Final = 1.0
_OUTCOMES: Final = ("made", "reused", "failed", "left_over")


@dataclass(frozen=True, slots=True)
class Ordered:
    """A replay that has ended, and what came of it; `missing` of its events nothing has come yet."""

    replay: str
    state: str
    spending: dict[str, Any]
    missing: int

    def described(self) -> dict[str, Any]:
        """As JSON."""
        return {"replay": self.replay, "state": self.state, "spending": self.spending, "missing": self.missing}


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be ordered: whom it concerns, and how."""

    types: Sequence[str]
    tenants: Sequence[str] = ()
    items: Sequence[str] = ()
    rate: int = 500
    why: str = ""
    budget_usd: float | None = None
    prompt: str | None = None
    model: str | None = None
    mode: ReprocessMode | None = None
    run: str | None = None
    version: int | None = None

    @property
    def selection(self) -> Selection:
        """Which events."""
        return Selection(types=tuple(self.types), tenants=tuple(self.tenants), subjects=tuple(self.items))

    @property
    def how(self) -> dict[str, Any]:
        """Fields of the order beside the selection."""
        names = ("budget_usd", "prompt", "model", "mode", "run", "version")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def id_of_today(self) -> str:
        """The id of what is ordered today: the same order twice is one replay."""
        today = datetime.now(UTC).date()
        return ordering.replay_id(ANALYSIS, ReplayKind.REPROCESS, self.selection, today, self.how)


def carry_out(
    environment: Environment,
    runs: Runs,
    order: Order,
    replay_id: str | None = None,
    *,
    quiet: bool,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Ordered:
    """Order it, unless it was before, and follow until nothing more comes of it; without an id it is a new replay.

    Raises:
        NotTakenUpError, OrderRefusedError, ReplayFailedError, ReplaysOutdatedError: as their names say.
    """
    replay_id = replay_id or str(uuid.uuid4())
    owning = ordering.owners_of(order.selection)
    runs.owners.require(owning)
    if not runs.owners.show(replay_id, owning):
        runs.owners.understand([*owning, ANALYSIS], ReplayRequested.schema_version)
        fact = ReplayRequested(
            who=ordering.who(environment),
            why=order.why,
            consumer=ANALYSIS,
            kind=ReplayKind.REPROCESS,
            selection=order.selection,
            rate=order.rate,
            **order.how,
        )
        ordering.publish(environment, fact, replay_id)
    elif not quiet:
        typer.echo(f"ordered before: {replay_id}; --id NAME makes another of it", err=True)
    found = following.follow(runs.owners, replay_id, owning, quiet=quiet)
    if failed := [each.service for each in found if each.state is ReplayState.FAILED]:
        raise ReplayFailedError(f"failed in {', '.join(failed)}; `mesh replay resume {replay_id}` goes on")
    spending = _settled(runs, found, order, quiet=quiet, clock=clock, sleep=sleep)
    published = sum(each.done - each.left_out for each in found)
    return Ordered(replay_id, str(found[0].state), spending, max(published - _come(spending), 0))


def _settled(
    runs: Runs,
    found: list[ReplayOf],
    order: Order,
    *,
    quiet: bool,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> dict[str, Any]:
    """How far it came, once something came of each event, or nothing has for `PATIENCE_S`."""
    expected = sum(each.done - each.left_out for each in found)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet) as progress:
        bar = progress.add_task("described" if order.mode is not ReprocessMode.ROLLBACK else "restored", total=expected)
        last, since = -1, clock()
        while True:
            spending = runs.owners.spending(found[0]) or {}
            come = _come(spending)
            progress.update(bar, completed=come)
            if come != last:
                last, since = come, clock()
            if come >= expected or clock() - since >= PATIENCE_S:
                return spending
            sleep(_LOOK_S)


def _come(spending: dict[str, Any]) -> int:
    return sum(int(spending.get(outcome, 0)) for outcome in _OUTCOMES)
