"""`mesh replay start`: what is wanted, what it would take, and the order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import typer

from contracts import ReplayKind
from contracts.operations import ReplayRequested, ReplayState, Selection
from manifests import load_manifests
from mesh.environments import Environment, open_environment
from mesh.prompts import confirm
from mesh.replay import following, ordering, reprocessing
from mesh.replay.asking import Owners
from mesh.replay.errors import BudgetInvalidError, ReplayFailedError, SelectionInvalidError
from mesh.replay.reprocessing import Price
from mesh.replay.showing import print_estimate, print_replay
from workspace import REPOSITORY

_ID: Final = re.compile("[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The options: `narrowed` are those of a `Selection`, `how` those of the order that say how to reprocess."""

    consumer: str
    types: list[str]
    narrowed: dict[str, Any]
    rate: int
    why: str
    replay_id: str | None
    kind: ReplayKind
    how: dict[str, Any]


def start(env: str, wanted: Wanted, *, dry_run: bool, follow: bool, yes: bool, as_json: bool) -> None:
    """Count, confirm, order and follow. Raises the errors of `mesh.replay`."""
    known = ordering.consumed_types(load_manifests(REPOSITORY), wanted.consumer)
    types = ordering.chosen_types(known, wanted.consumer, wanted.types)
    _check(wanted)
    environment = open_environment(env)
    owners = Owners(environment)
    price = _price(owners, wanted)
    selection = Selection(types=_reprocessed(types, price, wanted), **wanted.narrowed)
    owning = ordering.owners_of(selection)
    if (selection.from_position or selection.to_position) and len(owning) > 1:
        raise SelectionInvalidError(f"a position is one of one store, and {', '.join(owning)} have one each")
    owners.require(owning)
    replay_id = wanted.replay_id or _id(wanted, selection)
    found = owners.show(replay_id, owning)
    if dry_run or not found:
        counts = owners.count(owning, selection)
        if dry_run or not as_json:
            others = owners.following(wanted.consumer) if price else {}
            provider = price.estimate(counts, wanted.how["budget_usd"], others) if price else None
            print_estimate(env, replay_id, counts, wanted.rate, provider, as_json=as_json)
    if dry_run:
        return
    if not found:
        total = sum(sum(by_type.values()) for by_type in counts.values())
        paying = f" for up to {reprocessing.usd(wanted.how['budget_usd'])} USD" if price else ""
        confirm(f"Publish these {total} events again in {env}, to {wanted.consumer} alone{paying}?", yes=yes)
        ordering.publish(environment, _order(environment, wanted, selection), replay_id)
    elif not as_json:
        typer.echo(f"ordered before: {replay_id}; --id NAME makes another replay of it", err=True)
    if follow:
        found = following.follow(owners, replay_id, owning, quiet=as_json)
    print_replay(env, replay_id, found, owners.spending(found[0]) if found else None, as_json=as_json)
    if failed := [each.service for each in found if each.state is ReplayState.FAILED]:
        raise ReplayFailedError(f"failed in {', '.join(failed)}; `mesh replay resume {replay_id}` goes on")


def _check(wanted: Wanted) -> None:
    if _given(wanted) and wanted.kind is not ReplayKind.REPROCESS:
        raise BudgetInvalidError("--budget, --force, --model, --prompt are for --kind reprocess: a rebuild pays nobody")
    if wanted.replay_id is not None and not _ID.fullmatch(wanted.replay_id):
        raise SelectionInvalidError("--id has 1 to 64 letters, digits, dots, dashes and underscores")


def _given(wanted: Wanted) -> dict[str, Any]:
    return {name: value for name, value in wanted.how.items() if value}


def _price(owners: Owners, wanted: Wanted) -> Price | None:
    """What a reprocessing costs; None of a rebuild, and where no provider is paid."""
    if wanted.kind is not ReplayKind.REPROCESS:
        return None
    told = owners.reprocessing(wanted.consumer, wanted.how["model"], wanted.how.get("prompt"))
    if told.get("prompt") and wanted.how.get("prompt"):
        wanted.how["prompt"] = told["prompt"]
    return reprocessing.price(wanted.consumer, told, wanted.how["budget_usd"])


def _reprocessed(types: tuple[str, ...], price: Price | None, wanted: Wanted) -> tuple[str, ...]:
    """The types to select: where none is named, a reprocessing is of those that something follows from."""
    if wanted.types or wanted.kind is not ReplayKind.REPROCESS:
        return types
    return price.types if price else reprocessing.without_requests(types)


def _id(wanted: Wanted, selection: Selection) -> str:
    today = datetime.now(UTC).date()
    return ordering.replay_id(wanted.consumer, wanted.kind, selection, today, _given(wanted))


def _order(environment: Environment, wanted: Wanted, selection: Selection) -> ReplayRequested:
    return ReplayRequested(
        who=ordering.who(environment),
        why=wanted.why,
        consumer=wanted.consumer,
        kind=wanted.kind,
        selection=selection,
        rate=wanted.rate,
        **wanted.how,
    )
