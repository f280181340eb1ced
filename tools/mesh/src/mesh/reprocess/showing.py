"""What `mesh reprocess` prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer

from mesh.replay.reprocessing import come_so_far
from mesh.tables import print_table

Json = Mapping[str, Any]


def print_plan(expected: Json, *, as_json: bool) -> None:
    """A sample before it is ordered."""
    if as_json:
        _print_json(expected)
        return
    typer.echo(
        f"run {expected['run']}: {expected['sample']} of {expected['pictures']} pictures by {expected['model']} under"
        f" {expected['prompt']}, about {expected['expected_usd']:.2f} USD, {expected['budget_usd']:.2f} at the most"
    )


def print_comparison(found: Json, *, as_json: bool) -> None:
    """Candidates beside the live versions."""
    if as_json:
        _print_json(found)
        return
    figures, order = found["figures"], found["order"]
    typer.echo(f"run {found['run']}: {found['model']} under {found['prompt']}")
    if found["fields"]:
        print_table(("field", "changed", "of", "share", "entries"), [_row(each) for each in found["fields"]])
    for each in found["fields"]:
        for example in each["examples"]:
            typer.echo(f"{each['field']} of {example['item']}:\n  - {example['old']}\n  + {example['new']}")
    typer.echo(
        f"{figures['candidates']} candidates: {figures['paid']} paid, {figures['reused']} reused;"
        f" {figures['cost_usd']:.4f} USD{_each(figures)}{_time(figures)}"
    )
    if found["rest"]:
        usd = "unknown" if found["rest_usd"] is None else f"about {found['rest_usd']:.2f} USD"
        typer.echo(f"the rest: {found['rest']['paid']} of {found['rest']['pictures']} pictures to be paid for, {usd}")
    if order:
        typer.echo(come_so_far(order["spending"]) if order["spending"] else "nothing has come of it yet")
        _say_missing(order)
    if found["search"]:
        _print_quality(found["search"])
    if figures["candidates"]:
        typer.echo(f"`mesh reprocess analysis --promote {found['run']} --budget USD` makes it live")


def print_promotion(expected: Json, *, as_json: bool) -> None:
    """A promotion before it is ordered."""
    if as_json:
        _print_json(expected)
        return
    typer.echo(
        f"{expected['others']} of {expected['pictures']} pictures are not described by {expected['model']} under"
        f" {expected['prompt']}: {expected['others'] - expected['paid']} cost nothing, {expected['paid']} about"
        f" {expected['expected_usd']:.2f} USD; {expected['budget_usd']:.2f} at the most"
    )


def print_promoted(found: Json, as_json: bool) -> None:
    """What came of a promotion."""
    if as_json:
        _print_json(found)
        return
    for step in (found["first"], found["then"]):
        if step["spending"]:
            typer.echo(f"{step['replay']}: {step['state']}; {come_so_far(step['spending'])}")
        _say_missing(step)
    left = found["left"]
    typer.echo(f"{left['pictures'] - left['others']} of {left['pictures']} pictures are described so now")
    if left["others"]:
        typer.echo(f"`mesh reprocess analysis --promote {found['run']} --budget USD` goes on with {left['others']}")
    typer.echo(
        f"new pictures are described as configured: set ANALYSIS_PROMPT={found['prompt']} and the model"
        f" {found['model']} in services/analysis/service.yaml;"
        f" `mesh reprocess analysis --rollback {found['run']}` returns"
    )


def print_rollback(expected: Json, ended: Json | None, *, as_json: bool) -> None:
    """A rollback before it is ordered, or what came of it."""
    if as_json:
        _print_json({**expected, "order": ended})
        return
    if ended is None:
        typer.echo(f"{expected['items']} items would return to an earlier description; no model is called")
        return
    spending = ended["spending"]
    typer.echo(f"{spending.get('reused', 0)} items returned, {spending.get('left_over', 0)} left as they were")
    _say_missing(ended)


def print_versions(item: str, found: Sequence[Json], *, as_json: bool) -> None:
    """The versions of an item, newest first."""
    if as_json:
        _print_json({"item": item, "versions": found})
        return
    rows = [
        (
            each["version"],
            f"as {each['restores']}" if each["restores"] else "",
            each["model"],
            each["prompt_id"],
            each["run_id"] or "",
            f"{each['cost_usd']:.4f}",
            each["created_at"][:19],
        )
        for each in found
    ]
    print_table(("version", "", "model", "prompt", "run", "USD", "recorded"), rows)


def _row(each: Json) -> tuple[Any, ...]:
    listed = each["added"] or each["removed"]
    return (
        each["field"],
        each["changed"],
        each["compared"],
        f"{each['share']:.0%}",
        f"+{each['added']} -{each['removed']}" if listed else "",
    )


def _each(figures: Json) -> str:
    if figures["each_usd"] is None:
        return ""
    live = f", live {figures['live_each_usd']:.4f}" if figures["live_each_usd"] is not None else ""
    return f", {figures['each_usd']:.4f} each{live}"


def _time(figures: Json) -> str:
    if figures["p50_ms"] is None:
        return ""
    return f"; {figures['p50_ms'] / 1000:.1f} s each (p50), {figures['p95_ms'] / 1000:.1f} s (p95)"


def _print_quality(found: Json) -> None:
    left_out = f" ({found['left_out']} have nothing relevant in the sample)" if found["left_out"] else ""
    typer.echo(f"search, over {found['over']}: {found['queries']} queries{left_out}")
    if "live" in found:
        rows = [(name, found["live"][name], found["candidate"][name]) for name in found["live"]]
        print_table(("", "live", "candidates"), rows)


def _say_missing(order: Json) -> None:
    if order["missing"]:
        typer.echo(
            f"nothing has come of {order['missing']} pictures yet: `mesh dlq list` and `mesh logs analysis` say why",
            err=True,
        )


def _print_json(document: Json) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
