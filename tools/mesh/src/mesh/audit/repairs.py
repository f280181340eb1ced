"""Repairs by replay: which orders repair which differences, and ordering them."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
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
    """A replay of some items' events to one consumer."""

    consumer: str
    kind: ReplayKind
    selection: Selection

    @property
    def owners(self) -> list[str]:
        """The services that publish the selected events."""
        return ordering.owners_of(self.selection)


def orders(
    differences: Iterable[Difference], manifests: Manifests, *, is_paid: Callable[[str], bool]
) -> Iterator[Order]:
    """The replays that repair these. The reactions of a consumer that pays a provider are not ordered."""
    wanted: dict[tuple[str, ReplayKind, tuple[str, ...]], set[str]] = defaultdict(set)
    for each in differences:
        if each.replay is not None and (each.replay.kind is ReplayKind.REBUILD or not is_paid(each.replay.consumer)):
            consumed = tuple(sorted(ordering.consumed_types(manifests, each.replay.consumer).values()))
            wanted[each.replay.consumer, each.replay.kind, each.replay.types or consumed].add(each.subject)
    for (consumer, kind, types), subjects in sorted(wanted.items()):
        for some in batched(sorted(subjects), _SUBJECTS):
            yield Order(consumer, kind, Selection(types=types, subjects=some))


def pays(owners: Owners, consumer: str) -> bool:
    """Whether a consumer's reactions may pay a provider, as it says itself."""
    return bool(owners.reprocessing(consumer, None))


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
            kind=order.kind,
            selection=order.selection,
            rate=_RATE,
        )
        ordering.publish(environment, request, replay_id)
    for replay_id, order in ordered.items():
        ended = following.follow(owners, replay_id, order.owners, quiet=quiet)
        if failed := [each.service for each in ended if each.state is not ReplayState.COMPLETED]:
            raise ReplayFailedError(f"{replay_id} has not ended in {', '.join(failed)}: `mesh replay show {replay_id}`")
