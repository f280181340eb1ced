"""What the commands print: an estimate, a replay, several."""

from __future__ import annotations

import json
from typing import Any

import typer

from mesh.replay.asking import ReplayOf
from mesh.replay.estimating import duration_s, usd
from mesh.replay.reprocessing import come_so_far, said
from mesh.tables import print_table


def print_estimate(
    env: str,
    replay_id: str,
    counts: dict[str, dict[str, int]],
    rate: int,
    provider: dict[str, Any] | None,
    *,
    as_json: bool,
) -> None:
    """What is selected, how long it takes at the least, and what it costs; `provider` is of a reprocessing."""
    total = sum(sum(by_type.values()) for by_type in counts.values())
    cost, seconds = usd(total), duration_s(counts, rate)
    if as_json:
        document = {"environment": env, "id": replay_id, "counts": counts, "cost_usd": cost, "seconds": seconds}
        typer.echo(json.dumps(document | ({"provider": provider} if provider else {}), indent=2))
        return
    rows = [(service, kind, number) for service, by_type in counts.items() for kind, number in by_type.items()]
    if rows:
        print_table(("service", "type", "events"), rows)
    models = said(provider) if provider else "no model is called"
    typer.echo(f"{total} events, {seconds:.0f} s at the least, about {cost:.2f} USD in AWS; {models}")


def print_replay(
    env: str,
    replay_id: str,
    found: list[ReplayOf],
    spending: dict[str, Any] | None = None,
    *,
    as_json: bool,
) -> None:
    """How far each service is, and how far the consumer has come with the budget."""
    if as_json:
        document = {"environment": env, "id": replay_id, "services": [each.model_dump(mode="json") for each in found]}
        typer.echo(json.dumps(document | ({"spending": spending} if spending else {}), indent=2))
    elif found:
        print_replays(found)
        if spending:
            typer.echo(come_so_far(spending))
    else:
        typer.echo(f"ordered: {replay_id}; `mesh replay show {replay_id}` shows how far it is")


def print_replays(found: list[ReplayOf]) -> None:
    """A line for each service."""
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
