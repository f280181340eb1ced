"""The questions that callers ask: is the new schema compatible with its history, does a reader cover a writer."""

from __future__ import annotations

from collections.abc import Sequence

from compatibility.deciding import decide
from compatibility.errors import UndecidedError
from compatibility.model import Coverage, Direction, Finding, Mode, Undecided, Verdict
from compatibility.schema import Schema


def compare(
    writer: Schema, reader: Schema, *, direction: Direction = Direction.BACKWARD, against: str | None = None
) -> Coverage:
    """Whether every document of ``writer`` is accepted by ``reader``; each finding carries a checked witness."""
    return decide(writer, reader, direction, writer.name if against is None else against)


def covers(writer: Schema, reader: Schema) -> list[Finding]:
    """The ways in which ``reader`` rejects documents of ``writer``; an empty list is a proof that there are none.

    Raises ``UndecidedError`` when neither a witness nor a proof was found.
    """
    coverage = compare(writer, reader)
    if coverage.undecided and not coverage.findings:
        raise UndecidedError(coverage.undecided)
    return list(coverage.findings)


def check(new: Schema, history: Sequence[Schema], mode: Mode) -> Verdict:
    """Check ``new`` against ``history`` (oldest first); the non-transitive modes look at the last schema only.

    An empty history and mode NONE are compatible. Findings come oldest schema first, backward before forward.
    """
    counted = list(history) if mode.transitive else list(history[-1:])
    findings: list[Finding] = []
    undecided: list[Undecided] = []
    for old in counted:
        for direction in mode.directions:
            writer, reader = (old, new) if direction is Direction.BACKWARD else (new, old)
            coverage = compare(writer, reader, direction=direction, against=old.name)
            findings += coverage.findings
            undecided += coverage.undecided
    return Verdict(mode=mode, findings=tuple(findings), undecided=tuple(undecided))
