"""The command `mesh state`. It imports what it needs when it runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from mesh.trace.commands import AsJson, Env, Tenant, moment


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
        from mesh.state import past
        from mesh.state import tenant as tenants
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
