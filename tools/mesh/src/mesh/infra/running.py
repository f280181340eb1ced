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
    """Show what `apply` would do; the plan file stays. Raises InfraError."""
    ready = prepare(workspace, teller(json_wanted=json_wanted), quiet=json_wanted, package=package)
    summary, _ = make_plan(ready, workspace.plan_file)
    _tell(ready, summary, json_wanted=json_wanted)


def diff(workspace: Workspace, *, package: bool, json_wanted: bool) -> None:
    """Does the environment differ from the code? Exits with DIFFERENT if so. Raises InfraError."""
    ready = prepare(workspace, teller(json_wanted=json_wanted), quiet=json_wanted, package=package)
    with temporary_plan(workspace, "diff") as file:
        summary, _ = make_plan(ready, file)
    _tell(ready, summary, json_wanted=json_wanted)
    if summary.differs:
        raise typer.Exit(DIFFERENT)


def apply(workspace: Workspace, *, package: bool, yes: bool, name: str | None) -> None:
    """Plan, show, ask, do exactly what was shown, save the outputs. Raises InfraError, NotConfirmedError."""
    ready = prepare(workspace, teller(), package=package)
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
    ready = prepare(workspace, teller(json_wanted=True), quiet=True, inputs=False)
    values = _save(ready)
    if json_wanted:
        typer.echo(json.dumps(values, indent=2, sort_keys=True))
        return
    rows = list(flat(values))
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        typer.echo(f"{name.ljust(width)}  {text}")


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Name and text of every value, for people: of what has a name the name, of long lists the length."""
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
    """A plan in a file, in few words, and as Terraform tells it."""
    differs = ready.terraform.plan(file, ready.inputs, destroy=destroy)
    told = ready.terraform.show(file)
    return summarize(told, differs=differs), told


@contextmanager
def temporary_plan(workspace: Workspace, purpose: str) -> Iterator[Path]:
    """A plan file that is gone afterwards: it holds values of the state."""
    workspace.plan_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A name of its own: what is applied is never what somebody else has planned meanwhile.
    with tempfile.TemporaryDirectory(prefix=f".{purpose}-", dir=workspace.plan_file.parent) as folder:
        yield Path(folder) / workspace.plan_file.name


def teller(*, json_wanted: bool = False) -> Any:  # noqa: ANN401
    """Prints lines that tell what goes on; past stdout where that is for a program."""
    return lambda line: typer.echo(line, err=json_wanted)


def console() -> Console:
    """For people; a pipe has no width that anything should be cut to."""
    made = Console(highlight=False)
    if not made.is_terminal:
        made.width = 200
    return made


def _tell(ready: Ready, summary: Summary, *, json_wanted: bool) -> None:
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
    """Production, and whatever loses data, wants the environment's name."""
    environment = ready.workspace.environment
    where = f"{environment} in account {ready.identity.account}" if ready.identity else environment
    if summary.losses:
        confirm_name(f"Data of {where} will be lost.", environment, given=name)
    elif ready.workspace.is_production:
        confirm_name(f"This changes {where}.", environment, given=name)
    elif name is not None:
        confirm_name("", environment, given=name)
    else:
        confirm(f"Change {where} ({in_words(summary)})?", yes=yes)


def _save(ready: Ready) -> dict[str, Any]:
    """The output `environment`, unless it is marked as sensitive; kept for the other commands, but for the local mesh,
    which describes itself."""
    workspace = ready.workspace
    output = ready.terraform.outputs().get("environment")
    values: dict[str, Any] = output["value"] if output and not output["sensitive"] else {}
    if workspace.is_local:
        return values
    if not values:
        raise OutputsError(f"{workspace.environment} has no outputs: `make infra-apply ENV={workspace.environment}`")
    if values.get("environment") != workspace.environment:
        raise OutputsError(
            f"the state of {workspace.environment} has the outputs of {values.get('environment')!r}: nothing is saved"
        )
    try:
        save_outputs(values, workspace.outputs_folder)
    except OutputsMalformedError as error:
        raise OutputsError(f"{workspace.environment}: {error}; nothing is saved") from error
    return values
