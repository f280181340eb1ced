"""Trees of regular expressions."""

from __future__ import annotations

from dataclasses import dataclass

from compatibility.characters import ALL, Ranges


class OpaqueExpressionError(Exception):
    """The pattern uses something that no finite automaton models here."""


@dataclass(frozen=True)
class Chars:
    """One character of a set."""

    ranges: Ranges


@dataclass(frozen=True)
class Sequence:
    """Parts one after the other; none at all is the empty string."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Choice:
    """One of several."""

    options: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    """A part so many times; ``high`` None means without end."""

    part: Tree
    low: int
    high: int | None


@dataclass(frozen=True)
class Anchor:
    """The start (``^``) or the very end (``$``) of the string."""

    start: bool


@dataclass(frozen=True)
class Group:
    """A part that back references may name or count."""

    part: Tree
    name: str = ""


@dataclass(frozen=True)
class Opaque:
    """What is not modelled, and how Python spells it."""

    what: str
    text: str


Tree = Chars | Sequence | Choice | Repeat | Anchor | Group | Opaque

ANY = Chars(ALL)


def regular(tree: Tree) -> Tree:
    """The tree without groups; ``OpaqueExpressionError`` if it is more than a regular language."""
    match tree:
        case Sequence(parts):
            # Empty parts go: an anchor before one is still at the end.
            return Sequence(tuple(part for part in map(regular, parts) if part != Sequence(())))
        case Choice(options):
            return Choice(tuple(map(regular, options)))
        case Repeat(part, low, high):
            return Repeat(regular(part), low, high)
        case Group(part, _):
            return regular(part)
        case Opaque(what, text):
            raise OpaqueExpressionError(f"{what} ({text})")
        case _:
            return tree
