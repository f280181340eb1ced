"""Parses the regular expressions of ECMA-262, as far as they describe regular languages, into trees.

Not handled, and reported as ``OpaqueExpressionError``: look-around, back references, word boundaries, Unicode
properties, flags. Such a pattern is still asserted by the validator; only nothing is proven about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from compatibility.characters import ALL, DIGITS, LINE_ENDS, SPACE, WORD, Ranges, complement, union


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


Tree = Chars | Sequence | Choice | Repeat | Anchor

_CLASSES: dict[str, Ranges] = {
    "d": DIGITS,
    "D": complement(DIGITS),
    "w": WORD,
    "W": complement(WORD),
    "s": SPACE,
    "S": complement(SPACE),
}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_MAX_COUNT = 100_000


@lru_cache(maxsize=2048)
def parse(pattern: str) -> Tree:
    """The tree of a pattern; ``OpaqueExpressionError`` where it is more than a tree can hold."""
    parser = _Parser(pattern)
    tree = parser.choice()
    if parser.rest():
        raise OpaqueExpressionError(f"{pattern!r}: unbalanced")
    return tree


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def rest(self) -> str:
        return self.text[self.at :]

    def take(self) -> str:
        if self.at >= len(self.text):
            raise OpaqueExpressionError(f"{self.text!r}: ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def accept(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def choice(self) -> Tree:
        options = [self.sequence()]
        while self.accept("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Tree:
        parts: list[Tree] = []
        while self.at < len(self.text) and self.text[self.at] not in "|)":
            parts.append(self.quantified(self.atom()))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def quantified(self, atom: Tree) -> Tree:
        bound: int | None
        if self.accept("*"):
            low, bound = 0, None
        elif self.accept("+"):
            low, bound = 1, None
        elif self.accept("?"):
            low, bound = 0, 1
        else:
            counted = self.counts()
            if counted is None:
                return atom
            low, bound = counted
        self.accept("?")  # a lazy quantifier matches the same strings
        if self.rest()[:1] in ("+", "*"):
            raise OpaqueExpressionError(f"{self.text!r}: possessive quantifier")
        if isinstance(atom, Anchor):
            raise OpaqueExpressionError(f"{self.text!r}: a repeated anchor")
        if low > _MAX_COUNT or (bound or 0) > _MAX_COUNT:
            raise OpaqueExpressionError(f"{self.text!r}: repeats too often")
        return Repeat(atom, low, bound)

    def counts(self) -> tuple[int, int | None] | None:
        end = self.text.find("}", self.at)
        if not self.rest().startswith("{") or end < 0:
            return None
        low, comma, high = self.text[self.at + 1 : end].partition(",")
        if not low.isdecimal() or (high and not high.isdecimal()):
            return None
        self.at = end + 1
        return int(low), (int(high) if high else None) if comma else int(low)

    def atom(self) -> Tree:
        character = self.take()
        if character == "(":
            return self.group()
        if character == "[":
            return Chars(self.brackets())
        if character == ".":
            return Chars(complement(LINE_ENDS))
        if character in "^$":
            return Anchor(start=character == "^")
        if character == "\\":
            return Chars(self.escape())
        if character in "*+?":
            raise OpaqueExpressionError(f"{self.text!r}: nothing to repeat")
        return Chars(((ord(character), ord(character)),))

    def group(self) -> Tree:
        if self.accept("?"):
            if self.accept("P<") or (self.rest()[:1] == "<" and self.rest()[1:2] not in ("=", "!")):
                self.at = self.text.find(">", self.at) + 1
            elif not self.accept(":"):
                raise OpaqueExpressionError(f"{self.text!r}: look-around or flags")
        inner = self.choice()
        if not self.accept(")"):
            raise OpaqueExpressionError(f"{self.text!r}: unbalanced")
        return inner

    def escape(self, *, in_brackets: bool = False) -> Ranges:
        character = self.take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS and not self.rest()[:1].isdecimal():
            return ((_CONTROLS[character],) * 2,)
        if character in "xu":
            digits = self.rest()[: 2 if character == "x" else 4]
            try:
                code = int(digits, 16)
            except ValueError as error:
                raise OpaqueExpressionError(f"{self.text!r}: unknown escape") from error
            self.at += len(digits)
            return ((code, code),)
        if character == "b" and in_brackets:
            return ((8, 8),)
        if character.isalnum():
            raise OpaqueExpressionError(f"{self.text!r}: \\{character} is not modelled")
        return ((ord(character), ord(character)),)

    def brackets(self) -> Ranges:
        negated = self.accept("^")
        parts: list[tuple[int, int]] = []
        first = True
        while first or self.rest()[:1] != "]":
            # Python reads `[]...]` as a set that holds a bracket, ECMA-262 as the empty set: neither is assumed.
            if self.rest()[:1] == "]":
                raise OpaqueExpressionError(f"{self.text!r}: an empty set")
            first = False
            low = self.member()
            if self.rest()[:1] == "-" and self.rest()[1:2] not in ("]", ""):
                self.at += 1
                high = self.member()
                if len(low) != 1 or len(high) != 1 or low[0][0] != low[0][1] or high[0][0] < low[0][0]:
                    raise OpaqueExpressionError(f"{self.text!r}: a strange range")
                parts.append((low[0][0], high[0][1]))
            else:
                parts += low
        self.take()
        return complement(union(parts)) if negated else union(parts)

    def member(self) -> Ranges:
        character = self.take()
        return self.escape(in_brackets=True) if character == "\\" else ((ord(character), ord(character)),)


ANY = Chars(ALL)
