"""The sub-apps `mesh contracts` and `mesh new`.

Commands import what they need when they run. Exit codes: 0 success, 1 a break (`check`), incompatible (`compat`) or
not deployable (`can-deploy`), 2 wrong usage or unusable input (the reason is one line on stderr).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from registry.exit_codes import UNUSABLE
from workspace import OperatorError

app = typer.Typer(
    name="contracts",
    help="The event schema registry: check, compare, look up, add and publish contracts.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

new_app = typer.Typer(name="new", no_args_is_help=True, rich_markup_mode=None)

Root = Annotated[Path, typer.Option("--root", help="A folder in the repository.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Generate and check everything, list the files, write none.")]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field", help="name:type, repeatable: str, int, float, bool, datetime, list; a trailing ? makes it optional."
    ),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--deployments", metavar="DIR", help="The folder of deployment records; default: deployments in the repository."
    ),
]
HERE = Path()


class Output(StrEnum):
    """Output format of `check`."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


class CompatibilityMode(StrEnum):
    """Confluent's compatibility modes."""

    NONE = "NONE"
    BACKWARD = "BACKWARD"
    BACKWARD_TRANSITIVE = "BACKWARD_TRANSITIVE"
    FORWARD = "FORWARD"
    FORWARD_TRANSITIVE = "FORWARD_TRANSITIVE"
    FULL = "FULL"
    FULL_TRANSITIVE = "FULL_TRANSITIVE"


@app.command()
def check(
    base: Annotated[
        str | None,
        typer.Option(
            envvar="CONTRACTS_BASE", help="The git revision to compare with; default: what main has published."
        ),
    ] = None,
    no_base: Annotated[
        bool, typer.Option("--no-base", help="Compare published versions with each other, with no revision.")
    ] = False,
    output: Annotated[Output, typer.Option(help="Output format.")] = Output.TEXT,
    root: Root = HERE,
) -> None:
    """Would the working tree break a producer or consumer? Compares every changed contract with all published
    versions, and the models with what they published. Exit code 0 nothing breaks, 1 something does, 2 nothing can be
    said."""
    if base and no_base:
        raise typer.BadParameter("--base and --no-base exclude each other")
    with guarded():
        from registry.verdicts import check

        check(root, base, output.value, no_base=no_base)


