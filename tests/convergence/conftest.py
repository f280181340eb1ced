"""Services whose folds are tried on empty tables."""

import importlib
from collections.abc import Iterator

import pytest

from manifests import TableKind, load_manifests
from testkit import Deploy, make_table
from testkit.convergence import Folding
from workspace import REPOSITORY

SERVICES = {name: service for name, service in sorted(load_manifests(REPOSITORY).services.items()) if service.database}


@pytest.fixture(params=SERVICES)
def folding(request: pytest.FixtureRequest, deploy: Deploy) -> Iterator[Folding]:
    """The service of that name, with the DynamoDB tables that are projections."""
    name = request.param
    deployment = deploy(name)
    kinds = SERVICES[name].tables
    tables = {
        table: make_table(deployment.aws, name, table)
        for table, declared in kinds.items()
        if declared.kind is TableKind.PROJECTION
    }
    settings_type = getattr(importlib.import_module(f"{name}.settings"), f"{name.title()}Settings")
    own = {f"table_{table}": made for table, made in tables.items()}
    settings = settings_type(**deployment.settings, **own)
    service = importlib.import_module(f"{name}.bootstrap").bootstrap(settings, deployment.aws)
    yield Folding(service, list(tables.values()))
    service.database.close()
    for made in tables.values():
        deployment.aws.dynamodb.delete_table(TableName=made)
