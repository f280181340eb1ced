"""Runs a rebuild: begin, replay, fold, compare, switch. Each step is idempotent, so the whole can be run again."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from chassis.beside import FOLDING
from contracts import ReplayKind
from contracts.operations import ReplayRequested, ReplayState, Selection
from manifests import Manifests
from mesh.environments import Environment
from mesh.rebuild.asking import Comparison, Rebuild, Rebuilds
from mesh.rebuild.errors import NotArrivedError, NotRebuildableError, RebuildError, TablesDifferError
from mesh.replay import following, ordering
from mesh.replay.asking import Owners

#: Seconds without a replayed event that arrives, after which we do not wait for the rest.
STALLED_S: Final = 120.0
_LOOK_S: Final = 1.0
RATE: Final = 500
#: Searches of readers that are compared.
SAMPLED: Final = 30


@dataclass(frozen=True)
class Wanted:
    """What is ordered; `tenants` and `items` narrow it, `changed` are tables whose rows are expected to differ."""

    service: str
    why: str = ""
    tenants: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    rate: int = RATE
    keep_days: int = 7
    accepts_differences: bool = False


@dataclass(frozen=True)
class Outcome:
    """The rebuild, and how its tables were beside the live ones before the switch."""

    rebuild: Rebuild
    comparisons: list[Comparison] = field(default_factory=list)


class Runner:
    """Rebuilds one service of an environment."""

    def __init__(self, environment: Environment, manifests: Manifests, wanted: Wanted, *, quiet: bool = False) -> None:
        require_rebuildable(manifests, wanted.service)
        self.wanted = wanted
        self.rebuilds = Rebuilds(environment, wanted.service)
        self._environment = environment
        self._quiet = quiet
        self._owners = Owners(environment)
        own = f"collections.{wanted.service}."
        types = ordering.consumed_types(manifests, wanted.service).values()
        #: What others recorded; the service's own events never leave it.
        self.types = tuple(sorted(each for each in types if not each.startswith(own)))

    def count(self) -> dict[str, dict[str, int]]:
        """How many events are folded: service -> stored type -> number."""
        counts = {self.wanted.service: self.rebuilds.count(self.wanted.tenants, self.wanted.items)}
        if self.types:
            selection = self._selection(self.wanted.tenants, self.wanted.items)
            counts |= self._owners.count(ordering.owners_of(selection), selection)
        return {service: by_type for service, by_type in counts.items() if by_type}

    def prepare(self) -> Outcome:
        """Begin it or go on with it, until the tables beside have everything; then compare them.

        Raises:
            RebuildError: it cannot be done, see the package; a retry goes on where it stopped.
            ReplayError: an owner of events does not take the replay up.
        """
        wanted = self.wanted
        rebuild = self.rebuilds.begin(
            who=ordering.who(self._environment),
            why=wanted.why,
            changed=wanted.changed,
            tenants=wanted.tenants,
            subjects=wanted.items,
        )
        for what, begun, asked in (
            ("tenants", rebuild.tenants, wanted.tenants),
            ("items", rebuild.subjects, wanted.items),
        ):
            if set(begun) != set(asked):
                raise RebuildError(f"{rebuild.id} is under way for other {what}: finish it or `--cancel` it")
        published = self._replay(rebuild) if self.types else 0
        self._fold(rebuild)
        self._arrive(rebuild, published)
        tables = self.rebuilds.latest()[1]
        return Outcome(self.rebuilds.show(rebuild.id), self._compare(rebuild, tables))

    def judge(self, outcome: Outcome) -> None:
        """Raises TablesDifferError where tables differ that should not."""
        bad = [each.table for each in outcome.comparisons if not each.is_acceptable]
        if bad and not self.wanted.accepts_differences:
            raise TablesDifferError(
                f"{', '.join(bad)} would not be as now; --changed TABLE where that is meant, --accept-differences for"
                f" all, --cancel drops the tables of {outcome.rebuild.id}"
            )

    def switch(self, outcome: Outcome) -> Rebuild:
        """Let the tables beside be the live ones."""
        return self.rebuilds.switch(outcome.rebuild.id, days=self.wanted.keep_days)

    def _selection(self, tenants: Sequence[str], items: Sequence[str]) -> Selection:
        return Selection(types=self.types, tenants=tuple(tenants), subjects=tuple(items))

    def _replay(self, rebuild: Rebuild) -> int:
        """Order the replay, and follow it to its end; returns how many events it published."""
        selection = self._selection(rebuild.tenants, rebuild.subjects)
        owning = ordering.owners_of(selection)
        self._owners.require(owning)
        if len(self._owners.show(rebuild.id, owning)) < len(owning):
            order = ReplayRequested(
                who=rebuild.who,
                why=rebuild.why,
                consumer=self.wanted.service,
                kind=ReplayKind.REBUILD,
                selection=selection,
                rate=self.wanted.rate,
            )
            ordering.publish(self._environment, order, rebuild.id)
        found = following.follow(self._owners, rebuild.id, owning, quiet=self._quiet)
        if stopped := [each for each in found if each.state is not ReplayState.COMPLETED]:
            states = ", ".join(f"{each.state} in {each.service}" for each in stopped)
            raise NotArrivedError(f"the replay is {states}; `mesh replay resume {rebuild.id}`, then this command again")
        return sum(each.done - each.left_out for each in found)

    def _fold(self, rebuild: Rebuild) -> None:
        """Let the service fold its own events."""
        total = sum(self.rebuilds.count(rebuild.tenants, rebuild.subjects).values())
        with self._bar(f"{self.wanted.service}, own", total) as show:
            while not rebuild.is_own_done:
                rebuild = self.rebuilds.fold(rebuild.id)
                show(rebuild.folded)

    def _arrive(self, rebuild: Rebuild, published: int) -> None:
        """Wait until everything that was published has been folded."""
        most, moved = -1, time.monotonic()
        with self._bar(f"{self.wanted.service}, folded", published) as show:
            while (applied := self._folding(rebuild.id).applied) < published:
                show(applied)
                if applied > most:
                    most, moved = applied, time.monotonic()
                elif time.monotonic() - moved > STALLED_S:
                    raise NotArrivedError(
                        f"{published - applied} of {published} replayed events have not reached {self.wanted.service}:"
                        " `mesh dlq list` shows if they are dead letters; redrive them, then this command again"
                    )
                time.sleep(_LOOK_S)
            show(published)

    def _folding(self, rebuild_id: str) -> Rebuild:
        found = self.rebuilds.show(rebuild_id)
        if found.state != FOLDING or found.failure:
            why = found.failure or f"it is {found.state}"
            raise RebuildError(f"{rebuild_id} cannot be finished: {why}; --cancel drops its tables")
        return found

    def _compare(self, rebuild: Rebuild, tables: Sequence[str]) -> list[Comparison]:
        with self._bar("compared", len(tables)) as show:
            found = []
            for number, table in enumerate(tables, start=1):
                found.append(self.rebuilds.compare(rebuild.id, table))
                show(number)
        found.append(self.rebuilds.sample(rebuild.id, SAMPLED))
        return [each for each in found if each is not None]

    def _bar(self, name: str, total: int) -> _Bar:
        return _Bar(name, total, quiet=self._quiet)


class _Bar:
    """A bar on stderr; what is entered sets how far it is."""

    def __init__(self, name: str, total: int, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=Console(stderr=True), disable=quiet)
        self._task = self._progress.add_task(name, total=total)
        self._total = total

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda done: self._progress.update(self._task, completed=done, total=max(done, self._total))

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def require_rebuildable(manifests: Manifests, service: str) -> None:
    """Raises NotRebuildableError: the service has no projections in Postgres."""
    found = manifests.services.get(service)
    if found is None or not found.database:
        having = ", ".join(sorted(name for name, each in manifests.services.items() if each.database))
        raise NotRebuildableError(f"{service!r} has no tables (there are: {having})")
