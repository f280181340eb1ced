"""The sub-app `mesh replay`. Commands import what they need when they run."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    pass


class _Kind(StrEnum):
    REBUILD = "rebuild"
    REPROCESS = "reprocess"


_START = "start"
_RATE = 500


class _Group(TyperGroup):
    """What is no command is the consumer of a new replay: `mesh replay search` is `mesh replay start search`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401  # click's, which typer has a copy of
        if args and args[0] not in {*self.commands, "--help"}:
            args = [_START, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    name="replay",
    cls=_Group,
    help="Publish stored events again, to one consumer: `mesh replay CONSUMER [OPTIONS]`.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
Why = Annotated[str, typer.Option("--why", help="The reason; it is part of the order.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]
ReplayId = Annotated[str, typer.Argument(metavar="ID", help="The replay's id.")]
_ID = re.compile("[A-Za-z0-9._-]{1,64}")
_MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


@app.command(_START)
def start(
    consumer: Annotated[str, typer.Argument(metavar="CONSUMER", help="The one service that gets the events.")],
    env: Env = "local",
    types: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only this type, e.g. item-analyzed; repeatable. Default: all it consumes."),
    ] = None,
    tenants: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant; repeatable.")] = None,
    items: Annotated[
        list[str] | None, typer.Option("--item", help="Only this item or conversation; repeatable.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=_MOMENTS, help="Recorded at this time (UTC) or later.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(formats=_MOMENTS, help="Recorded before this time (UTC).")] = None,
    from_position: Annotated[
        int | None, typer.Option(min=1, help="From this position of the store on; of one owner's types only.")
    ] = None,
    to_position: Annotated[
        int | None, typer.Option(min=1, help="Up to this position of the store; of one owner's types only.")
    ] = None,
    kind: Annotated[
        _Kind, typer.Option(help="rebuild: fold again. reprocess: let CONSUMER react again, too.")
    ] = _Kind.REBUILD,
    budget: Annotated[
        float | None, typer.Option(min=0, metavar="USD", help="What reprocessing may pay providers at the most.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Reprocess what the model has done already, too.")] = False,
    model: Annotated[str | None, typer.Option(help="The model to reprocess with. Default: the configured one.")] = None,
    prompt: Annotated[str | None, typer.Option(help="The prompt to reprocess with; else the configured.")] = None,
    rate: Annotated[int, typer.Option(min=1, max=10_000, help="Events a second at most, of each owner.")] = _RATE,
    why: Why = "",
    replay_id: Annotated[
        str | None, typer.Option("--id", help="An id of your own; else the same order twice a day is one replay.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the events, and publish none.")] = False,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Wait until it is done.")] = True,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Rebuild CONSUMER's projections: stored events are folded again, and nothing else happens; asks first.

    With `--kind reprocess` it reacts to them as well: providers are paid, up to `--budget`.
    """
    from mesh.run import guarded

    narrowed = {
        "tenants": tuple(tenants or ()),
        "subjects": tuple(items or ()),
        "recorded_since": since and since.replace(tzinfo=UTC),
        "recorded_before": until and until.replace(tzinfo=UTC),
        "from_position": from_position,
        "to_position": to_position,
    }
    how = {"budget_usd": budget, "force": force, "model": model, "prompt": prompt}

    def run() -> None:
        from contracts import ReplayKind
        from mesh.replay.starting import Wanted, start

        wanted = Wanted(consumer, types or [], narrowed, rate, why, replay_id, ReplayKind(kind), how)
        start(env, wanted, dry_run=dry_run, follow=follow, yes=yes, as_json=as_json)

    guarded(run)


@app.command("list")
def list_replays(
    env: Env = "local",
    limit: Annotated[int, typer.Option(min=1, max=50, help="At most so many of each service.")] = 20,
    as_json: AsJson = False,
) -> None:
    """The latest replays and how far each service is with them, newest first."""
    from mesh.run import guarded

    guarded(lambda: _list(env, limit, as_json=as_json))


@app.command()
def show(replay_id: ReplayId, env: Env = "local", as_json: AsJson = False) -> None:
    """How far each service is with a replay, by type."""
    from mesh.run import guarded

    guarded(lambda: _show(env, replay_id, as_json=as_json))


@app.command()
def pause(replay_id: ReplayId, why: Why, env: Env = "local", as_json: AsJson = False) -> None:
    """Let a replay wait after the page it is at."""
    from mesh.run import guarded

    guarded(lambda: _turn("pause", env, replay_id, why, yes=True, as_json=as_json))


@app.command()
def resume(replay_id: ReplayId, why: Why, env: Env = "local", as_json: AsJson = False) -> None:
    """Let a replay that is paused or has failed go on where it stopped."""
    from mesh.run import guarded

    guarded(lambda: _turn("resume", env, replay_id, why, yes=True, as_json=as_json))


@app.command()
def cancel(replay_id: ReplayId, why: Why, env: Env = "local", yes: Yes = False, as_json: AsJson = False) -> None:
    """End a replay for good; what was published stays; asks first."""
    from mesh.run import guarded

    guarded(lambda: _turn("cancel", env, replay_id, why, yes=yes, as_json=as_json))


def _list(env: str, limit: int, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.replay.asking import Owners
    from mesh.replay.showing import print_replays

    found = Owners(open_environment(env)).latest(limit)
    if as_json:
        typer.echo(
            json.dumps({"environment": env, "replays": [each.model_dump(mode="json") for each in found]}, indent=2)
        )
    elif found:
        print_replays(found)
    else:
        typer.echo(f"no replays in {env}")


def _show(env: str, replay_id: str, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.replay.asking import Owners
    from mesh.replay.showing import print_replay

    owners = Owners(open_environment(env))
    found = owners.known(replay_id)
    print_replay(env, replay_id, found, owners.spending(found[0]), as_json=as_json)
    if not as_json:
        from mesh.tables import print_table

        rows = [
            (each.service, count.type, count.selected, count.published, count.left_out)
            for each in found
            for count in each.counts
        ]
        print_table(("service", "type", "selected", "published", "left out"), rows)


def _turn(what: str, env: str, replay_id: str, why: str, *, yes: bool, as_json: bool) -> None:
    from contracts.operations import ReplayCancelled, ReplayPaused, ReplayResumed
    from mesh.environments import open_environment
    from mesh.prompts import confirm
    from mesh.replay import following, ordering
    from mesh.replay.asking import Owners
    from mesh.replay.showing import print_replay

    contract = {"pause": ReplayPaused, "resume": ReplayResumed, "cancel": ReplayCancelled}[what]
    environment = open_environment(env)
    owners = Owners(environment)
    concerned = [each.service for each in owners.known(replay_id) if each.state in following.TURNS[what].of]
    if concerned:
        confirm(f"{what.capitalize()} the replay {replay_id} in {', '.join(concerned)}?", yes=yes)
        ordering.publish(environment, contract(who=ordering.who(environment), why=why), replay_id)
        following.wait_for(owners, replay_id, concerned, following.TURNS[what].ends)
    elif not as_json:
        typer.echo(f"nothing to {what}", err=True)
    found = owners.known(replay_id)
    print_replay(env, replay_id, found, owners.spending(found[0]), as_json=as_json)
