"""Spells the tree of a regular expression so that Python's engine reads it as ECMA-262 does."""

from __future__ import annotations

from compatibility.characters import Ranges
from compatibility.trees import Anchor, Chars, Choice, Group, Opaque, Repeat, Sequence, Tree


def spelled(tree: Tree, *, as_part: bool = False) -> str:
    """The tree as a pattern for Python; with `as_part` it can stand beside others."""
    match tree:
        case Chars(ranges):
            return _set(ranges)
        case Sequence(parts):
            text = "".join(spelled(part, as_part=isinstance(part, Choice)) for part in parts)
            return f"(?:{text})" if as_part else text
        case Choice(options):
            text = "|".join(map(spelled, options))
            return f"(?:{text})" if as_part else text
        case Repeat(part, low, high):
            bare = isinstance(part, Chars | Group)
            return f"{spelled(part) if bare else f'(?:{spelled(part)})'}{_times(low, high)}"
        case Anchor(start):
            # Python's `$` also matches before a last newline.
            return "^" if start else r"$(?!\n)"
        case Group(part, name):
            return f"(?P<{name}>{spelled(part)})" if name else f"({spelled(part)})"
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
