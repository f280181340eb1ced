"""`plan`, `apply`, `diff`, `outputs`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import typer
from rich.console import Console

from mesh.environments import OutputsMalformedError, save_outputs
from mesh.infra.errors import OutputsError
from mesh.infra.preparing import Ready, prepare
from mesh.infra.showing import as_json, in_words, print_summary
from mesh.infra.summary import Summary, summarize
from mesh.infra.terraform import Json
from mesh.infra.workspace import Workspace
from mesh.prompts import confirm, confirm_name

DIFFERENT: Final = 4
_SHORT: Final = 3


def plan(workspace: Workspace, *, package: bool, json_wanted: bool) -> None:
    """Show what `apply` would do, and keep the plan file. Raises InfraError."""
    ready = prepare(workspace, progress_printer(json_wanted=json_wanted), quiet=json_wanted, package=package)
    summary, _ = make_plan(ready, workspace.plan_file)
    _show(ready, summary, json_wanted=json_wanted)


def diff(workspace: Workspace, *, package: bool, json_wanted: bool) -> None:
    """Compare the environment with the code; exit with DIFFERENT if they differ. Raises InfraError."""
    ready = prepare(workspace, progress_printer(json_wanted=json_wanted), quiet=json_wanted, package=package)
    with temporary_plan(workspace, "diff") as file:
        summary, _ = make_plan(ready, file)
    _show(ready, summary, json_wanted=json_wanted)
    if summary.differs:
        raise typer.Exit(DIFFERENT)


def apply(workspace: Workspace, *, package: bool, yes: bool, name: str | None) -> None:
    """Plan, show, ask, apply exactly that plan, save the outputs. Raises InfraError, NotConfirmedError."""
    ready = prepare(workspace, progress_printer(), package=package)
    with temporary_plan(workspace, "apply") as file:
        summary, _ = make_plan(ready, file)
        print_summary(console(), summary)
        if summary.differs:
            _ask(ready, summary, yes=yes, name=name)
            ready.terraform.apply(file)
    _save(ready)
    typer.echo(f"{workspace.environment}: {in_words(summary)}" + (", done" if summary.differs else ""))
    if not workspace.is_local:
        steps = " && ".join(
            f"make {step} ENV={workspace.environment}" for step in ("db-migrate", "secrets-push", "verify")
        )
        typer.echo(f"next, in a new environment: {steps}")


def outputs(workspace: Workspace, *, json_wanted: bool) -> None:
    """Save the outputs for the other commands, and print them. Raises InfraError."""
    ready = prepare(workspace, progress_printer(json_wanted=True), quiet=True, inputs=False)
    values = _save(ready)
    if json_wanted:
        typer.echo(json.dumps(values, indent=2, sort_keys=True))
        return
    rows = list(flat(values))
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        typer.echo(f"{name.ljust(width)}  {text}")


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of every value for display: the name of a named object, the length of a long list."""
    for key, value in sorted(values.items()):
        name = f"{prefix}{key}"
        if isinstance(value, dict) and "log_group" not in value:
            yield from flat(value, f"{name}.")
        elif isinstance(value, dict):
            yield name, str(value.get("name"))
        elif isinstance(value, list):
            yield name, ", ".join(map(str, value)) if len(value) <= _SHORT else f"{len(value)} (--json shows them)"
        else:
            yield name, "" if value is None else str(value)


def make_plan(ready: Ready, file: Path, *, destroy: bool = False) -> tuple[Summary, Json]:
    """Write a plan file; returns its summary and Terraform's JSON document."""
    differs = ready.terraform.plan(file, ready.inputs, destroy=destroy)
    document = ready.terraform.show(file)
    return summarize(document, differs=differs), document


@contextmanager
def temporary_plan(workspace: Workspace, purpose: str) -> Iterator[Path]:
    """A plan file that is deleted afterwards, because it holds values of the state."""
    workspace.plan_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A unique name, so that a concurrent plan is never applied.
    with tempfile.TemporaryDirectory(prefix=f".{purpose}-", dir=workspace.plan_file.parent) as folder:
        yield Path(folder) / workspace.plan_file.name


def progress_printer(*, json_wanted: bool = False) -> Any:  # noqa: ANN401
    """A function that prints progress lines: to stderr where stdout is for a program."""
    return lambda line: typer.echo(line, err=json_wanted)


def console() -> Console:
    """A console whose output to a pipe is not cut to a width."""
    terminal = Console(highlight=False)
    if not terminal.is_terminal:
        terminal.width = 200
    return terminal


def _show(ready: Ready, summary: Summary, *, json_wanted: bool) -> None:
    if not json_wanted:
        print_summary(console(), summary)
        return
    place = {
        "environment": ready.workspace.environment,
        "account": ready.identity.account if ready.identity else None,
    }
    json.dump({**place, **as_json(summary)}, sys.stdout, indent=2)
    sys.stdout.write("\n")


def _ask(ready: Ready, summary: Summary, *, yes: bool, name: str | None) -> None:
    """Ask for confirmation: by the environment's name for production, and where data would be lost."""
    environment = ready.workspace.environment
    where = f"{environment} in account {ready.identity.account}" if ready.identity else environment
    if summary.losses:
        confirm_name(f"Data in {where} will be lost.", environment, given=name)
    elif ready.workspace.is_production:
        confirm_name(f"This changes {where}.", environment, given=name)
    elif name is not None:
        confirm_name("", environment, given=name)
    else:
        confirm(f"Change {where} ({in_words(summary)})?", yes=yes)


def _save(ready: Ready) -> dict[str, Any]:
    """The output `environment`, unless it is sensitive; saved for the other commands, except the local mesh's, which
    is read from its own state."""
    workspace = ready.workspace
    output = ready.terraform.outputs().get("environment")
    values: dict[str, Any] = output["value"] if output and not output["sensitive"] else {}
    if workspace.is_local:
        return values
    if not values:
        raise OutputsError(
            f"{workspace.environment} has no outputs: run `make infra-apply ENV={workspace.environment}`"
        )
    if values.get("environment") != workspace.environment:
        raise OutputsError(
            f"the state of {workspace.environment} has the outputs of {values.get('environment')!r}: nothing is saved"
        )
    try:
        save_outputs(values, workspace.outputs_folder)
    except OutputsMalformedError as error:
        raise OutputsError(f"{workspace.environment}: {error}; nothing is saved") from error
    return values
