"""The interface between the parts of the search."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from compatibility.model import JsonValue
from compatibility.questions import ExhaustedError, OpenQuestionError
from compatibility.strings import StringDemand
from compatibility.terms import Blame, Term

T = TypeVar("T")

Result = tuple[Blame | None, JsonValue]
"""A value that was built, and the place of the reader that it violates where that was settled."""


@dataclass(frozen=True)
class Found:
    """A value that was built (it may be null)."""

    value: JsonValue


class Search(Protocol):
    """What arrays and objects ask about their parts; ``OpenQuestionError`` where the answer is not known."""

    def model(self, terms: frozenset[Term]) -> Found | None:
        """A value that meets all terms; None is a proof that there is none."""
        ...

    def explore(self, terms: frozenset[Term], aimed: Term | None) -> Iterator[Result]:
        """Values that meet all terms, one for each way to meet the aimed one."""
        ...

    def key(self, terms: frozenset[Term], demand: StringDemand) -> str | None:
        """A string that meets all terms and a demand; None is a proof that there is none."""
        ...

    def holds(self, term: Term, value: JsonValue) -> bool:
        """Whether a given value meets a term."""
        ...

    def different_from(self, value: JsonValue) -> Term:
        """The demand to be another value."""
        ...

    def step(self) -> None:
        """Count one step of work; raises ``ExhaustedError`` when too much was done."""
        ...


@dataclass
class Questions:
    """Open questions met on the way; they matter only where nothing else was found."""

    reasons: list[str] = field(default_factory=list)

    def drain(self, results: Iterator[T]) -> Iterator[T]:
        """The results, with an open question at their end noted instead of raised; a spent budget is raised."""
        try:
            yield from results
        except ExhaustedError:
            raise
        except OpenQuestionError as error:
            self.reasons.append(str(error))

    def settle(self) -> None:
        """Raise the first open question, if there is one."""
        if self.reasons:
            raise OpenQuestionError(self.reasons[0])
