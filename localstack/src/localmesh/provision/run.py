"""Provisioning as a whole: what depends on what, and what came of it."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from localmesh.config import API_ID, MeshSettings
from localmesh.paths import REPOSITORY
from localmesh.provision import bus, database, functions, logs, mappings, parameters, queues, roles, storage, tables
from localmesh.provision.api import provision_api
from localmesh.provision.clients import make_clients
from localmesh.provision.context import Change, Context, Report, all_at_once
from localmesh.provision.identity import IdentityPool, provision_identity
from localmesh.provision.packages import Package
from manifests import Build, DatabaseAddress, Deployment, Manifests, Names, load_manifests

PROVISIONED_FILE = "provisioned.json"


class ProvisionedFunction(BaseModel):
    """Where a function and what belongs to it can be found; queues only of consumers."""

    model_config = ConfigDict(frozen=True)

    name: str
    trigger: str
    log_group: str
    queue: str | None = None
    queue_url: str | None = None
    dead_letter_queue: str | None = None
    dead_letter_queue_url: str | None = None


class Provisioned(BaseModel):
    """What stands after provisioning; kept as `provisioned.json` in the state folder."""

    model_config = ConfigDict(frozen=True)

    environment: str
    region: str
    account: str
    emulator_url: str
    api_url: str
    api_id: str
    user_pool_id: str
    client_id: str
    issuer: str
    event_bus: str
    archive: str
    images_bucket: str
    tables: dict[str, str]
    functions: dict[str, ProvisionedFunction]
    changes: tuple[str, ...]
    seconds: float


@dataclass
class _Made:
    """What parallel steps hand to later ones."""

    identity: IdentityPool | None = None
    packages: dict[str, Package] = field(default_factory=dict)


def provision(settings: MeshSettings, report: Report, root: Path = REPOSITORY) -> Provisioned:
    """Bring the emulator and the database to what the manifests below `root` say; a second run changes nothing.

    `report` gets a line for each change. Raises ManifestsError, MigrationError, ProvisionError, and the errors of
    boto3 and psycopg when the emulator or the database cannot be reached.
    """
    started = time.monotonic()
    manifests = load_manifests(root)
    clients = make_clients(settings.emulator_url, settings.region)
    context = Context(settings, manifests, deployment_of(settings, root), clients, report)
    passwords = database.role_passwords(context)
    made = _Made()

    def build() -> None:
        made.packages = functions.build_packages(context)

    def identify() -> None:
        made.identity = provision_identity(context)

    all_at_once(
        build,
        identify,
        lambda: database.provision_database(context, passwords),
        lambda: storage.provision_bucket(context),
        lambda: bus.provision_bus(context),
        lambda: queues.provision_queues(context),
        lambda: roles.provision_roles(context),
        lambda: tables.provision_tables(context),
        lambda: parameters.provision_parameters(context, passwords),
        lambda: logs.provision_log_groups(context),
    )
    functions.provision_functions(context, made.packages)
    identity = made.identity or provision_identity(context)
    # Nothing flows into a function before it stands: mappings and rules come last, and go first.
    mappings.remove_mappings(context)
    all_at_once(
        lambda: mappings.provision_mappings(context),
        lambda: bus.provision_rules(context),
        lambda: provision_api(context, identity),
    )
    all_at_once(
        lambda: functions.remove_functions(context),
        lambda: queues.remove_queues(context),
        lambda: roles.remove_roles(context),
    )
    result = _result(context, identity, time.monotonic() - started)
    (settings.paths.root / PROVISIONED_FILE).write_text(result.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return result


def load_provisioned(settings: MeshSettings) -> Provisioned:
    """What the last provisioning left; FileNotFoundError before the first."""
    return Provisioned.model_validate_json((settings.paths.root / PROVISIONED_FILE).read_text(encoding="utf-8"))


def deployment_of(settings: MeshSettings, root: Path) -> Deployment:
    """The place that the functions run in: this machine."""
    extra = {"AWS_ENDPOINT_URL": settings.emulator_url}
    for provider in settings.providers:
        extra |= dict(provider.environment)
    return Deployment(
        names=Names(settings.environment, settings.region, settings.account),
        database=DatabaseAddress(settings.host, settings.postgres_port, auth="password", sslmode="disable"),
        queue_url_base=settings.emulator_url,
        build=_build(root),
        extra=extra,
    )


def _build(root: Path) -> Build:
    """The commit that is checked out; a folder without git has none. The time is the commit's, so that it stays."""
    git = shutil.which("git")
    if git is None:
        return Build()
    run = subprocess.run(
        [git, "-C", str(root), "log", "-1", "--format=%H%n%cI%n%D", "--decorate=full"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    if run.returncode != 0:
        return Build()
    sha, timestamp, decoration = run.stdout.split("\n")[:3]
    branch = tag = ""
    for part in decoration.split(", "):
        if part.startswith("HEAD -> refs/heads/"):
            branch = part.removeprefix("HEAD -> refs/heads/")
        elif part.startswith("tag: refs/tags/"):
            tag = part.removeprefix("tag: refs/tags/")
    return Build(sha, tag, branch, timestamp)


def _result(context: Context, identity: IdentityPool, seconds: float) -> Provisioned:
    settings, names = context.settings, context.names
    return Provisioned(
        environment=names.environment,
        region=names.region,
        account=names.account,
        emulator_url=settings.emulator_url,
        api_url=settings.api_url,
        api_id=API_ID,
        user_pool_id=identity.user_pool_id,
        client_id=identity.client_id,
        issuer=identity.issuer,
        event_bus=names.bus,
        archive=names.bus,
        images_bucket=names.images_bucket,
        tables={table: names.table(table) for table in _table_names(context.manifests)},
        functions=_functions(context),
        changes=tuple(str(change) for change in context.changes),
        seconds=round(seconds, 3),
    )


def _functions(context: Context) -> dict[str, ProvisionedFunction]:
    names, functions_by_key = context.names, {}
    for ref in context.manifests.functions:
        queue = names.function(ref) if ref.function.queue else None
        dead = names.dead_letter_queue(ref) if ref.function.queue else None
        functions_by_key[f"{ref.service.service}.{ref.name}"] = ProvisionedFunction(
            name=names.function(ref),
            trigger=ref.function.trigger,
            log_group=names.log_group(ref),
            queue=queue,
            queue_url=context.deployment.queue_url(queue) if queue else None,
            dead_letter_queue=dead,
            dead_letter_queue_url=context.deployment.queue_url(dead) if dead else None,
        )
    return functions_by_key


def _table_names(manifests: Manifests) -> list[str]:
    return [table for service in manifests.services.values() for table in service.tables]


__all__ = ["Change", "Provisioned", "ProvisionedFunction", "load_provisioned", "provision"]
