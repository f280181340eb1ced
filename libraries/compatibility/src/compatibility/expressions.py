"""Parses the regular expressions of ECMA-262 into trees, and spells them so that Python reads them the same way.

A pattern is read as JSON Schema wants it, with the flag ``u``, and without it only where it is not valid so. What is no
regular language (look-around, back references), and word boundaries, stays a part of the tree that only the validator
understands: nothing is proven about it. The flags ``i`` and ``s`` are read for a part, as ECMA-262 has them since 2025,
and at the start of a pattern, where other engines take them: the tree has the characters that they stand for. What is
not ECMA-262 otherwise makes an ``OpaqueExpressionError`` at once and is left to the validator as it is.
"""

from __future__ import annotations

import re
from functools import lru_cache

from regress import Regex, RegressError

from compatibility.characters import (
    ALL,
    DIGITS,
    LINE_ENDS,
    SPACE,
    WORD,
    Ranges,
    complement,
    folded,
    property_of,
    union,
)
from compatibility.spelling import spelled
from compatibility.trees import Anchor, Chars, Choice, Group, Opaque, OpaqueExpressionError, Repeat, Sequence, Tree

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
_FLAGS = re.compile(r"([is]*)(?:-([is]+))?:")
_FLAGS_FOR_ALL = re.compile(r"\(\?([is]+)\)")
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
    flags = _FLAGS_FOR_ALL.match(pattern)
    body = pattern[flags.end() :] if flags else pattern
    parser = _Parser(body, unicode=_is_valid(body, "u"), flags=frozenset(flags[1] if flags else ""))
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
        return spelled(parse(pattern))
    except OpaqueExpressionError:
        return pattern


class _Parser:
    def __init__(self, text: str, *, unicode: bool, flags: frozenset[str]) -> None:
        self.text = text
        self.unicode = unicode
        self.flags = flags
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
            return Chars(ALL if "s" in self.flags else complement(LINE_ENDS))
        if character in "^$":
            if character == "$":
                self.accept(r"(?!\n)")  # as we spell it
            return Anchor(start=character == "^")
        if character == "\\":
            return self.escape()
        if character in "*+?":
            raise OpaqueExpressionError(f"{self.text!r}: nothing to repeat")
        return Chars(self.cased(((ord(character), ord(character)),)))

    def cased(self, ranges: Ranges) -> Ranges:
        """The characters with those that the flags take for the same."""
        if "i" not in self.flags:
            return ranges
        if not self.unicode:
            raise OpaqueExpressionError(f"{self.text!r}: the flag i without u")
        return folded(ranges)

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
            if found := _FLAGS.match(self.text, self.at):
                self.at, outer = found.end(), self.flags
                self.flags = outer.union(found[1]).difference(found[2] or "")
                inner = self.closed()
                self.flags = outer
                return inner
            around = next((sign for sign in _LOOK_AROUND if self.accept(sign)), "")
            if not around:
                raise OpaqueExpressionError(f"{self.text!r}: flags")
            inner = self.closed()
            return Opaque(_LOOK_AROUND[around], f"(?{around}{spelled(inner)})")
        return Group(self.closed())

    def closed(self) -> Tree:
        inner = self.choice()
        if not self.accept(")"):
            raise OpaqueExpressionError(f"{self.text!r}: unbalanced")
        return inner

    def escape(self) -> Tree:
        if "i" in self.flags and (self.rest()[:1] in ("b", "B") or _REFERENCE.match(self.text, self.at)):
            raise OpaqueExpressionError(f"{self.text!r}: the flag i with a word boundary or a back reference")
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
        return Chars(self.cased(self.escaped()))

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
            return property_of(expression)
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
                if not self.unicode and not (_is_one(low) and _is_one(high)):  # a class: the dash is a dash
                    parts += [*low, *high, (ord("-"), ord("-"))]
                    continue
                if not (_is_one(low) and _is_one(high)) or high[0][0] < low[0][0]:
                    raise OpaqueExpressionError(f"{self.text!r}: a strange range")
                parts.append((low[0][0], high[0][1]))
            else:
                parts += low
        self.take()
        members = self.cased(union(parts))
        return complement(members) if negated else members

    def member(self) -> Ranges:
        character = self.take()
        if character != "\\":
            return ((ord(character), ord(character)),)
        return ((8, 8),) if self.accept("b") else self.escaped()


def _is_one(ranges: Ranges) -> bool:
    return len(ranges) == 1 and ranges[0][0] == ranges[0][1]
