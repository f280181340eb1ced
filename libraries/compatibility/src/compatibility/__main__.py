"""``python -m compatibility --mode FULL OLD.json NEW.json [--json] [--strict]``

Exit status: 0 compatible, 1 incompatible or undecided, 2 unusable input.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from compatibility.checking import check
from compatibility.errors import UnusableSchemaError
from compatibility.model import Mode, Verdict
from compatibility.reading import read_schema

COMPATIBLE, NOT_COMPATIBLE, UNUSABLE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Compare two schema files; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m compatibility", description="Are two JSON Schemas compatible?")
    parser.add_argument("--mode", type=Mode, choices=list(Mode), default=Mode.FULL, metavar="MODE")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    parser.add_argument(
        "--strict", action="store_true", help="unknown keywords and formats and a missing $schema are unusable input"
    )
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    given = parser.parse_args(arguments)
    try:
        old, new = read_schema(given.old, strict=given.strict), read_schema(given.new, strict=given.strict)
        verdict = check(new, [old], given.mode)
    except UnusableSchemaError as error:
        if given.json:
            _print(json.dumps({"outcome": "unusable", "code": error.code.value, "detail": error.detail}))
        else:
            sys.stderr.write(f"unusable: {error}\n")
        return UNUSABLE
    _print(json.dumps(verdict.as_json(), indent=2, ensure_ascii=False) if given.json else _text(verdict))
    return COMPATIBLE if verdict.compatible else NOT_COMPATIBLE


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")


def _text(verdict: Verdict) -> str:
    lines = [f"{verdict.outcome.value} ({verdict.mode.value})"]
    for finding in verdict.findings:
        witness = json.dumps(finding.witness, ensure_ascii=False)
        lines.append(f"  {finding.direction.value}: {finding.rule.value}: {finding.message}")
        lines.append(f"    {finding.accepted_by} accepts, {finding.rejected_by} rejects: {witness}")
    lines += [f"  {item.direction.value}: undecided: {item.reason}" for item in verdict.undecided]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
