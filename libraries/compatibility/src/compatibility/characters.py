"""Sets of characters as sorted ranges of code points."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise

from regress import Regex

Ranges = tuple[tuple[int, int], ...]
"""Disjoint, sorted, inclusive ranges of code points."""

_SURROGATES = (0xD800, 0xDFFF)
ALL: Ranges = ((0, _SURROGATES[0] - 1), (_SURROGATES[1] + 1, 0x10FFFF))
DIGITS: Ranges = ((0x30, 0x39),)
WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Ranges = (
    (0x09, 0x0D),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x2000, 0x200A),
    (0x2028, 0x2029),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),
)
LINE_ENDS: Ranges = ((0x0A, 0x0A), (0x0D, 0x0D), (0x2028, 0x2029))


def union(parts: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges that cover exactly what the parts cover."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(parts):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Every other character (surrogates are never characters)."""
    result: list[tuple[int, int]] = []
    start = 0
    for low, high in union([*ranges, _SURROGATES]):
        if low > start:
            result.append((start, low - 1))
        start = high + 1
    if start <= 0x10FFFF:
        result.append((start, 0x10FFFF))
    return tuple(result)


def overlap(one: Ranges, other: Ranges) -> bool:
    """Whether a character is in both."""
    return any(low <= high2 and low2 <= high for low, high in one for low2, high2 in other)


def indexes(ranges: Ranges, characters: list[str]) -> list[int]:
    """Which of the characters are in the ranges, by their indexes."""
    starts = [low for low, _ in ranges]
    result = []
    for index, character in enumerate(characters):
        nearest = bisect_right(starts, ord(character)) - 1
        if nearest >= 0 and ord(character) <= ranges[nearest][1]:
            result.append(index)
    return result


def classes(sets: Iterable[Ranges]) -> list[str]:
    """One character, a readable one where possible, for each class that the sets do not distinguish."""
    cuts = {0}
    for ranges in sets:
        for low, high in ranges:
            cuts |= {low, high + 1}
    bounds = [*sorted(cut for cut in cuts if cut <= 0x10FFFF), 0x110000]
    result = [_readable(low, high - 1) for low, high in pairwise(bounds)]
    return sorted((found for found in result if found), key=_rank)


def _rank(character: str) -> tuple[int, int]:
    for number, allowed in enumerate((str.islower, str.isdigit, str.isupper, str.isprintable)):
        if character.isascii() and allowed(character):
            return number, ord(character)
    return 9, ord(character)


def _readable(low: int, high: int) -> str:
    for wanted in ((0x61, 0x7A), (0x30, 0x39), (0x41, 0x5A), (0x21, 0x7E), (0x20, 0x7E), (0xA1, 0xD7FF)):
        first = max(low, wanted[0])
        if first <= min(high, wanted[1]):
            return chr(first)
    if _SURROGATES[0] <= low and high <= _SURROGATES[1]:
        return ""
    return chr(high if _SURROGATES[0] <= low <= _SURROGATES[1] else low)


@lru_cache(maxsize=256)
def property_of(expression: str) -> Ranges:
    """The characters of a Unicode property, such as ``\\p{L}``, as the engine of ECMA-262 has them."""
    runs = _found(expression, "u", "".join(chr(code) for low, high in ALL for code in range(low, high + 1)))
    return union((ord(run[0]), ord(run[-1])) for run in runs)


@lru_cache(maxsize=1024)
def folded(ranges: Ranges) -> Ranges:
    """The characters with those that differ from them in case alone (the flags ``iu``)."""
    members = "".join(f"\\u{{{low:x}}}-\\u{{{high:x}}}" for low, high in ranges)
    runs = _found(f"[{members}]", "iu", _cased()) if ranges else ()
    return union((*ranges, *((ord(character), ord(character)) for run in runs for character in run)))


@lru_cache(maxsize=1)
def _cased() -> str:
    cased = union((*property_of(r"\p{Changes_When_Casemapped}"), *property_of(r"\p{Changes_When_Casefolded}")))
    return "".join(chr(code) for low, high in cased for code in range(low, high + 1))


def _found(expression: str, flags: str, text: str) -> Iterator[str]:
    """The longest parts of the text that have the characters alone."""
    encoded = text.encode()  # the engine counts bytes
    for match in Regex(f"{expression}+", flags).find_iter(text) or ():
        yield encoded[match.range()].decode()
