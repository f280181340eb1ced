"""Remembers what was shown to be empty, also where a proof leans on one that is still under way.

A state that is met again below itself counts as empty there. Proofs that lean on it hold if it turns out to be empty,
and are forgotten if it does not.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Generic, TypeVar

from compatibility.questions import OpenQuestionError

S = TypeVar("S", bound=Hashable)

_MAX_DEPTH = 60
_NONE = 1_000_000


class Induction(Generic[S]):
    """States under way, from the outermost to the innermost, and the empty ones among those that ended."""

    def __init__(self) -> None:
        self._under_way: dict[S, int] = {}
        self._empty: set[S] = set()
        # Empty as long as the state at a depth is under way or found empty; in the order of their ends.
        self._presumed: dict[S, int] = {}
        self._leaning: list[int] = []
        self._marks: list[int] = []

    def surely_empty(self, state: S) -> bool:
        """Whether the state is empty whatever comes of those under way."""
        return state in self._empty

    def empty(self, state: S) -> bool:
        """Whether the state is empty if those under way are."""
        depth = self._under_way.get(state, self._presumed.get(state))
        if depth is not None:
            self._lean_on(depth)
        return depth is not None or state in self._empty

    def begin(self, state: S) -> None:
        """Look into a state."""
        if len(self._under_way) > _MAX_DEPTH:
            raise OpenQuestionError(f"values nested deeper than {_MAX_DEPTH} levels are not built")
        self._under_way[state] = len(self._under_way)
        self._leaning.append(_NONE)
        self._marks.append(len(self._presumed))

    def end(self, state: S, *, empty: bool) -> bool:
        """What came of it; True if that leans on no state still under way."""
        depth, leaning = self._under_way.pop(state), self._leaning.pop()
        below = list(islice(self._presumed, self._marks.pop(), None))
        certain = leaning >= depth
        if not certain:
            self._lean_on(leaning)
        for found in below:
            if not empty:
                del self._presumed[found]
            elif certain and self._presumed[found] >= depth:
                del self._presumed[found]
                self._empty.add(found)
        if empty and certain:
            self._empty.add(state)
        elif empty:
            self._presumed[state] = leaning
        return certain

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Questions whose answers are taken only where they lean on nothing."""
        self._leaning.append(_NONE)
        try:
            yield
        finally:
            self._leaning.pop()

    def _lean_on(self, depth: int) -> None:
        if self._leaning:
            self._leaning[-1] = min(self._leaning[-1], depth)
