"""One way through the choices of a search, and what it has come down to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from compatibility.search import Result
from compatibility.strings import StringDemand
from compatibility.terms import Blame, Goal, Item, Kind, Leaf, Limit, Option, Split, Term, Values

_KEPT_OF_EACH = 3

Terms = frozenset[Term]


@dataclass(frozen=True)
class Task:
    """What a branch must meet in the end, whatever it chooses on the way."""

    terms: Terms
    aimed: Term | None
    demand: StringDemand | None


@dataclass
class Branch:
    """One way through the choices so far."""

    kind: Kind
    todo: list[Item]
    chosen: Terms
    seen: set[Term] = field(default_factory=set)
    leaves: list[Leaf] = field(default_factory=list)
    later: list[Split] = field(default_factory=list)
    denied: list[Term] = field(default_factory=list)
    aimed: Term | None = None
    blame: Blame | None = None

    def taking(self, option: Option) -> Branch:
        """A copy that has made a choice."""
        terms = {item.term for item in option.items if isinstance(item, Goal) and not item.aimed}
        return replace(
            self,
            todo=[*option.items],
            chosen=self.chosen | terms,
            seen=set(self.seen),
            leaves=[*self.leaves],
            later=[*self.later],
            denied=[*self.denied],
            blame=option.blame or self.blame,
        )


def few_of_each(results: Iterator[Result], most: int) -> tuple[list[Result], bool]:
    """A parent may reject one value and take another, so a few are kept for each place.

    Ends early, with False, where a place comes up again and again or where there are very many.
    """
    kept: list[Result] = []
    counts: dict[Blame | None, int] = {}
    for blame, value in results:
        counts[blame] = counts.get(blame, 0) + 1
        if counts[blame] > _KEPT_OF_EACH * most:
            return kept, False
        kept.append((blame, value))
    return kept, True


def string_demand(leaves: list[Leaf], given: StringDemand | None) -> StringDemand:
    """The demands on a string, on top of a given one."""
    demand = given or StringDemand()
    shortest, longest = demand.shortest, demand.longest
    matching, failing, excluded = set(demand.matching), set(demand.failing), set(demand.excluded)
    formats, other_formats = set(demand.formats), set(demand.other_formats)
    for leaf in leaves:
        if isinstance(leaf, Values):
            excluded |= set(leaf.values)
        elif isinstance(leaf, Limit) and leaf.keyword == "pattern":
            (matching if leaf.positive else failing).add(leaf.value)
        elif isinstance(leaf, Limit) and leaf.keyword == "format":
            (formats if leaf.positive else other_formats).add(leaf.value)
        elif isinstance(leaf, Limit) and (leaf.keyword == "minLength") is leaf.positive:
            shortest = max(shortest, leaf.value + (0 if leaf.positive else 1))
        elif isinstance(leaf, Limit):
            bound = leaf.value - (0 if leaf.positive else 1)
            longest = bound if longest is None else min(longest, bound)
    sets = (frozenset(found) for found in (matching, failing, excluded, formats, other_formats))
    return StringDemand(shortest, longest, *sets)
