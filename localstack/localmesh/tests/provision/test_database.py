"""The migrations of this repository, each service's in order, against a real Postgres."""

import secrets

import psycopg
import pytest

from chassis.migrations import migrate, prepare_role
from localmesh.provision.database import migration_folders
from manifests import load_manifests
from testkit import FreshDatabase
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

SERVICES = {name: service for name, service in load_manifests(REPOSITORY).services.items() if service.database}


@pytest.mark.parametrize("name", SERVICES)
def test_the_migrations_of_a_service_apply_together(fresh_database: FreshDatabase, name: str) -> None:
    schema, password = f"{name}_{secrets.token_hex(4)}", secrets.token_hex(8)
    folders = migration_folders(REPOSITORY, SERVICES[name])
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm SCHEMA public")
        prepare_role(connection, schema, password)
    dsn = fresh_database.dsn_of(schema, password)
    applied = migrate(dsn, schema, folders)
    assert applied == [
        f"{folder.parent.name}/{file.name}" for folder in folders for file in sorted(folder.glob("*.sql"))
    ]
    assert migrate(dsn, schema, folders) == []
