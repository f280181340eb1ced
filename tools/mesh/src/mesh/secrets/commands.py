"""The sub-app `mesh secrets`. Commands import what they need when they run."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from manifests import Manifests
    from mesh.secrets.comparing import Change, Comparison
    from mesh.secrets.store import ParameterStore

app = typer.Typer(
    name="secrets",
    help="Secrets of an environment: between a .env file and Parameter Store. No value is ever shown.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

#: Names of variables: anything else in the place of a name may be a value, and is not shown.
_VARIABLE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")

Env = Annotated[str, typer.Argument(metavar="ENV", help="The environment: local, dev, staging, prod.")]
File = Annotated[Path | None, typer.Option("--file", help="The .env file; default: the repository's.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@app.command()
def push(
    env: Env,
    file: File = None,
    dry_run: DryRun = False,
    delete_missing: Annotated[
        bool, typer.Option("--delete-missing", help="Delete secrets without a value in the file.")
    ] = False,
    yes: Yes = False,
) -> None:
    """Write the file's secrets to Parameter Store; asks before it overwrites or deletes."""
    from mesh.run import guarded

    guarded(lambda: _push(env, file, dry_run=dry_run, delete_missing=delete_missing, yes=yes))


@app.command()
def pull(env: Env, file: File = None, dry_run: DryRun = False, yes: Yes = False) -> None:
    """Write Parameter Store's secrets to the file; asks before it overwrites. Other lines stay unchanged."""
    from mesh.run import guarded

    guarded(lambda: _pull(env, file, dry_run=dry_run, yes=yes))


@app.command("list")
def list_secrets(env: Env, as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False) -> None:
    """List the secrets with their dates and versions."""
    from mesh.run import guarded

    guarded(lambda: _list(env, as_json=as_json))


def _push(env: str, file: Path | None, *, dry_run: bool, delete_missing: bool, yes: bool) -> None:
    from mesh.secrets.comparing import Change, compare_for_push
    from mesh.secrets.dotenv import read_dotenv

    manifests, path = _manifests(), _file(file)
    held = read_dotenv(path)
    store = _store(env)
    compared = compare_for_push(manifests.secrets, held, store.values(), delete_missing=delete_missing)
    words = {
        Change.KEPT: f"no value in {path.name}; kept in {env}",
        Change.ABSENT: f"no value in {path.name}; skipped",
        Change.DELETED: f"no value in {path.name}; deleted in {env}",
        Change.CHANGED: "changed: the values differ",
    }
    _print_changes(compared, words)
    _report_undeclared(held, manifests, path)
    if dry_run:
        typer.echo(f"dry run: nothing was changed in {env}")
        return
    _confirm(compared, Change.CHANGED, f"Overwrite in {env}", yes=yes)
    _confirm(compared, Change.DELETED, f"Delete in {env}", yes=yes)
    for each in compared:
        if each.value is not None:
            store.put(each.name, each.value)
        elif each.change is Change.DELETED:
            store.delete(each.name)
    typer.echo(_summary(compared, env))


def _pull(env: str, file: Path | None, *, dry_run: bool, yes: bool) -> None:
    from mesh.secrets.comparing import Change, compare_for_pull
    from mesh.secrets.dotenv import read_dotenv, update_dotenv

    path = _file(file)
    held = read_dotenv(path) if path.exists() else {}
    compared = compare_for_pull(_manifests().secrets, held, _store(env).values())
    words = {
        Change.KEPT: f"not in {env}; kept in {path.name}",
        Change.ABSENT: f"not in {env}; skipped",
        Change.EMULATED: f"emulated in {env}; skipped",
        Change.CHANGED: "changed: the values differ",
    }
    _print_changes(compared, words)
    if dry_run:
        typer.echo(f"dry run: nothing was changed in {path}")
        return
    _confirm(compared, Change.CHANGED, f"Overwrite in {path}", yes=yes)
    values = {each.variable: each.value for each in compared if each.value is not None}
    if values:
        update_dotenv(path, values)
    elif path.exists():
        path.chmod(0o600)
    typer.echo(_summary(compared, str(path)))


def _list(env: str, *, as_json: bool) -> None:
    from mesh.secrets.comparing import variable_of
    from mesh.tables import print_table

    declared = _manifests().secrets
    stored = {each.name: each for each in _store(env).parameters()}
    names = [*declared, *sorted(stored.keys() - set(declared))]
    if as_json:
        document = [
            {
                "name": name,
                "variable": variable_of(name),
                "declared": name in declared,
                "present": name in stored,
                "last_modified": stored[name].last_modified.isoformat() if name in stored else None,
                "version": stored[name].version if name in stored else None,
            }
            for name in names
        ]
        typer.echo(json.dumps(document, indent=2))
        return
    print_table(
        ("secret", "variable", "present", "last modified", "version"),
        [
            (
                name if name in declared else f"{name} (no service reads it)",
                variable_of(name),
                "yes" if name in stored else "no",
                f"{stored[name].last_modified:%Y-%m-%d %H:%M}" if name in stored else "",
                stored[name].version if name in stored else "",
            )
            for name in names
        ],
    )


def _print_changes(compared: Sequence[Comparison], words: Mapping[Change, str]) -> None:
    from mesh.tables import print_table

    rows = [(each.name, each.variable, words.get(each.change, str(each.change))) for each in compared]
    print_table(("secret", "variable", "what"), rows)


def _confirm(compared: Sequence[Comparison], change: Change, question: str, *, yes: bool) -> None:
    from mesh.prompts import confirm

    if names := [each.name for each in compared if each.change is change]:
        confirm(f"{question}: {', '.join(names)}?", yes=yes)


def _summary(compared: Sequence[Comparison], where: str) -> str:
    from mesh.secrets.comparing import Change

    counts = {
        change: sum(each.change is change for each in compared)
        for change in (Change.ADDED, Change.CHANGED, Change.DELETED)
    }
    done = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    return f"{done or 'nothing changed'} in {where}"


def _report_undeclared(held: Mapping[str, object], manifests: Manifests, path: Path) -> None:
    """Report names that no manifest declares, except settings of the local mesh.

    Only what looks like a variable is printed, because a value on a line by itself parses as a name.
    """
    from mesh.secrets.comparing import variable_of

    declared = {variable_of(name) for name in manifests.secrets}
    unknown = [name for name in held if name not in declared and not name.startswith("MESH_")]
    named = [name for name in unknown if _VARIABLE.fullmatch(name)]
    for name in named:
        typer.echo(f"{name} is not pushed: no service declares such a secret")
    if others := len(unknown) - len(named):
        typer.echo(f"{others} more in {path.name} not pushed: not named LIKE_THIS; is a value on a line by itself?")


def _store(env: str) -> ParameterStore:
    """The environment's parameter store."""
    from mesh.environments import open_environment
    from mesh.secrets.store import ParameterStore

    return ParameterStore(open_environment(env))


def _manifests() -> Manifests:
    from manifests import load_manifests
    from workspace import REPOSITORY

    return load_manifests(REPOSITORY)


def _file(file: Path | None) -> Path:
    from workspace import REPOSITORY

    return REPOSITORY / ".env" if file is None else file
