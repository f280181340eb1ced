"""Rebuilds that migrations want: a deployment does them, once its code is there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from psycopg import Connection, sql

from manifests import Manifests
from mesh.environments import Environment
from mesh.rebuild.asking import Rebuilds
from mesh.rebuild.running import Outcome, Runner, Wanted

#: Why such a rebuild was ordered, by which an interrupted one is known.
MIGRATIONS: Final = "migrations"


def wanting(connection: Connection[tuple[object, ...]], services: Iterable[str]) -> list[str]:
    """Of the services' schemas, those with such a rebuild to do or to go on with; the role can read them."""
    query = sql.SQL("SELECT 1 FROM {} WHERE state = 'due' OR (state = 'folding' AND why = %s) LIMIT 1")
    found = []
    for service in services:
        table = sql.Identifier(service, "projection_rebuilds")
        (there,) = connection.execute("SELECT to_regclass(%s)", [table.as_string(connection)]).fetchone() or (None,)
        if there is not None and connection.execute(query.format(table), [MIGRATIONS]).fetchone():
            found.append(service)
    return found


def run_due(
    environment: Environment, manifests: Manifests, services: Sequence[str], report: Callable[[str], None]
) -> list[Outcome]:
    """Do every rebuild that migrations of these services want, and go on with one that was interrupted.

    What differs in a table that the migration names is meant; where another differs, nothing is switched.

    Raises:
        RebuildError: one could not be done; the next run goes on with it.
    """
    outcomes = []
    for service in services:
        latest, _, due = Rebuilds(environment, service).latest()
        if not due and not any(each.state == "folding" and each.why == MIGRATIONS for each in latest):
            continue
        report(f"rebuilding {service}: migrations have changed what {', '.join(due) or 'its tables'} say")
        runner = Runner(environment, manifests, Wanted(service, why=MIGRATIONS), quiet=True)
        outcome = runner.prepare()
        runner.judge(outcome)
        switched = runner.switch(outcome)
        report(f"rebuilt {service}: the old tables are kept until {(switched.kept_until or '')[:19]}Z")
        outcomes.append(Outcome(switched, outcome.comparisons))
    return outcomes
