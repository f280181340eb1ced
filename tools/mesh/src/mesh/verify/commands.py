"""The command `mesh verify`.

Exit codes: 0 everything passed, 1 something failed or was left behind (or the environment is unknown), 2 wrong usage.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.db.access import Access
    from mesh.environments import Environment


def verify(
    env: Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")],
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this check and its dependencies; repeatable."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.md", help="Also write a Markdown report.", dir_okay=False)
    ] = None,
    timeout: Annotated[
        float, typer.Option(min=1, help="Seconds to wait for asynchronous results, such as a description.")
    ] = 180,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Check an environment from its database to a picture that is uploaded, found and deleted again."""
    from mesh.environments import open_environment
    from mesh.verify.checks import CHECKS
    from mesh.verify.errors import UnknownCheckError
    from mesh.verify.running import choose

    try:
        choose(CHECKS, only or [])
    except UnknownCheckError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from error
    from mesh.run import guarded

    guarded(lambda: run(open_environment(env), only or [], report, timeout, as_json=as_json))


def run(
    environment: Environment,
    only: list[str],
    report: Path | None,
    timeout_s: float,
    *,
    as_json: bool,
    access: Access | None = None,
) -> None:
    """Verify, report, and exit with code 1 unless everything passed."""
    from rich.console import Console

    from mesh.verify.model import Check, Outcome
    from mesh.verify.report import document, line, markdown, style, verdict
    from mesh.verify.running import verify

    if report is not None:
        _check_writable(report)
    out = Console(highlight=False, markup=False, soft_wrap=True)
    with Console(stderr=True, highlight=False, markup=False).status("verifying") as status:

        def beginning(check: Check) -> None:
            status.update(check.sentence)

        def ended(outcome: Outcome) -> None:
            status.update("cleaning up")
            if not as_json:
                out.print(line(outcome), style=style(outcome))

        def left(what: str) -> None:
            typer.echo(f"left behind: {what}", err=True)

        verification = verify(
            environment, access=access, only=only, timeout_s=timeout_s, beginning=beginning, ended=ended, left=left
        )
    if as_json:
        typer.echo(json.dumps(document(verification), indent=2))
    else:
        for what in verification.left_behind:
            out.print(f"left behind: {what}", style="red")
        out.print(verdict(verification), style="bold")
    if report is not None:
        report.write_text(markdown(verification), encoding="utf-8")
    if not verification.passed:
        raise typer.Exit(1)


def _check_writable(report: Path) -> None:
    """Check before minutes are spent. Raises ReportUnwritableError."""
    from mesh.verify.errors import ReportUnwritableError

    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        usable = os.access(report if report.exists() else report.parent, os.W_OK)
    except OSError as error:
        raise ReportUnwritableError(f"{report} cannot be written: {error.strerror}") from error
    if not usable:
        raise ReportUnwritableError(f"{report} cannot be written")
