"""Automata of regular expressions (Glushkov's construction), and whether backtracking over one may explode."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from warnings import catch_warnings

from compatibility.characters import ALL, Ranges, overlap
from compatibility.expressions import parse, portable
from compatibility.trees import (
    Anchor,
    Chars,
    Choice,
    Group,
    Opaque,
    OpaqueExpressionError,
    Repeat,
    Sequence,
    Tree,
    regular,
)

_MAX_POSITIONS = 3000
_MAX_POSITIONS_SHOWN_SAFE = 160
_LARGEST_SMALL_COUNT = 8
_MAX_OPTIONAL_PARTS = 24


class UnsafeExpressionError(Exception):
    """A pattern that no validator can run, or that may take exponential time on a short string."""

    def __init__(self, message: str, *, catastrophic: bool) -> None:
        super().__init__(message)
        self.catastrophic = catastrophic


@dataclass
class Machine:
    """States 0..n-1; ``moves`` are (characters, next state) by state; a string matches if it can end in ``final``."""

    moves: list[list[tuple[Ranges, int]]]
    start: frozenset[int]
    final: frozenset[int]


@dataclass(frozen=True)
class _Part:
    nullable: bool
    first: tuple[int, ...]
    last: tuple[int, ...]


@dataclass
class _Glushkov:
    """Positions are the characters of the tree; ``follow`` keeps every way to go on, also when two ways are equal."""

    compact: bool = False
    optional_parts: int = 0
    chars: list[Ranges] = field(default_factory=list)
    follow: list[list[int]] = field(default_factory=list)

    def build(self, tree: Tree) -> _Part:
        match tree:
            case Chars(ranges):
                if len(self.chars) >= _MAX_POSITIONS:
                    raise OpaqueExpressionError("the pattern is too large")
                self.chars.append(ranges)
                self.follow.append([])
                position = len(self.chars) - 1
                return _Part(nullable=False, first=(position,), last=(position,))
            case Sequence(parts):
                whole = _Part(nullable=True, first=(), last=())
                for part in parts:
                    whole = self.join(whole, self.build(part))
                return whole
            case Choice(options):
                built = [self.build(option) for option in options]
                return _Part(
                    any(part.nullable for part in built),
                    tuple(position for part in built for position in part.first),
                    tuple(position for part in built for position in part.last),
                )
            case Repeat(part, low, high):
                return self.repeat(part, low, high)
            case Anchor():
                raise OpaqueExpressionError("an anchor inside the pattern")
            case Group(part, _):
                return self.build(part)
            case Opaque(what, text):
                raise OpaqueExpressionError(f"{what} ({text})")

    def join(self, one: _Part, other: _Part) -> _Part:
        for position in one.last:
            self.follow[position] += other.first
        return _Part(
            one.nullable and other.nullable,
            one.first + (other.first if one.nullable else ()),
            other.last + (one.last if other.nullable else ()),
        )

    def repeat(self, tree: Tree, low: int, high: int | None) -> _Part:
        if self.compact and (high is None or high > _LARGEST_SMALL_COUNT):
            part = self.build(tree)
            if part.nullable and high is not None:
                self.optional_parts += high
            return self.loop(part, low)
        whole = _Part(nullable=True, first=(), last=())
        for _ in range(low if high is not None else max(low - 1, 0)):
            whole = self.join(whole, self.build(tree))
        if high is None:
            return self.join(whole, self.loop(self.build(tree), low))
        optional: list[_Part] = []
        for _ in range(high - low):
            optional.append(self.build(tree))
        self.optional_parts += len(optional)
        tail = _Part(nullable=True, first=(), last=())
        for part in reversed(optional):
            joined = self.join(part, tail)
            tail = _Part(nullable=True, first=joined.first, last=joined.last)
        return self.join(whole, tail)

    def loop(self, part: _Part, low: int) -> _Part:
        for position in part.last:
            self.follow[position] += part.first
        return _Part(part.nullable or low == 0, part.first, part.last)


@lru_cache(maxsize=2048)
def machine(pattern: str) -> Machine:
    """The automaton of all strings in which the pattern is found; ``OpaqueExpressionError`` if there is none."""
    automaton = Machine([], frozenset(), frozenset())
    starts: set[int] = set()
    finals: set[int] = set()
    for at_start, tree, at_end in _alternatives(regular(parse(pattern))):
        built = _Glushkov()
        part = built.build(tree)
        offset = len(automaton.moves)
        initial, sink = offset + len(built.chars), offset + len(built.chars) + 1
        for follow in built.follow:
            automaton.moves.append([(built.chars[target], offset + target) for target in dict.fromkeys(follow)])
        automaton.moves.append([(built.chars[target], offset + target) for target in dict.fromkeys(part.first)])
        automaton.moves.append([(ALL, sink)])
        if not at_start:
            automaton.moves[initial].append((ALL, initial))
        ends = {offset + position for position in part.last} | ({initial} if part.nullable else set())
        starts.add(initial)
        finals |= ends
        if not at_end:
            finals.add(sink)
            for state in ends:
                automaton.moves[state].append((ALL, sink))
    return Machine(automaton.moves, frozenset(starts), frozenset(finals))


def _alternatives(tree: Tree) -> list[tuple[bool, Tree, bool]]:
    """The tree as alternatives whose anchors are flags: anchored at the start, the rest, anchored at the end."""
    if isinstance(tree, Choice):
        return [found for option in tree.options for found in _alternatives(option)]
    parts = list(tree.parts) if isinstance(tree, Sequence) else [tree]
    if len(parts) == 1 and isinstance(parts[0], Sequence | Choice):
        return _alternatives(parts[0])
    at_start = bool(parts) and parts[0] == Anchor(start=True)
    parts = parts[1:] if at_start else parts
    at_end = bool(parts) and parts[-1] == Anchor(start=False)
    parts = parts[:-1] if at_end else parts
    return [(at_start, Sequence(tuple(parts)), at_end)]


def literal_machine(words: frozenset[str]) -> Machine:
    """The automaton of exactly these words."""
    automaton = Machine([[]], frozenset({0}), frozenset())
    ends: set[int] = set()
    for word in sorted(words):
        state = 0
        for character in word:
            known = {low: target for ((low, _),), target in automaton.moves[state]}
            target = known.get(ord(character), len(automaton.moves))
            if target == len(automaton.moves):
                automaton.moves[state].append((((ord(character),) * 2,), target))
                automaton.moves.append([])
            state = target
        ends.add(state)
    return Machine(automaton.moves, automaton.start, frozenset(ends))


@lru_cache(maxsize=2048)
def refuse_unsafe(pattern: str) -> None:
    """Refuse a pattern that the validator's engine cannot compile or on which its backtracking may explode."""
    try:
        with catch_warnings(action="error", category=FutureWarning):  # sets of sets, which Python reserves
            re.compile(portable(pattern))
    except (FutureWarning, re.error, OverflowError, RecursionError) as error:
        raise UnsafeExpressionError(f"{pattern!r} is not a valid pattern: {error}", catastrophic=False) from error
    try:
        tree = regular(parse(pattern))
    except OpaqueExpressionError as error:
        if re.search(r"[*+}]\??\)+[*+{]", pattern):
            raise UnsafeExpressionError(f"{pattern!r} repeats a repetition", catastrophic=True) from error
        return
    built = _Glushkov(compact=True)
    try:
        built.build(_simplified(tree))
    except OpaqueExpressionError as error:
        raise UnsafeExpressionError(f"{pattern!r} is too large to be shown safe", catastrophic=True) from error
    if _explodes(built):
        raise UnsafeExpressionError(f"{pattern!r} can match one string in exponentially many ways", catastrophic=True)


