"""The command `mesh audit`. It imports what it needs when it runs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mesh.trace.commands import moment

if TYPE_CHECKING:
    from mesh.audit.model import Difference, Findings
    from mesh.audit.running import Auditor, Report

#: Exit code where there are differences, as of `mesh infra diff`.
DIFFERENT = 4
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
#: For how long a repair may take to be applied after it was published.
_APPLIED_S = 120


def duration(text: str) -> timedelta:
    """A duration like 30s, 5m, 2h, 1d. Raises typer.BadParameter."""
    if match := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    raise typer.BadParameter(f"not a duration like 30s, 5m, 2h or 1d: {text}")


def audit(
    env: Annotated[
        str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")
    ] = "local",
    since: Annotated[
        datetime | None, typer.Option("--since", metavar="TIME", parser=moment, help="Only what was recorded since.")
    ] = None,
    tenant: Annotated[str | None, typer.Option("--tenant", help="Only of this tenant: the id, or its hash.")] = None,
    items: Annotated[
        list[str] | None, typer.Option("--item", help="Only this item or conversation; repeatable.")
    ] = None,
    settled: Annotated[
        timedelta,
        typer.Option("--settled", metavar="DURATION", parser=duration, help="What is younger may be under way."),
    ] = "5m",  # type: ignore[assignment]  # parsed
    repair: Annotated[
        bool, typer.Option("--repair", help="Order the replays that repair it and pay nobody; audit again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many examples of each kind; --json has all.")] = 5,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Compare event stores, inboxes, read models and S3; name each difference and its repair. Changes nothing itself.

    Exit codes: 0 no differences, 4 there are some, 1 the audit failed.
    """
    from mesh.audit.model import Scope
    from mesh.run import guarded

    def command() -> None:
        chosen = Scope(datetime.now(UTC) - settled, since, tenant, frozenset(items) if items else None)
        with _progress(quiet=as_json) as report:
            auditor = _auditor(env, report)
            findings = auditor.audit(chosen)
        found = findings.differences
        if repair and found:
            if not as_json:
                _print(findings, env, limit)
            if _repair(env, auditor, findings, yes=yes, as_json=as_json):
                if not as_json:
                    typer.echo("audited again:")
                with _progress(quiet=as_json) as report:
                    findings = _auditor(env, report).audit(chosen)
        if as_json:
            before = {"before_repair": _described(found, env)} if repair else {}
            typer.echo(json.dumps(_document(findings, env) | before, indent=2))
        else:
            _show(findings, env, limit)
        if findings.differences:
            raise typer.Exit(DIFFERENT)

    guarded(command)


def _auditor(env: str, report: Report) -> Auditor:
    from manifests import load_manifests
    from mesh.audit.running import Auditor
    from mesh.environments import open_environment
    from workspace import REPOSITORY

    return Auditor(open_environment(env), load_manifests(REPOSITORY), report)


def _repair(env: str, auditor: Auditor, findings: Findings, *, yes: bool, as_json: bool) -> bool:
    """Show what would be replayed, ask, order it and wait until it is applied; whether anything was."""
    import time
    from functools import cache, partial

    from manifests import load_manifests
    from mesh.audit import repairs
    from mesh.environments import open_environment
    from mesh.prompts import confirm
    from mesh.replay.asking import Owners
    from mesh.replay.estimating import usd
    from mesh.tables import print_table
    from workspace import REPOSITORY

    environment = open_environment(env)
    owners = Owners(environment)
    is_paid = cache(partial(repairs.pays, owners))
    wanted = list(repairs.orders(findings.differences, load_manifests(REPOSITORY), is_paid=is_paid))
    if not wanted:
        typer.echo("no replay that is free of charge repairs any of it", err=True)
        return False
    numbers = [sum(sum(each.values()) for each in owners.count(o.owners, o.selection).values()) for o in wanted]
    if not as_json:
        rows = [(o.consumer, o.kind, len(o.selection.subjects), n) for o, n in zip(wanted, numbers, strict=True)]
        print_table(("replay to", "kind", "items", "events"), rows)
        typer.echo(f"{sum(numbers)} events, about {usd(sum(numbers)):.2f} USD in AWS; no provider is paid")
    confirm(f"Publish these {sum(numbers)} events again in {env}?", yes=yes)
    repairs.run(environment, owners, wanted, quiet=as_json)
    deadline = time.monotonic() + _APPLIED_S
    consumers = sorted({order.consumer for order in wanted})
    auditor.wait_for(consumers, enough=lambda: time.monotonic() > deadline)
    return True


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Report]:
    """Bars on stderr: events, items, objects."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=quiet or not console.is_terminal, transient=True) as progress:
        bars: dict[str, Any] = {}

        def report(what: str, done: int, total: int | None) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what, total=total)
            progress.update(bars[what], completed=done, total=total)

        yield report


def _show(findings: Findings, env: str, limit: int) -> None:
    _print(findings, env, limit)
    looked = f"{findings.events} events, {len(findings.subjects)} items and conversations, {findings.objects} objects"
    number = len(findings.differences)
    typer.echo(f"{looked} in {env}: {f'{number} differences' if number else 'no differences'}")
    for reason, skipped in sorted(findings.skipped.items()):
        if skipped:
            typer.echo(f"not judged: {skipped} {reason}")
    if findings.not_compared:
        typer.echo(f"not compared: {', '.join(sorted(findings.not_compared))}")


def _print(findings: Findings, env: str, limit: int) -> None:
    from mesh.tables import print_table

    if not findings.differences:
        return
    print_table(("difference", "where", "number"), findings.counts())
    for kind, where, _ in findings.counts():
        typer.echo(f"\n{kind}, {where}:")
        for each in [d for d in findings.differences if (d.kind, d.where) == (kind, where)][:limit]:
            typer.echo(f"  {_line(each)}\n    repair: {each.repair(env)}")
    typer.echo()


def _line(difference: Difference) -> str:
    return "  ".join(filter(None, (f"{difference.subject} of {difference.tenant}", difference.what)))


def _document(findings: Findings, env: str) -> dict[str, Any]:
    return {
        "environment": env,
        "events": findings.events,
        "subjects": len(findings.subjects),
        "objects": findings.objects,
        "counts": [dict(zip(("kind", "where", "number"), row, strict=True)) for row in findings.counts()],
        "differences": _described(findings.differences, env),
        "not_judged": {reason: number for reason, number in findings.skipped.items() if number},
        "not_compared": sorted(findings.not_compared),
    }


def _described(differences: Iterable[Difference], env: str) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") | {"repair": each.repair(env)} for each in differences]
