"""A trace as a tree, with times since its first event."""

from __future__ import annotations

from datetime import datetime

from rich.text import Text
from rich.tree import Tree

from mesh.trace.model import Delivery, Recorded, Trace


def tree(trace: Trace) -> Tree:
    """The tree: below each event what its consumers did with it, and what followed from it."""
    start = min(event.time for event in trace.events)
    top = Tree(Text(f"{trace.asked} in {trace.environment}, since {start.isoformat(timespec='milliseconds')}"))
    unpublished = {each.event_id: each for each in trace.unpublished}

    def add(parent: Tree, event: Recorded) -> None:
        line = Text(f"{since(start, event.time)}  {event.service}  {event.fact}", style="bold")
        line.append("".join(f"  {name}={value}" for name, value in event.figures.items()), style="not bold")
        node = parent.add(line)
        if waiting := unpublished.get(event.id):
            state = "parked" if waiting.is_parked else "not on the bus yet"
            node.add(Text(f"{state}, {waiting.attempts} attempts {waiting.reason}".rstrip(), style="red"))
        for delivery in trace.deliveries_of(event):
            node.add(_delivered(start, delivery))
        for effect in trace.caused_by(event):
            add(node, effect)

    for root in trace.roots():
        add(top, root)
    return top


def summary(trace: Trace) -> str:
    """The sums in one line."""
    totals = trace.totals
    parts = [f"{totals.events} events in {totals.elapsed_s:g} s", f"applied {totals.applied} times"]
    if totals.waiting:
        parts.append(f"{totals.waiting} not applied yet")
    if totals.dead_letters:
        parts.append(f"{totals.dead_letters} dead letters")
    if totals.unpublished:
        parts.append(f"{totals.unpublished} not on the bus")
    tokens = f"{totals.input_tokens} tokens in, {totals.output_tokens} out"
    paid = f"{totals.paid_calls} paid calls ({tokens}, {totals.cost_usd:g} USD)"
    return "; ".join([*parts, paid if totals.paid_calls else "no paid call"])


def since(start: datetime, time: datetime) -> str:
    """`+1.234 s`."""
    return f"{(time - start).total_seconds():+.3f} s"


def _delivered(start: datetime, delivery: Delivery) -> Text:
    at = since(start, delivery.at) if delivery.at else ""
    replay = f", replay {delivery.replay_id}" if delivery.replay_id else ""
    match delivery.outcome:
        case "applied":
            return Text(f"{at}  {delivery.consumer} has applied it{replay}", style="green")
        case "dead-letter":
            count = f"after {delivery.receives} receives" if delivery.receives else "never received"
            return Text(f"{at}  {delivery.consumer}: dead letter {count}{replay}: {delivery.reason}", style="red")
        case "waiting":
            return Text(f"{delivery.consumer} has not applied it yet", style="yellow")
        case "unknown":
            return Text(f"{delivery.consumer}: its inbox does not reach back so far", style="dim")
