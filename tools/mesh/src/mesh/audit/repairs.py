"""Repairs by replay: which orders repair which differences, and ordering them."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from contracts import ReplayKind
from contracts.operations import ReplayRequested, ReplayState, Selection
from mesh.audit.asking import batched
from mesh.audit.model import Difference
from mesh.replay import following, ordering
from mesh.replay.errors import ReplayFailedError

if TYPE_CHECKING:
    from manifests import Manifests
    from mesh.environments import Environment
    from mesh.replay.asking import Owners

#: Subjects of one order, which is an event of some 80 KB.
_SUBJECTS: Final = 2000
_RATE: Final = 500


@dataclass(frozen=True, slots=True)
class Order:
    """A rebuild of some items by one consumer."""

    consumer: str
    selection: Selection

    @property
    def owners(self) -> list[str]:
        """The services that publish the selected events."""
        return ordering.owners_of(self.selection)


def orders(differences: Iterable[Difference], manifests: Manifests) -> Iterator[Order]:
    """The rebuilds that repair these. What needs a consumer's reactions is not ordered: it may pay a provider."""
    wanted: dict[tuple[str, tuple[str, ...]], set[str]] = defaultdict(set)
    for each in differences:
        if each.replay is not None and each.replay.kind is ReplayKind.REBUILD:
            consumed = tuple(sorted(ordering.consumed_types(manifests, each.replay.consumer).values()))
            wanted[each.replay.consumer, each.replay.types or consumed].add(each.subject)
    for (consumer, types), subjects in sorted(wanted.items()):
        for some in batched(sorted(subjects), _SUBJECTS):
            yield Order(consumer, Selection(types=types, subjects=some))


def run(environment: Environment, owners: Owners, wanted: Sequence[Order], *, quiet: bool) -> None:
    """Order all of them, then follow each to its end.

    Raises like `ordering.publish` and `following.follow`, and ReplayFailedError.
    """
    who = ordering.who(environment)
    ordered = {f"audit-{secrets.token_hex(6)}": order for order in wanted}
    for replay_id, order in ordered.items():
        request = ReplayRequested(
            who=who,
            why="mesh audit --repair",
            consumer=order.consumer,
            kind=ReplayKind.REBUILD,
            selection=order.selection,
            rate=_RATE,
        )
        ordering.publish(environment, request, replay_id)
    for replay_id, order in ordered.items():
        ended = following.follow(owners, replay_id, order.owners, quiet=quiet)
        if failed := [each.service for each in ended if each.state is not ReplayState.COMPLETED]:
            raise ReplayFailedError(f"{replay_id} has not ended in {', '.join(failed)}: `mesh replay show {replay_id}`")
