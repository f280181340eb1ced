"""A provisioning run: the order of its steps, and its result."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from localmesh.config import MeshSettings, Mode
from localmesh.provision import bus, database, functions, logs, mappings, parameters, queues, roles, storage, tables
from localmesh.provision.api import provision_api
from localmesh.provision.clients import make_clients
from localmesh.provision.context import Context, Report, all_at_once
from localmesh.provision.identity import IdentityPool, provision_identity
from localmesh.provision.packages import Package
from localmesh.provision.place import deployment_of
from localmesh.provision.result import Provisioned, describe, keep_result
from manifests import load_manifests
from workspace import REPOSITORY


@dataclass
class _Results:
    """Results of parallel steps for later ones."""

    identity: IdentityPool | None = None
    packages: dict[str, Package] = field(default_factory=dict)


def provision(settings: MeshSettings, report: Report, root: Path = REPOSITORY) -> Provisioned:
    """Bring the emulator and the database to what the manifests below `root` declare. Idempotent.

    `report` gets a line for each change. Raises ManifestsError, MigrationError, ProvisionError, and the errors of
    boto3 and psycopg when the emulator or the database cannot be reached.
    """
    started = time.monotonic()
    manifests = load_manifests(root)
    clients = make_clients(settings.emulator_url, settings.region)
    context = Context(settings, manifests, deployment_of(settings, root), clients, report)
    passwords = database.role_passwords(context)
    results = _Results()

    def build() -> None:
        if settings.mode is Mode.LAMBDA:
            results.packages = functions.build_packages(context)

    def identify() -> None:
        results.identity = provision_identity(context)

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
    functions.provision_functions(context, results.packages)
    identity = results.identity or provision_identity(context)
    # No event may reach a function before it is ready: mappings and rules are created last and removed first. What a
    # function publishes needs the rules: queues may be full when the mesh starts after a crash.
    mappings.remove_mappings(context)
    bus.provision_rules(context)
    all_at_once(
        lambda: mappings.provision_mappings(context),
        lambda: provision_api(context, identity),
    )
    all_at_once(
        lambda: functions.remove_functions(context),
        lambda: queues.remove_queues(context),
        lambda: roles.remove_roles(context),
    )
    result = describe(context, identity, time.monotonic() - started)
    keep_result(settings, result)
    return result
