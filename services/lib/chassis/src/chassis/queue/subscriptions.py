"""What a consumer does with events of one contract."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from chassis.work import Complete, UnitOfWork
from contracts import REGISTRY, Contract, Event

__all__ = ["Subscription", "on", "understood_types"]

T = TypeVar("T", bound=Contract)

React = Callable[[Event[T]], Complete | None]
Prepare = Callable[[Sequence[Event[T]]], None]
GiveUp = Callable[[UnitOfWork, Event[T], Exception, int], None]


@dataclass(frozen=True, slots=True)
class Subscription(Generic[T]):
    """What to do with events of one contract; see `on`."""

    contract: type[T]
    react: React[T] | None = None
    prepare: Prepare[T] | None = None
    give_up: GiveUp[T] | None = None
    fold_first: bool = False


def on(
    contract: type[T],
    react: React[T] | None = None,
    *,
    prepare: Prepare[T] | None = None,
    give_up: GiveUp[T] | None = None,
    fold_first: bool = False,
) -> "Subscription[Any]":
    """Subscribe to events of a contract: they are folded into the service's projections, and reacted to.

    `react` does the outside work (a model's call, objects in S3), which no transaction waits for and which is safe to
    repeat, and returns what is left to do in the unit of work: there the event is folded, what followed from it is
    recorded, and the inbox records the delivery. Of a replayed event only the fold happens, unless the replay
    orders reprocessing.

    `prepare` sees all fresh events of a batch at once, before the first reaction (for work that is cheaper together).
    A `TransientError` in it fails each of them; after any other each event is prepared alone when its turn comes, so
    that the one that caused it does not fail its neighbours. `give_up` is called with a unit of work, the event, the
    last error and the number of attempts before an event whose reaction kept failing goes to the dead-letter queue; the
    event is folded in that unit of work: it is a fact all the same.

    With `fold_first` the fold is committed before the outside work begins, and not repeated in the unit of work:
    readers see the event while the work goes on, and work on a deleted subject finds its tombstone.
    """
    return Subscription(contract, react, prepare, give_up, fold_first)


def understood_types(contract: type[Contract]) -> tuple[str, ...]:
    """Event types that a reader of the contract understands: its own, and older majors of the fact by upcasters."""
    majors = REGISTRY.majors(contract.event_type)
    return tuple(major.event_type for major in majors if major.major() <= contract.major())
