"""The sub-app `mesh outbox`. Commands import what they need when they run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.outbox.asking import ParkedOf

app = typer.Typer(
    name="outbox",
    help="Parked events, which the bus has refused: list them, let the relays try them again.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
OnlyService = Annotated[str | None, typer.Option("--service", help="Only this service.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command("list")
def list_parked(
    env: Env = "local",
    service: OnlyService = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many of each service, oldest first.")] = 100,
    as_json: AsJson = False,
) -> None:
    """What is parked, since when and why; no tenant is shown, nor anything of the events' contents."""
    from mesh.run import guarded

    guarded(lambda: _list(env, service, limit, as_json=as_json))


@app.command()
def retry(
    events: Annotated[list[str] | None, typer.Argument(metavar="[EVENT_ID]...", help="Only these events.")] = None,
    env: Env = "local",
    service: OnlyService = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let the relays try parked events again, within a minute; asks first. What is refused again is parked again."""
    from mesh.run import guarded

    guarded(lambda: _retry(env, service, frozenset(events or ()), yes=yes, as_json=as_json))


def _list(env: str, only: str | None, limit: int, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.outbox.asking import Relays

    found = Relays(open_environment(env), only).parked(limit=limit)
    if as_json:
        services = [each.model_dump() for each in found]
        typer.echo(json.dumps({"environment": env, "services": services}, indent=2))
        return
    if not any(each.total for each in found):
        typer.echo(f"nothing is parked in {env}")
        return
    _print(found)
    for each in found:
        if each.total > len(each.events):
            typer.echo(f"{each.total - len(each.events)} more of {each.service}; --limit {each.total} shows all")


def _retry(env: str, only: str | None, event_ids: frozenset[str], *, yes: bool, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.outbox.asking import Relays
    from mesh.outbox.errors import EventNotParkedError
    from mesh.prompts import confirm

    relays = Relays(open_environment(env), only)
    found = [each.of(event_ids) if event_ids else each for each in relays.parked()]
    wanted = [each for each in found if each.events]
    if missing := event_ids.difference(*(each.event_ids for each in wanted)):
        raise EventNotParkedError(f"not parked in {env}: {', '.join(sorted(missing))}; nothing was changed")
    if wanted:
        if not as_json:
            _print(wanted)
        confirm(f"Try these again in {env} ({sum(len(each.events) for each in wanted)})?", yes=yes)
    retried = {each.service: relays.retry(each.service, each.event_ids) for each in wanted}
    if as_json:
        typer.echo(json.dumps({"environment": env, "retried": retried}, indent=2))
    elif wanted:
        typer.echo(f"tried again within a minute: {sum(retried.values())}; `mesh outbox list` shows the rest")
    else:
        typer.echo(f"nothing is parked in {env}")


def _print(found: list[ParkedOf]) -> None:
    from mesh.tables import print_table

    rows = [
        (each.service, event.parked_at[:19].replace("T", " "), event.type, event.attempts, event.event_id, event.reason)
        for each in found
        for event in each.events
    ]
    print_table(("service", "parked", "type", "attempts", "event", "reason"), rows)
