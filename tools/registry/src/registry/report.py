"""Output of `mesh contracts check`: as text, as JSON, and as annotations of a pull request."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from compatibility import Finding
from registry.changes import change_line
from registry.problems import Problem
from registry.review import Review

Json = dict[str, Any]
_WITNESS_CHARACTERS = 400


def as_text(base: str | None, reviews: Sequence[Review]) -> str:
    """The verdicts as text."""
    heading = f"compared with {base}" if base else "no published revision to compare with: versions against each other"
    return "\n".join([heading, *(line for review in reviews for line in _review(review)), "", summary(reviews)])


def summary(reviews: Sequence[Review]) -> str:
    """The last line."""
    if not reviews:
        return "no contract has changed"
    broken = sum(bool(review.problems) for review in reviews)
    contracts = f"{len(reviews)} contract{'s' if len(reviews) > 1 else ''} changed"
    return (
        f"{contracts}, {broken} cannot be released" if broken else f"{contracts}, compatible with everything published"
    )


def as_json(base: str | None, reviews: Sequence[Review]) -> Json:
    """For programs."""
    return {
        "base": base,
        "compatible": not any(review.problems for review in reviews),
        "contracts": [
            {
                "type": review.event_type,
                "status": review.status.value,
                "versions": list(review.versions),
                "compared_with": list(review.compared_with),
                "producers": list(review.participants.producers),
                "consumers": list(review.participants.consumers),
                "changes": [
                    {"field": change.path, "what": change.what.value, "before": change.before, "after": change.after}
                    for change in review.changes
                ],
                "notes": list(review.notes),
                "problems": [_problem_json(problem) for problem in review.problems],
            }
            for review in reviews
        ],
    }


def as_github(base: str | None, reviews: Sequence[Review]) -> str:
    """Workflow commands of GitHub Actions, which show at the file in the pull request."""
    lines = [line for review in reviews for line in _annotations(review)]
    return "\n".join([*lines, f"{summary(reviews)} (compared with {base or 'nothing'})"])


def finding_lines(finding: Finding) -> Iterator[str]:
    """The rule, where, and the document that proves it."""
    yield f"{finding.rule} at {finding.path or '/'}: {finding.message}"
    yield f"  witness: {short(finding.witness)}"
    yield f"  accepted by {finding.accepted_by}, rejected by {finding.rejected_by}"


def short(value: object) -> str:
    """JSON on one line, cut."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WITNESS_CHARACTERS else f"{text[:_WITNESS_CHARACTERS]}… ({len(text):,} characters)"


def _review(review: Review) -> Iterator[str]:
    versions = f" {', '.join(review.versions)}" if review.versions else ""
    against = f", compared with {', '.join(review.compared_with)}" if review.compared_with else ""
    yield ""
    yield f"{review.event_type}{versions} ({review.status}{against})"
    yield f"  published by {_names(review.participants.producers)}; consumed by {_names(review.participants.consumers)}"
    yield from (f"  {change_line(change)}" for change in review.changes)
    yield from (f"  note: {note}" for note in review.notes)
    for problem in review.problems:
        yield f"  BREAK [{problem.rule}] {problem.message}"
        if problem.finding:
            rule, *proof = finding_lines(problem.finding)
            yield f"    {rule.partition(': ')[0]}"
            yield from (f"  {line}" for line in proof)
    if not review.problems:
        yield "  ok"


def _annotations(review: Review) -> Iterator[str]:
    affected = (
        f"Published by {_names(review.participants.producers)}; consumed by {_names(review.participants.consumers)}."
    )
    for problem in review.problems:
        rule = f"{problem.rule}: {problem.finding.rule}" if problem.finding else problem.rule
        proof = f"\nWitness: {short(problem.finding.witness)}" if problem.finding else ""
        yield _command("error", problem.path, f"{review.event_type} [{rule}]", f"{problem.message}{proof}\n{affected}")
    if not review.problems and review.versions:
        yield _command("notice", review.path, f"{review.event_type} {review.versions[-1]}", f"compatible. {affected}")


def _command(level: str, path: str, title: str, message: str) -> str:
    return f"::{level} file={_property(path)},line=1,title={_property(title)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _problem_json(problem: Problem) -> Json:
    found = {"finding": problem.finding.as_json(), "against": problem.against} if problem.finding else {}
    return {"rule": problem.rule.value, "file": problem.path, "message": problem.message, **found}


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "no service"
