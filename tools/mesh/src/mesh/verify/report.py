"""A verification as lines, as JSON and as a Markdown report."""

from __future__ import annotations

from typing import Any

from mesh.verify.model import Outcome, Verdict, Verification

_STYLES = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.SKIPPED: "yellow"}


def style(outcome: Outcome) -> str:
    """The colour of an outcome's line."""
    return _STYLES[outcome.verdict]


def line(outcome: Outcome) -> str:
    """One outcome in one line."""
    return f"{outcome.verdict:<7} {outcome.seconds:6.1f} s  {outcome.check.name:<19}  {outcome.detail}"


def verdict(verification: Verification) -> str:
    """The verification in a sentence."""
    counts = {kind: sum(outcome.verdict is kind for outcome in verification.outcomes) for kind in Verdict}
    numbers = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count)
    return f"{verification.environment}: {numbers} in {verification.seconds:.1f} s"


def document(verification: Verification) -> dict[str, Any]:
    """For programs."""
    return {
        "environment": verification.environment,
        "region": verification.region,
        "account": verification.account,
        "api_url": verification.api_url,
        "commit": verification.commit,
        "checkout": verification.checkout,
        "started_at": verification.started_at.isoformat(timespec="seconds"),
        "seconds": round(verification.seconds, 1),
        "passed": verification.passed,
        "checks": [
            {
                "name": outcome.check.name,
                "sentence": outcome.check.sentence,
                "verdict": outcome.verdict.value,
                "seconds": round(outcome.seconds, 1),
                "detail": outcome.detail,
            }
            for outcome in verification.outcomes
        ],
        "left_behind": list(verification.left_behind),
    }


def markdown(verification: Verification) -> str:
    """The verification as a Markdown report, for example to attach to a release."""
    facts = {
        "Environment": f"{verification.environment} ({verification.account}, {verification.region})",
        "API": verification.api_url,
        "Runs commit": verification.commit,
        "Verified from": verification.checkout,
        "Time": f"{verification.started_at:%Y-%m-%d %H:%M:%S} UTC",
        "Outcome": verdict(verification),
    }
    lines = [f"# {verification.environment}: {'verified' if verification.passed else 'not verified'}", "", "| | |"]
    lines += ["| --- | --- |", *(f"| {_cell(name)} | {_cell(value)} |" for name, value in facts.items())]
    lines += ["", "| check | verdict | seconds | finding |", "| --- | --- | ---: | --- |"]
    lines += [_row(outcome) for outcome in verification.outcomes]
    failures = [outcome for outcome in verification.outcomes if outcome.verdict is Verdict.FAILED]
    if failures:
        lines += ["", "## Failures"]
    for outcome in failures:
        lines += [
            "",
            f"### {outcome.check.name}",
            "",
            f"Expected: {outcome.check.sentence}.",
            "",
            f"> {outcome.detail}",
        ]
    if verification.left_behind:
        lines += ["", "## Left behind", "", *(f"- {what}" for what in verification.left_behind)]
    return "\n".join(lines) + "\n"


def _row(outcome: Outcome) -> str:
    name = f"{outcome.check.name}: {outcome.check.sentence}"
    return f"| {_cell(name)} | {outcome.verdict} | {outcome.seconds:.1f} | {_cell(outcome.detail)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
