"""The command `mesh rebuild`. It imports what it needs when it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mesh.rebuild.asking import Comparison, Rebuild
    from mesh.rebuild.running import Outcome, Runner, Wanted


Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
Name = Annotated[str | None, typer.Option(metavar="NAME", help="The environment's name, instead of typing it.")]


def rebuild(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service whose projections are folded again.")],
    env: Env = "local",
    tenants: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant's rows; repeatable.")] = None,
    items: Annotated[
        list[str] | None,
        typer.Option("--item", metavar="ID", help="Only the rows of this item or conversation; repeatable."),
    ] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option("--changed", metavar="TABLE", help="A table whose rows are expected to differ; repeatable."),
    ] = None,
    why: Annotated[str, typer.Option("--why", help="The reason; it is part of the order.")] = "",
    rate: Annotated[int, typer.Option(min=1, max=10_000, help="Events a second at most, of each owner.")] = 500,
    keep_days: Annotated[int, typer.Option(min=1, max=30, help="For how long the old tables are kept.")] = 7,
    accept_differences: Annotated[
        bool, typer.Option("--accept-differences", help="Switch although tables differ.")
    ] = False,
    switch: Annotated[bool, typer.Option("--switch/--no-switch", help="Switch, or only compare.")] = True,
    rollback: Annotated[bool, typer.Option("--rollback", help="Back to the tables from before the switch.")] = False,
    cancel: Annotated[bool, typer.Option("--cancel", help="Drop the tables beside the live ones.")] = False,
    show: Annotated[bool, typer.Option("--show", help="The latest rebuilds, and how far they are.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count the events, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    confirm: Name = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Fold SERVICE's events into tables beside the live ones while traffic goes on, compare, and switch; asks first.

    Run again, it goes on with what was interrupted. The old tables stay for --rollback, and get every event too.
    """
    from mesh.rebuild.running import Wanted
    from mesh.run import guarded

    if rollback + cancel + show + dry_run > 1:
        raise typer.BadParameter("one of --rollback, --cancel, --show, --dry-run")
    narrowed = (tuple(tenants or ()), tuple(items or ()), tuple(changed or ()))
    wanted = Wanted(service, why, *narrowed, rate, keep_days, accepts_differences=accept_differences)
    asking = _Asking(env, yes, confirm, as_json)
    if rollback or cancel:
        guarded(lambda: _turn(asking, wanted, back=rollback))
    elif show:
        guarded(lambda: _show(asking, wanted))
    else:
        guarded(lambda: _rebuild(asking, wanted, dry_run=dry_run, switching=switch))


class _Asking:
    """How to ask before something changes, and how to answer."""

    def __init__(self, env: str, yes: bool, name: str | None, as_json: bool) -> None:
        self.env = env
        self.as_json = as_json
        self._yes = yes
        self._name = name

    def confirm(self, what: str) -> None:
        """Ask for a yes, in production for the environment's name. Raises NotConfirmedError."""
        from mesh.infra.workspace import PRODUCTION
        from mesh.prompts import confirm, confirm_name

        if self.env in PRODUCTION or self._name is not None:
            confirm_name(f"This is {self.env}. {what}", self.env, given=self._name)
        else:
            confirm(what, yes=self._yes)


def _runner(asking: _Asking, wanted: Wanted) -> Runner:
    from manifests import load_manifests
    from mesh.environments import open_environment
    from mesh.rebuild.running import Runner
    from workspace import REPOSITORY

    return Runner(open_environment(asking.env), load_manifests(REPOSITORY), wanted, quiet=asking.as_json)


def _rebuild(asking: _Asking, wanted: Wanted, *, dry_run: bool, switching: bool) -> None:
    from mesh.rebuild.running import Outcome

    runner = _runner(asking, wanted)
    latest, tables, due = runner.rebuilds.latest()
    under_way = next((each for each in latest if each.state == "folding"), None)
    if dry_run or under_way is None:
        counts = runner.count()
        if dry_run or not asking.as_json:
            _estimate(asking, wanted, tables, due, counts)
        if dry_run:
            return
        kept = next((each for each in latest if each.state == "switched"), None)
        given_up = f" The old tables of {kept.id} are given up." if kept else ""
        asking.confirm(f"Rebuild {', '.join(tables)} of {wanted.service} in {asking.env}?{given_up}")
    elif not asking.as_json:
        typer.echo(f"going on with {under_way.id}", err=True)
    outcome = runner.prepare()
    if not asking.as_json:
        _print_comparisons(outcome.comparisons)
    if switching:
        runner.judge(outcome)
        asking.confirm(f"Switch {wanted.service} in {asking.env} to the rebuilt tables?")
        outcome = Outcome(runner.switch(outcome), outcome.comparisons)
    _shown(asking, wanted, outcome)


