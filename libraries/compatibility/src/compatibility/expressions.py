"""Parses the regular expressions of ECMA-262 into trees, and spells them so that Python reads them the same way.

A pattern is read as JSON Schema wants it, with the flag ``u``, and without it only where it is not valid so. What is no
regular language (look-around, back references), and word boundaries, stays a part of the tree that only the validator
understands: nothing is proven about it. What is not ECMA-262, such as flags, makes an ``OpaqueExpressionError`` at once
and is left to the validator as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from regress import Regex, RegressError

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
_LOOK_AROUND = {"=": "a look-ahead", "!": "a look-ahead", "<=": "a look-behind", "<!": "a look-behind"}
_NAME = re.compile(r"P?<([A-Za-z_][A-Za-z0-9_]*)>")
_REFERENCE = re.compile(r"([1-9][0-9]?)|k<([A-Za-z_][A-Za-z0-9_]*)>")
_AS_SPELLED = {
    re.compile(r"\(\?a:\\[bB]\)"): "a word boundary",
    re.compile(r"\(\?\((\w+)\)(?:\\\1|\(\?P=\1\))\|\)"): "a back reference",
}
"""How ``portable`` spells what Python reads in another way."""
_HEX = "[0-9A-Fa-f]"
_CODES = {
    ("x", True): re.compile(f"({_HEX}{{2}})"),
    ("x", False): re.compile(f"({_HEX}{{2}})"),
    ("u", True): re.compile(rf"\{{({_HEX}+)\}}|([Dd][89ABab]{_HEX}{{2}})\\u([Dd][C-Fc-f]{_HEX}{{2}})|({_HEX}{{4}})"),
    ("u", False): re.compile(f"((?![Dd][89A-Fa-f]){_HEX}{{4}})"),
}


@lru_cache(maxsize=2048)
def parse(pattern: str) -> Tree:
    """The tree of a pattern; ``OpaqueExpressionError`` where it is not ECMA-262."""
    parser = _Parser(pattern, unicode=_is_valid(pattern, "u"))
    tree = parser.choice()
    if parser.rest():
        raise OpaqueExpressionError(f"{pattern!r}: unbalanced")
    return tree


def _is_valid(pattern: str, flags: str) -> bool:
    try:
        Regex(pattern, flags)
    except RegressError:
        return False
    return True


@lru_cache(maxsize=2048)
def portable(pattern: str) -> str:
    """The pattern spelled so that Python's engine finds it where ECMA-262's does; itself if it is not ECMA-262."""
    try:
        return _spelled(parse(pattern))
    except OpaqueExpressionError:
        return pattern


def _spelled(tree: Tree, *, as_part: bool = False) -> str:
    match tree:
        case Chars(ranges):
            return _set(ranges)
        case Sequence(parts):
            text = "".join(_spelled(part, as_part=isinstance(part, Choice)) for part in parts)
            return f"(?:{text})" if as_part else text
        case Choice(options):
            text = "|".join(map(_spelled, options))
            return f"(?:{text})" if as_part else text
        case Repeat(part, low, high):
            bare = isinstance(part, Chars | Group)
            return f"{_spelled(part) if bare else f'(?:{_spelled(part)})'}{_times(low, high)}"
        case Anchor(start):
            # Python's `$` also matches before a last newline.
            return "^" if start else r"$(?!\n)"
        case Group(part, name):
            return f"(?P<{name}>{_spelled(part)})" if name else f"({_spelled(part)})"
        case Opaque(_, text):
            return text


def _times(low: int, high: int | None) -> str:
    return f"{{{low}}}" if low == high else f"{{{low},{'' if high is None else high}}}"


def _set(ranges: Ranges) -> str:
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        return _character(ranges[0][0])
    if not ranges:
        return "[^\x00-\U0010ffff]"
    return "[" + "".join(f"{_character(low)}-{_character(high)}" for low, high in ranges) + "]"


def _character(code: int) -> str:
    character = chr(code)
    return character if character.isalnum() or code > 0x7E or code < 0x21 else "\\" + character


@lru_cache(maxsize=256)
def _property(expression: str) -> Ranges:
    """The characters of a Unicode property, such as ``\\p{L}``, as the engine of ECMA-262 has them."""
    every = "".join(chr(code) for low, high in ALL for code in range(low, high + 1))
    encoded = every.encode()  # the engine counts bytes
    runs = [encoded[match.range()].decode() for match in Regex(f"{expression}+", "u").find_iter(every) or ()]
    return union((ord(run[0]), ord(run[-1])) for run in runs)


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


class _Parser:
    def __init__(self, text: str, *, unicode: bool) -> None:
        self.text = text
        self.unicode = unicode
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
            raise OpaqueExpressionError(f"{self.text!r}: a possessive quantifier")
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
            if character == "$":
                self.accept(r"(?!\n)")  # as we spell it
            return Anchor(start=character == "^")
        if character == "\\":
            return self.escape()
        if character in "*+?":
            raise OpaqueExpressionError(f"{self.text!r}: nothing to repeat")
        return Chars(((ord(character), ord(character)),))

    def group(self) -> Tree:
        for pattern, what in _AS_SPELLED.items():
            if found := pattern.match(self.text, self.at - 1):
                self.at = found.end()
                return Opaque(what, found[0])
        name, around = "", ""
        if self.accept("?"):
            if found := _NAME.match(self.text, self.at):
                name, self.at = found[1], found.end()
                return Group(self.closed(), name)
            around = next((sign for sign in _LOOK_AROUND if self.accept(sign)), "")
            if not around and not self.accept(":"):
                raise OpaqueExpressionError(f"{self.text!r}: flags")
            inner = self.closed()
            return Opaque(_LOOK_AROUND[around], f"(?{around}{_spelled(inner)})") if around else inner
        return Group(self.closed())

    def closed(self) -> Tree:
        inner = self.choice()
        if not self.accept(")"):
            raise OpaqueExpressionError(f"{self.text!r}: unbalanced")
        return inner

    def escape(self) -> Tree:
        if self.accept("b"):
            return Opaque("a word boundary", r"(?a:\b)")
        if self.accept("B"):
            return Opaque("a word boundary", r"(?a:\B)")
        if found := _REFERENCE.match(self.text, self.at):
            self.at = found.end()
            name = found[1] or found[2]
            same = f"\\{name}" if found[1] else f"(?P={name})"
            # A group that took no part matches nothing in Python and the empty string in ECMA-262.
            return Opaque("a back reference", f"(?({name}){same}|)")
        return Chars(self.escaped())

    def escaped(self) -> Ranges:
        character = self.take()
        if character in _CLASSES:
            return _CLASSES[character]
        if character in _CONTROLS and not self.rest()[:1].isdecimal():
            return ((_CONTROLS[character],) * 2,)
        if character in "xu":
            return ((self.code(character),) * 2,)
        if character == "c" and (letter := self.rest()[:1]).isascii() and letter.isalpha():
            self.at += 1
            return ((ord(letter) % 32,) * 2,)
        if character in "pP" and self.unicode:
            end = self.text.index("}", self.at) + 1
            expression, self.at = f"\\{character}{self.text[self.at : end]}", end
            return _property(expression)
        if character.isalnum():
            raise OpaqueExpressionError(f"{self.text!r}: \\{character} is not modelled")
        return ((ord(character),) * 2,)

    def code(self, kind: str) -> int:
        found = _CODES[kind, self.unicode].match(self.text, self.at)
        if found is None:
            raise OpaqueExpressionError(f"{self.text!r}: unknown escape")
        self.at = found.end()
        digits = [digits for digits in found.groups() if digits]
        if len(digits) == 2:
            high, low = (int(part, 16) for part in digits)
            return 0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00
        return int(digits[0], 16)

    def brackets(self) -> Ranges:
        negated = self.accept("^")
        parts: list[tuple[int, int]] = []
        while self.rest()[:1] != "]":
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
        if character != "\\":
            return ((ord(character), ord(character)),)
        return ((8, 8),) if self.accept("b") else self.escaped()


ANY = Chars(ALL)