def _simplified(tree: Tree) -> Tree:
    """The tree without anchors, and with one count where a part of a fixed length is counted twice: which of the parts
    are counted together is then no choice."""
    match tree:
        case Sequence((part,)):
            return _simplified(part)
        case Sequence(parts):
            return Sequence(tuple(map(_simplified, parts)))
        case Choice(options):
            return Choice(tuple(map(_simplified, options)))
        case Repeat(part, low, high):
            inner = _simplified(part)
            if isinstance(inner, Repeat) and inner.low == inner.high and _length(inner.part):
                return Repeat(inner.part, inner.low * low, None if high is None else inner.low * high)
            return Repeat(inner, low, high)
        case Anchor():
            return Sequence(())
        case _:
            return tree


def _length(tree: Tree) -> int | None:
    """The length of every string that the tree matches; None where they have several."""
    match tree:
        case Chars():
            return 1
        case Sequence(parts):
            lengths = [_length(part) for part in parts]
            return None if None in lengths else sum(filter(None, lengths))
        case Choice(options):
            lengths = [_length(option) for option in options]
            return lengths[0] if len(set(lengths)) == 1 else None
        case Repeat(part, low, high) if low == high:
            length = _length(part)
            return None if length is None else length * low
        case _:
            return None


def _explodes(built: _Glushkov) -> bool:
    """Exponential ambiguity: two different ways from a position back to itself over the same string."""
    if built.optional_parts > _MAX_OPTIONAL_PARTS:
        return True
    if any(len(set(follow)) != len(follow) for follow in built.follow):
        return True
    looping = _looping(built.follow)
    if len(looping) > _MAX_POSITIONS_SHOWN_SAFE:
        return True
    allowed = set(looping)
    follow = {position: [target for target in built.follow[position] if target in allowed] for position in looping}
    meet = {(p, q): overlap(built.chars[p], built.chars[q]) for p in looping for q in looping}
    forward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    backward: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for p, q in meet:
        for pair in ((x, y) for x in follow[p] for y in follow[q] if meet[x, y]):
            forward.setdefault((p, q), []).append(pair)
            backward.setdefault(pair, []).append((p, q))
    for position in looping:
        here = (position, position)
        both = _reached(here, forward) & _reached(here, backward)
        if any(p != q for p, q in both):
            return True
    return False


def _reached(start: tuple[int, int], edges: dict[tuple[int, int], list[tuple[int, int]]]) -> set[tuple[int, int]]:
    seen = {start}
    pending = [start]
    while pending:
        for target in edges.get(pending.pop(), ()):
            if target not in seen:
                seen.add(target)
                pending.append(target)
    return seen


def _looping(follow: list[list[int]]) -> list[int]:
    """The positions that can come back to themselves."""
    result = []
    for start in range(len(follow)):
        seen: set[int] = set()
        pending = list(follow[start])
        while pending and start not in seen:
            position = pending.pop()
            if position not in seen:
                seen.add(position)
                pending += follow[position]
        if start in seen:
            result.append(start)
    return result
