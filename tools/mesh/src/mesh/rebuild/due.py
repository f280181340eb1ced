"""Rebuilds that migrations want: a deployment does them, once its code is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from chassis.migrations import wants_rebuild
from localmesh.provision.database import migration_folders
from manifests import Manifests
from mesh.environments import LOCAL, Environment
from mesh.rebuild.asking import Rebuilds
from mesh.rebuild.running import Outcome, Runner, Wanted

#: Why such a rebuild was ordered, by which an interrupted one is known.
MIGRATIONS: Final = "migrations"
#: No function that folds runs for longer; an invocation under way keeps the code that it began with.
UNDER_WAY_S: Final = 60.0


def marked(manifests: Manifests, services: Iterable[str]) -> list[str]:
    """Of the services with a database, those with a migration that says `-- rebuild: TABLE`: nobody else is asked."""
    found = (manifests.services[name] for name in services)
    return [each.service for each in found if each.database and wants_rebuild(migration_folders(manifests.root, each))]


def run_due(
    environment: Environment,
    manifests: Manifests,
    services: Sequence[str],
    report: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> list[Outcome]:
    """Do every rebuild that migrations of these services want, and go on with one that was interrupted.

    In AWS each waits for what ran when the code was changed: its folds are the old ones.
    What differs in a table that the migration names is meant; where another differs, nothing is switched.

    Raises:
        RebuildError: one could not be done; the next run goes on with it.
    """
    outcomes = []
    for service in marked(manifests, services):
        latest, _, due = Rebuilds(environment, service).latest()
        if not due and not any(each.state == "folding" and each.why == MIGRATIONS for each in latest):
            continue
        report(f"rebuilding {service}: migrations have changed what {', '.join(due) or 'its tables'} say")
        if environment.environment != LOCAL:
            sleep(UNDER_WAY_S)
        runner = Runner(environment, manifests, Wanted(service, why=MIGRATIONS), quiet=True)
        outcome = runner.prepare()
        runner.judge(outcome)
        switched = runner.switch(outcome)
        report(f"rebuilt {service}: the old tables are kept until {(switched.kept_until or '')[:19]}Z")
        outcomes.append(Outcome(switched, outcome.comparisons))
    return outcomes