def _turn(asking: _Asking, wanted: Wanted, *, back: bool) -> None:
    from mesh.rebuild.errors import RebuildUnknownError
    from mesh.rebuild.running import Outcome

    rebuilds = _runner(asking, wanted).rebuilds
    found = rebuilds.alive("switched") or (None if back else rebuilds.alive("folding"))
    if found is None:
        missing = "keeps no old tables" if back else "has no tables beside the live ones"
        raise RebuildUnknownError(f"{wanted.service} {missing}")
    before = f"Let the tables of {wanted.service} from before {found.id} be live again, and drop the rebuilt ones?"
    asking.confirm(before if back else f"Drop the tables of {found.id} beside the live ones?")
    turned = rebuilds.roll_back(found.id) if back else rebuilds.cancel(found.id)
    _shown(asking, wanted, Outcome(turned))


def _show(asking: _Asking, wanted: Wanted) -> None:
    from mesh.tables import print_table

    latest, tables, due = _runner(asking, wanted).rebuilds.latest()
    if asking.as_json:
        rebuilds = [each.model_dump(mode="json") for each in latest]
        document = {"environment": asking.env, "service": wanted.service, "tables": tables, "due": due}
        typer.echo(json.dumps(document | {"rebuilds": rebuilds}, indent=2))
        return
    if due:
        typer.echo(f"migrations want {', '.join(due)} rebuilt: `mesh rebuild {wanted.service}`")
    rows = [(each.id, each.state, each.requested_at[:19], (each.kept_until or "")[:19], each.why) for each in latest]
    print_table(("rebuild", "state", "ordered", "old tables until", "why"), rows)


def _estimate(
    asking: _Asking, wanted: Wanted, tables: list[str], due: list[str], counts: dict[str, dict[str, int]]
) -> None:
    from mesh.replay.estimating import duration_s, usd

    published = {service: by_type for service, by_type in counts.items() if service != wanted.service}
    total = sum(sum(by_type.values()) for by_type in counts.values())
    cost = usd(sum(sum(by_type.values()) for by_type in published.values()))
    seconds = duration_s(published, wanted.rate)
    if asking.as_json:
        document = {"environment": asking.env, "service": wanted.service, "tables": tables, "due": due}
        typer.echo(json.dumps(document | {"counts": counts, "cost_usd": cost, "seconds": seconds}, indent=2))
        return
    from mesh.tables import print_table

    rows = [(service, kind, number) for service, by_type in counts.items() for kind, number in by_type.items()]
    if rows:
        print_table(("service", "type", "events"), rows)
    typer.echo(
        f"{total} events into {', '.join(tables)}, {seconds:.0f} s at the least, about {cost:.2f} USD in AWS;"
        " no model is called"
    )


def _print_comparisons(comparisons: list[Comparison]) -> None:
    from mesh.tables import print_table

    rows = [
        (each.table, each.live_rows, each.beside_rows, "equal" if each.is_equal else _difference(each))
        for each in comparisons
    ]
    print_table(("table", "rows", "rebuilt", "contents"), rows)


def _difference(found: Comparison) -> str:
    columns = ", ".join(f"{name} in {number}" for name, number in (found.columns or {}).items())
    parts = [f"{found.missing} missing" * bool(found.missing), f"{found.added} added" * bool(found.added), columns]
    return "; ".join(filter(None, parts)) or "different"


def _shown(asking: _Asking, wanted: Wanted, outcome: Outcome) -> None:
    found: Rebuild = outcome.rebuild
    if asking.as_json:
        document = {"environment": asking.env, "service": wanted.service, "rebuild": found.model_dump(mode="json")}
        tables = [each.model_dump(mode="json") for each in outcome.comparisons]
        typer.echo(json.dumps(document | {"tables": tables}, indent=2))
    elif found.state == "switched":
        until = f"{(found.kept_until or '')[:19]}Z"
        typer.echo(f"{found.id}: switched; `mesh rebuild {wanted.service} --rollback` goes back until {until}")
    else:
        typer.echo(f"{found.id}: {found.state}")
