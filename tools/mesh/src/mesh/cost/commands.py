"""The command `mesh cost`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.cost.inventory import Inventory


def cost(
    env: Annotated[
        str | None,
        typer.Option("--env", metavar="ENV", help="Plan this environment first, and estimate from that plan."),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="Estimate from this plan, the output of `terraform show -json`."),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write terraform/COST.md and its inventory.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Estimate the monthly cost of an environment under low and high use; without --env and --plan of the one that
    terraform/COST.md details."""
    if env is not None and plan:
        raise typer.BadParameter("use either --env or --plan, not both", param_hint="--plan")
    from mesh.run import guarded

    guarded(lambda: _run(env, plan, write=write, as_json=as_json))


def _run(env: str | None, plan: Path | None, *, write: bool, as_json: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from mesh.cost.data import load_prices, load_usage
    from mesh.cost.errors import PlanUnreadableError
    from mesh.cost.estimating import estimate
    from mesh.cost.inventory import DETAILED, INVENTORY_FILE, load_inventories, read_plan, save_inventories
    from mesh.cost.report import document, growth, lines, markdown, usd

    inventories = load_inventories() if INVENTORY_FILE.is_file() else {}
    shown = DETAILED
    if plan or env is not None:
        inventory = read_plan(plan) if plan else _planned(env or "")
        shown = inventory.environment
        inventories = dict(sorted({**inventories, shown: inventory}.items()))
    prices, usage = load_prices(), load_usage()
    found = {name: estimate(inventory, prices, usage) for name, inventory in inventories.items()}
    if shown not in found:
        raise PlanUnreadableError(f"{INVENTORY_FILE} has no {shown}: give its plan with --plan")
    if write:
        save_inventories(inventories)
        INVENTORY_FILE.with_name("COST.md").write_text(markdown(found, DETAILED), encoding="utf-8")
    chosen = found[shown]
    if as_json:
        typer.echo(json.dumps(document(chosen), indent=2))
        return
    small, large = usage.profiles["small"], usage.profiles["large"]
    table = Table(box=None, pad_edge=False, header_style="bold", show_footer=True)
    table.add_column("service", shown, no_wrap=True)
    table.add_column("what", "sum")
    table.add_column(small.title, usd(chosen.small_usd), justify="right")
    table.add_column(large.title, usd(chosen.large_usd), justify="right")
    for cells in lines(chosen):
        table.add_row(*cells)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # output to a pipe is not cut to a width
    console.print(table)
    models = [sum(row.small_usd for row in chosen.models), sum(row.large_usd for row in chosen.models)]
    console.print(
        f"USD a month, prices of {prices.date}; model providers on top: {usd(models[0])} and {usd(models[1])}"
    )
    console.print(f"grows first: {growth(chosen)}")
    console.print("; ".join(f"{name}: {usd(each.small_usd)} and {usd(each.large_usd)}" for name, each in found.items()))


def _planned(env: str) -> Inventory:
    from mesh.cost import planning

    return planning.plan(env)
