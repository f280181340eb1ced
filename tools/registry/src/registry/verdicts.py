"""`check` and `compat`: evaluate, report, and set the exit code."""

import json
from collections.abc import Sequence
from pathlib import Path

import typer

from compatibility import Mode, Outcome, Schema, UnusableSchemaError, read_schema
from compatibility import check as check_schemas
from registry import report
from registry.base import compare
from registry.catalogue import read_bytes
from registry.errors import UnusableFileError
from registry.exit_codes import BROKEN
from registry.layout import find_layout
from registry.review import review

WORDS = {
    Outcome.COMPATIBLE: "compatible",
    Outcome.INCOMPATIBLE: "not compatible",
    Outcome.UNDECIDED: "not proven compatible, which counts as not compatible",
}


def check(root: Path, base: str | None, output: str, *, no_base: bool = False) -> None:
    """The working tree against a revision. Raises `typer.Exit` with code 1 when something cannot be released."""
    layout = find_layout(root)
    comparison = compare(layout, base, no_base=no_base)
    if comparison.base is not None and not comparison.before.versions:
        typer.echo(f"mesh contracts: {comparison.base} has no contracts: all are new", err=True)
    reviews = review(layout, comparison)
    if output == "json":
        typer.echo(json.dumps(report.as_json(comparison.base, reviews), indent=2, ensure_ascii=False))
    elif output == "github":
        typer.echo(report.as_github(comparison.base, reviews))
    else:
        typer.echo(report.as_text(comparison.base, reviews))
    if any(found.problems for found in reviews):
        raise typer.Exit(BROKEN)


def compat(files: Sequence[Path], mode: str, *, strict: bool, as_json: bool) -> None:
    """Schemas, oldest first, the last against those before it."""
    *history, new = [_schema(path, strict=strict) for path in files]
    verdict = check_schemas(new, history, Mode(mode))
    if as_json:
        typer.echo(json.dumps(verdict.as_json(), indent=2, ensure_ascii=False))
    else:
        for finding in verdict.findings:
            typer.echo("\n".join(report.finding_lines(finding)))
        for question in verdict.undecided:
            typer.echo(f"undecided ({question.direction}, against {question.against}): {question.reason}")
        typer.echo(f"{WORDS[verdict.outcome]} ({mode})")
    if not verdict.compatible:
        raise typer.Exit(BROKEN)


def _schema(path: Path, *, strict: bool) -> Schema:
    raw = read_bytes(path)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnusableFileError(f"{path}: not UTF-8 text") from error
    try:
        return read_schema(text, name=str(path), strict=strict)
    except UnusableSchemaError as error:
        raise UnusableFileError(f"{path}: {error}") from error