@app.command()
def compat(
    files: Annotated[list[Path], typer.Argument(metavar="OLD.json… NEW.json", help="JSON Schemas, oldest first.")],
    mode: Annotated[CompatibilityMode, typer.Option(help="The compatibility mode.")] = CompatibilityMode.BACKWARD,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Name unknown keywords, unknown formats and a missing $schema: exit code 2."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Is a JSON Schema compatible with the older ones? Exit code 0 yes, 1 no, 2 unusable input."""
    if len(files) < 2:
        raise typer.BadParameter("at least two files: the older ones and the new one")
    with guarded():
        from registry.verdicts import compat

        compat(files, mode.value, strict=strict, as_json=as_json)


@app.command()
def diff(
    which: Annotated[
        list[str], typer.Argument(metavar="TYPE | OLD NEW", help="TYPE, TYPE@VERSION or a file, one or two.")
    ],
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Show changes field by field: a type against its previous version, or any two versions or files."""
    if len(which) > 2:
        raise typer.BadParameter("give one type, or two versions or files to compare")
    with guarded():
        from registry.show import diff

        diff(root, which, as_json=as_json)


@app.command("list")
def list_(as_json: AsJson = False, root: Root = HERE) -> None:
    """List every contract: newest version, fields, producers and consumers."""
    with guarded():
        from registry.show import list_contracts

        list_contracts(root, as_json=as_json)


@app.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="TYPE", help="E.g. image-processed; @1.0 for a version other than the newest.")
    ],
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Show one contract: versions, fields, producers, consumers, examples with personal fields masked."""
    with guarded():
        from registry.show import show_contract

        show_contract(root, name, as_json=as_json)


@app.command()
def new(
    service: Annotated[str, typer.Argument(help="The publishing service, e.g. imaging.")],
    event: Annotated[str, typer.Argument(help="The fact in the past tense, e.g. image-tagged.")],
    summary: Annotated[str, typer.Option(help="What has happened, in one sentence.")] = "",
    fields: Fields = None,
    consumer: Annotated[
        list[str] | None,
        typer.Option(help="A service that consumes it, repeatable: manifest entry, subscription, reaction, test."),
    ] = None,
    major: Annotated[
        bool,
        typer.Option("--major", help="The next major of a published event, with its upcaster."),
    ] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Add an event: contract, registry entry, schema, example, manifest entry, the code that records it, its consumers.

    Where a repository has schemas alone: schema, example and manifest entries. Either everything is written or nothing.
    """
    with guarded():
        from registry.scaffolding import new_event

        new_event(
            root,
            service,
            event,
            summary=summary,
            fields=fields or [],
            consumers=consumer or [],
            major=major,
            dry_run=dry_run,
            as_json=as_json,
        )


@app.command()
def export(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The target folder; existing files are overwritten.")
    ],
    root: Root = HERE,
) -> None:
    """Write the JSON Schemas, one AsyncAPI 3 document, and draft 4 schemas for the EventBridge schema registry."""
    with guarded():
        from registry.export import export

        export(root, directory)


@app.command()
def docs(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The target folder; existing files are overwritten.")
    ],
    folder: Folder = None,
    root: Root = HERE,
) -> None:
    """Write the catalogue as a web site that needs no server: open DIR/index.html."""
    with guarded():
        from registry.site import docs

        docs(root, directory, folder=folder)


@app.command("record-deployment")
def record_deployment(
    service: Annotated[str, typer.Argument(help="The deployed service.")],
    env: Annotated[str, typer.Option(help="The environment, e.g. production.")],
    git_sha: Annotated[str, typer.Option(help="The deployed commit.")] = "HEAD",
    folder: Folder = None,
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Record after a deployment which contract versions run in an environment."""
    with guarded():
        from registry.deployment_records.commands import record_deployment

        record_deployment(root, service, env, git_sha, folder=folder, as_json=as_json)


@app.command("can-deploy")
def can_deploy(
    service: Annotated[str, typer.Argument(help="The service to deploy.")],
    env: Annotated[str, typer.Option(help="The environment, e.g. production.")],
    git_sha: Annotated[str | None, typer.Option(help="The commit; default: the working tree.")] = None,
    folder: Folder = None,
    first: Annotated[bool, typer.Option("--first", help="Nothing is deployed in that environment yet.")] = False,
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Is a service compatible with what is deployed? Exit code 0 yes, 1 no, 2 undetermined."""
    with guarded():
        from registry.deployment_records.commands import can_deploy

        can_deploy(root, service, env, git_sha, folder=folder, first=first, as_json=as_json)


@new_app.callback()
def new_group() -> None:
    """Add to a service what passes every check and test; events: `mesh contracts new`."""


@new_app.command()
def route(
    service: Annotated[str, typer.Argument(help="The service that answers, e.g. ingest.")],
    method: Annotated[str, typer.Argument(help="GET, POST, PUT, PATCH or DELETE.")],
    path: Annotated[str, typer.Argument(help="With parameters in braces, e.g. /items/{id}/tags.")],
    summary: Annotated[str, typer.Option(help="What a request does, in a few words.")] = "",
    fields: Fields = None,
    public: Annotated[bool, typer.Option("--public", help="Anyone may call it: no token is needed.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    root: Root = HERE,
) -> None:
    """Add a route: manifest entry, handler with its request model, test, OpenAPI document. `--field` is of the body.

    Either everything is written or nothing.
    """
    with guarded("mesh new"):
        from registry.scaffolding import new_route

        new_route(
            root,
            service,
            method,
            path,
            summary=summary,
            fields=fields or [],
            public=public,
            dry_run=dry_run,
            as_json=as_json,
        )


@contextmanager
def guarded(name: str = "mesh contracts") -> Iterator[None]:
    """Around a command and its imports: expected failures become one line on stderr and exit code 2, among them
    contracts that cannot be imported."""
    from registry.loading import load_contracts

    try:
        load_contracts()
        yield
    except BrokenPipeError as error:  # the reader of our output has closed it
        raise typer.Exit(0) from error
    except OperatorError as error:
        typer.echo(f"{name}: {error}", err=True)
        raise typer.Exit(UNUSABLE) from error
