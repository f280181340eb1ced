"""The sub-app `mesh replay`. Commands import what they need when they run."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from mesh.replay.asking import ReplayOf

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
    """Rebuild CONSUMER's projections: stored events are folded again, and nothing else happens; asks first."""
    from mesh.run import guarded

    narrowed = {
        "tenants": tuple(tenants or ()),
        "subjects": tuple(items or ()),
        "recorded_since": since and since.replace(tzinfo=UTC),
        "recorded_before": until and until.replace(tzinfo=UTC),
        "from_position": from_position,
    }
    wanted = _Wanted(consumer, types or [], narrowed, rate, why, replay_id)
    guarded(lambda: _start(env, wanted, dry_run=dry_run, follow=follow, yes=yes, as_json=as_json))


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


@dataclass(frozen=True, slots=True)
class _Wanted:
    consumer: str
    types: list[str]
    narrowed: dict[str, Any]
    rate: int
    why: str
    replay_id: str | None


def _start(env: str, wanted: _Wanted, *, dry_run: bool, follow: bool, yes: bool, as_json: bool) -> None:
    from contracts import ReplayKind
    from contracts.operations import ReplayRequested, ReplayState, Selection
    from manifests import load_manifests
    from mesh.environments import open_environment
    from mesh.prompts import confirm
    from mesh.replay import following, ordering
    from mesh.replay.asking import Owners
    from mesh.replay.errors import ReplayFailedError, SelectionInvalidError
    from workspace import REPOSITORY

    known = ordering.consumed_types(load_manifests(REPOSITORY), wanted.consumer)
    types = ordering.chosen_types(known, wanted.consumer, wanted.types)
    if wanted.replay_id is not None and not _ID.fullmatch(wanted.replay_id):
        raise SelectionInvalidError("--id has 1 to 64 letters, digits, dots, dashes and underscores")
    selection, kind = Selection(types=types, **wanted.narrowed), ReplayKind.REBUILD
    owning = ordering.owners_of(selection)
    if selection.from_position is not None and len(owning) > 1:
        raise SelectionInvalidError(f"a position is one of one store, and {', '.join(owning)} have one each")
    environment = open_environment(env)
    owners = Owners(environment)
    owners.require(owning)
    replay_id = wanted.replay_id or ordering.replay_id(wanted.consumer, kind, selection, datetime.now(UTC).date())
    found = owners.show(replay_id, owning)
    if dry_run or not found:
        counts = owners.count(owning, selection)
        if dry_run or not as_json:
            _estimate(env, replay_id, counts, wanted.rate, as_json=as_json)
    if dry_run:
        return
    if not found:
        total = sum(sum(by_type.values()) for by_type in counts.values())
        confirm(f"Publish these {total} events again in {env}, to {wanted.consumer} alone?", yes=yes)
        order = ReplayRequested(
            who=ordering.who(environment),
            why=wanted.why,
            consumer=wanted.consumer,
            kind=kind,
            selection=selection,
            rate=wanted.rate,
        )
        ordering.publish(environment, order, replay_id)
    elif not as_json:
        typer.echo(f"ordered before: {replay_id}; --id NAME makes another replay of it", err=True)
    if follow:
        found = following.follow(owners, replay_id, owning, quiet=as_json)
    _shown(env, replay_id, found, as_json=as_json)
    if failed := [each.service for each in found if each.state is ReplayState.FAILED]:
        raise ReplayFailedError(f"failed in {', '.join(failed)}; `mesh replay resume {replay_id}` goes on")


def _list(env: str, limit: int, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.replay.asking import Owners

    found = Owners(open_environment(env)).latest(limit)
    if as_json:
        typer.echo(
            json.dumps({"environment": env, "replays": [each.model_dump(mode="json") for each in found]}, indent=2)
        )
    elif found:
        _print(found)
    else:
        typer.echo(f"no replays in {env}")


def _show(env: str, replay_id: str, *, as_json: bool) -> None:
    from mesh.environments import open_environment
    from mesh.replay.asking import Owners

    found = Owners(open_environment(env)).known(replay_id)
    _shown(env, replay_id, found, as_json=as_json)
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
    _shown(env, replay_id, owners.known(replay_id), as_json=as_json)


def _estimate(env: str, replay_id: str, counts: dict[str, dict[str, int]], rate: int, *, as_json: bool) -> None:
    from mesh.replay.estimating import duration_s, usd

    total = sum(sum(by_type.values()) for by_type in counts.values())
    cost, seconds = usd(total), duration_s(counts, rate)
    if as_json:
        document = {"environment": env, "id": replay_id, "counts": counts, "cost_usd": cost, "seconds": seconds}
        typer.echo(json.dumps(document, indent=2))
        return
    from mesh.tables import print_table

    rows = [(service, kind, number) for service, by_type in counts.items() for kind, number in by_type.items()]
    if rows:
        print_table(("service", "type", "events"), rows)
    typer.echo(f"{total} events, {seconds:.0f} s at the least, about {cost:.2f} USD in AWS; no model is called")


def _shown(env: str, replay_id: str, found: list[ReplayOf], *, as_json: bool) -> None:
    if as_json:
        services = [each.model_dump(mode="json") for each in found]
        typer.echo(json.dumps({"environment": env, "id": replay_id, "services": services}, indent=2))
    elif found:
        _print(found)
    else:
        typer.echo(f"ordered: {replay_id}; `mesh replay show {replay_id}` shows how far it is")


def _print(found: list[ReplayOf]) -> None:
    from mesh.tables import print_table

    rows = [
        (
            each.id,
            each.service,
            each.consumer,
            str(each.state),
            each.selected,
            each.done - each.left_out,
            each.left_out,
            each.requested_at[:19].replace("T", " "),
        )
        for each in found
    ]
    print_table(("replay", "service", "to", "state", "selected", "published", "left out", "ordered"), rows)
