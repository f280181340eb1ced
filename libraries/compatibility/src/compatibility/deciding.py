"""Compares two schemas: every violation found is confirmed by the validator before it is reported."""

from __future__ import annotations

from compatibility.model import Coverage, Direction, Finding, JsonValue, Rule, Undecided
from compatibility.pointers import resolve
from compatibility.questions import Budget, OpenQuestionError
from compatibility.rules import wording
from compatibility.schema import Schema
from compatibility.search import Questions
from compatibility.solving import Solver
from compatibility.terms import Blame


def decide(
    writer: Schema, reader: Schema, direction: Direction, against: str, budget: Budget | None = None
) -> Coverage:
    """Whether the reader accepts every document of the writer.

    A document that the search builds but the validator does not confirm counts as an open question, never as a finding.
    """
    if writer.obstacles and writer.bare == reader.bare:
        return Coverage()
    names = ("old", "new") if direction is Direction.BACKWARD else ("new", "old")
    findings: list[Finding] = []
    reasons = [*writer.obstacles, *reader.obstacles]
    solver = Solver(writer, reader, budget or Budget())
    questions = Questions()
    try:
        for blame, witness in questions.drain(solver.violations()):
            if blame is None or blame in solver.blamed:
                continue
            try:
                confirmed = writer.accepts(witness) and not reader.accepts(witness)
            except OpenQuestionError as error:
                questions.reasons.append(str(error))
                continue
            if not confirmed:
                questions.reasons.append(f"a document against {blame.pointer} was not confirmed: {witness!r:.200}")
                continue
            solver.blamed.add(blame)
            findings.append(_finding(reader, blame, direction, witness, names, against))
    except OpenQuestionError as error:
        questions.reasons.append(str(error))
    except RecursionError:
        questions.reasons.append("the schemas are nested too deep")
    reasons += questions.reasons
    open_questions = tuple(
        Undecided(direction=direction, reason=reason, against=against) for reason in dict.fromkeys(reasons)
    )
    return Coverage(findings=tuple(findings), undecided=open_questions)


def _finding(
    reader: Schema, blame: Blame, direction: Direction, witness: JsonValue, names: tuple[str, str], against: str
) -> Finding:
    path = reader.origin(blame.pointer)
    by_pattern = blame.rule is Rule.PATTERN_NARROWED
    value = resolve(reader.source, path) if by_pattern else resolve(reader.document, blame.pointer)
    phrase = wording(blame.rule, path, value)
    return Finding(
        rule=blame.rule,
        path=path,
        direction=direction,
        message=f"{path or '/'}: the {names[1]} schema {phrase}; documents of the {names[0]} one need not comply",
        witness=witness,
        accepted_by=names[0],
        rejected_by=names[1],
        against=against,
    )
