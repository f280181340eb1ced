"""The commands `mesh trace` and `mesh state`. They import what they need when they run."""

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


def state(
    asked: Annotated[str, typer.Argument(metavar="ITEM|TENANT", help="An item, a session, or a tenant.")],
    at: Annotated[
        datetime | None, typer.Option("--at", metavar="TIME", parser=moment, help="ISO 8601; default: now.")
    ] = None,
    env: Env = "local",
    tenant: Tenant = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Of a tenant: at most so many items.")] = 20,
    after: Annotated[str, typer.Option("--after", metavar="ITEM", help="Of a tenant: items behind this one.")] = "",
    as_json: AsJson = False,
) -> None:
    """An item as every service knew it at a moment: its events until then, folded apart from the live tables.

    Of a tenant: the number of rows of each table, and its items with their status. Nothing personal is shown.
    """
    from mesh.run import guarded

    def command() -> None:
        from manifests import load_manifests
        from mesh.audit.read_models import facts_of
        from mesh.environments import open_environment
        from mesh.trace import past
        from mesh.trace import tenant as tenants
        from mesh.trace.errors import NothingRecordedError
        from workspace import REPOSITORY

        environment, until = open_environment(env), at or datetime.now(UTC)
        try:
            item = past.fold(environment, asked, until, tenant=tenant)
            typer.echo(item.model_dump_json(indent=2) if as_json else "\n".join(past.lines(item)))
        except NothingRecordedError:
            facts = facts_of(load_manifests(REPOSITORY))
            whole = tenants.fold(environment, asked, until, facts, limit=limit, after=after)
            typer.echo(whole.model_dump_json(indent=2) if as_json else "\n".join(tenants.lines(whole)))

    guarded(command)
