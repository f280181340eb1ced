"""The sub-app `mesh db`. Commands import what they need when they run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from manifests import Manifests, Service
    from mesh.db.migrating import Migrated
    from mesh.db.planning import Plan
    from mesh.environments import Environment

app = typer.Typer(
    name="db",
    help="An environment's database: migrate the services' schemas, show their status.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]
OnlyService = Annotated[str | None, typer.Option("--service", help="Only this service.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document.")]


@app.command()
def migrate(
    env: Env,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and change nothing.")] = False,
    service: OnlyService = None,
    as_json: AsJson = False,
) -> None:
    """Create what is missing (database, extensions, roles, grants), then apply each service's pending migrations.

    A failed file is rolled back; what was applied before it stays, and the next run resumes there.
    """
    from mesh.run import guarded

    guarded(lambda: _dry_run(env, service, as_json=as_json) if dry_run else _migrate(env, service, as_json=as_json))


@app.command()
def status(env: Env, service: OnlyService = None, as_json: AsJson = False) -> None:
    """Applied and pending migrations, by service."""
    from mesh.run import guarded

    guarded(lambda: _status(env, service, as_json=as_json))


def _migrate(env: str, only: str | None, *, as_json: bool) -> None:
    from mesh.db.access import open_access
    from mesh.db.migrating import migrate_services, prepare

    environment, manifests, services = _target(env, only)
    access = open_access(environment)
    prepare(access, manifests, services, environment.database.name)
    done: list[Migrated] = []

    def report(service: str, name: str) -> None:
        if not as_json:
            typer.echo(f"applied to {service}: {name}")

    try:
        for each in migrate_services(access, manifests, services, report):
            done.append(each)  # one by one, so that the last is shown before an error
    finally:
        _print_migrated(env, done, as_json=as_json)


def _print_migrated(env: str, done: list[Migrated], *, as_json: bool) -> None:
    from mesh.tables import print_table

    if as_json:
        services = [
            {"service": each.service, "applied": each.applied, "already_there": each.already_there} for each in done
        ]
        typer.echo(json.dumps({"environment": env, "dry_run": False, "services": services}, indent=2))
    elif done:
        rows = [(each.service, len(each.applied), each.already_there) for each in done]
        print_table(("service", "applied", "already there"), rows)


def _dry_run(env: str, only: str | None, *, as_json: bool) -> None:
    from mesh.db.errors import MigrationStoppedError
    from mesh.tables import print_table

    plan = _plan(env, only)
    if as_json:
        typer.echo(json.dumps({"environment": env, "dry_run": True, **_document(plan)}, indent=2))
    else:
        for missing in plan.lacking:
            typer.echo(f"would create {missing}")
        for each in plan.services:
            for name in each.status.pending:
                typer.echo(f"would apply to {each.service}: {name}")
        rows = [(each.service, len(each.status.pending), len(each.status.applied)) for each in plan.services]
        print_table(("service", "would be applied", "already there"), rows)
    edited = [f"{name} ({each.service})" for each in plan.services for name in each.status.edited]
    if edited:
        raise MigrationStoppedError(
            f"{', '.join(edited)}: edited since it was applied, so nothing is applied there; write a new file"
        )


def _status(env: str, only: str | None, *, as_json: bool) -> None:
    from mesh.tables import print_table

    plan = _plan(env, only)
    if as_json:
        typer.echo(json.dumps({"environment": env, **_document(plan)}, indent=2))
        return
    for missing in plan.lacking:
        typer.echo(f"missing: {missing}")
    rows = [
        (each.service, len(each.status.applied), len(each.status.pending), len(each.status.edited))
        for each in plan.services
    ]
    print_table(("service", "applied", "pending", "edited since"), rows)
    for each in plan.services:
        for kind, names in (("pending", each.status.pending), ("edited since", each.status.edited)):
            for name in names:
                typer.echo(f"{kind} in {each.service}: {name}")


def _plan(env: str, only: str | None) -> Plan:
    from mesh.db.access import open_access
    from mesh.db.planning import make_plan

    environment, manifests, services = _target(env, only)
    return make_plan(open_access(environment), manifests, services, environment.database.name)


def _document(plan: Plan) -> dict[str, object]:
    return {
        "lacking": plan.lacking,
        "services": [
            {
                "service": each.service,
                "applied": each.status.applied,
                "pending": each.status.pending,
                "edited": each.status.edited,
            }
            for each in plan.services
        ],
    }


def _target(env: str, only: str | None) -> tuple[Environment, Manifests, list[Service]]:
    """The environment and the services with a database; naming a service without one is wrong usage."""
    from manifests import load_manifests
    from mesh.environments import open_environment
    from workspace import REPOSITORY

    manifests = load_manifests(REPOSITORY)
    having = {name: service for name, service in manifests.services.items() if service.database}
    if only is not None and only not in having:
        raise typer.BadParameter(
            f"{only!r} is not a service with a database; choose one of {', '.join(having)}", param_hint="--service"
        )
    return open_environment(env), manifests, [having[only]] if only is not None else list(having.values())
