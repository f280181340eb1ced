"""The command `mesh trace`. It imports what it needs when it runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
Tenant = Annotated[str | None, typer.Option("--tenant", help="Only of this tenant: the id, or its hash in the logs.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


def moment(text: str) -> datetime:
    """A time of ISO 8601, in UTC unless it says otherwise. Raises typer.BadParameter."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"not a time like 2026-11-30T09:15:00Z: {text}") from error
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def trace(
    asked: Annotated[str, typer.Argument(metavar="ITEM|CORRELATION", help="An item, a session, or a correlation id.")],
    env: Env = "local",
    tenant: Tenant = None,
    as_json: AsJson = False,
) -> None:
    """Draw what followed from an upload or a request: events, consumers, times, attempts, errors, paid calls."""
    from mesh.run import guarded

    def command() -> None:
        from rich.console import Console

        from manifests import load_manifests
        from mesh.environments import open_environment
        from mesh.trace.asking import find
        from mesh.trace.drawing import summary, tree
        from workspace import REPOSITORY

        found = find(open_environment(env), asked, load_manifests(REPOSITORY), tenant=tenant)
        if as_json:
            document = found.model_dump(mode="json") | {"totals": found.totals.model_dump()}
            typer.echo(json.dumps(document, indent=2))
            return
        console = Console(highlight=False)
        if not console.is_terminal:
            console.width = 200  # output to a pipe is not cut to a width
        console.print(tree(found))
        console.print(summary(found), markup=False, soft_wrap=True)

    guarded(command)
