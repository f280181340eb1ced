"""Deletion erases: whatever a service folded of a subject is gone once the subject is deleted, in any order of events.

Nothing is listed here. The events are those that the service has a fold for, in every published version; deletions are
the facts that are called so; the tables are those of the schema and of the manifest, by the kind that they declare.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.aws import Aws
from chassis.errors import TenantForgottenError
from chassis.queue import EventConsumer, forgets
from chassis.service import Service
from chassis.tables import TableKind
from contracts import REGISTRY, Contract, Event, new_event
from contracts.ingest import ForgottenBy, TenantForgotten
from manifests import TableKind as DynamoDbKind
from manifests import load_manifests
from testkit import Deploy, deliver, make_table
from testkit.contract_tests.delivery import with_fresh_ids
from testkit.contract_tests.entry import service_of
from testkit.contract_tests.examples import published_version_cases
from testkit.erasing import content_columns, tables_holding, tables_of_kind, tables_of_tenants
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
CONSUMERS = [ref for ref in MANIFESTS.functions if ref.service.consumed_by(ref.name)]
SERVICES = sorted(name for name, service in MANIFESTS.services.items() if service.database)


@dataclass(frozen=True)
class Deployed:
    """A service with empty tables of its own, as its consumer builds it."""

    service: Service[Any]
    #: Its DynamoDB tables that are projections.
    dynamodb: list[str]


@pytest.fixture(params=SERVICES)
def deployed(request: pytest.FixtureRequest, deploy: Deploy, aws: Aws) -> Iterator[Deployed]:
    name = request.param
    ref = next(ref for ref in CONSUMERS if ref.service.service == name)
    tables = {table: make_table(aws, name, table) for table in ref.service.tables}
    variables = {f"TABLE_{table.upper().replace('-', '_')}": made for table, made in tables.items()}
    projections = [tables[table] for table, kept in ref.service.tables.items() if kept.kind is DynamoDbKind.PROJECTION]
    with service_of(ref, deploy(name).variables | ref.function.configuration | variables) as service:
        yield Deployed(service, projections)
    for made in tables.values():
        aws.dynamodb.delete_table(TableName=made)


def is_deletion(contract: type[Contract]) -> bool:
    return contract.fact().endswith("-deleted")


def events_of(service: Service[Any], tenant: str, subject: str) -> tuple[list[Event[Any]], list[Event[Any]]]:
    """Every event that the service has a fold for, all about one subject; apart, the deletions, which are later."""
    events, deletions = [], []
    for contract in service.projections.contracts:
        for case in published_version_cases(REPOSITORY / "contracts", contract.event_type):
            for document in (case.documents() | case.variants()).values():
                fresh = with_fresh_ids(document, service.settings.service, tenant=tenant, subject=subject)
                event: Event[Any] = REGISTRY.read(fresh)
                if is_deletion(contract):
                    deletions.append(replace(event, time=datetime.now(UTC)))
                else:
                    events.append(event)
    return events, deletions


def fold(service: Service[Any], events: list[Event[Any]]) -> None:
    for event in events:
        with service.work.on(event.tenant_id, event.subject) as work:
            work.fold(event)


@pytest.mark.integration
def test_nothing_of_a_deleted_subject_is_kept(deployed: Deployed) -> None:
    service, dynamodb = deployed.service, deployed.dynamodb
    tenant, subject = str(uuid.uuid4()), str(uuid.uuid4())
    events, deletions = events_of(service, tenant, subject)
    assert events
    assert deletions, "the service has projections and no fold of a deletion"

    def held(needle: str) -> set[str]:
        return tables_holding(service, TableKind.PROJECTION, needle, dynamodb=dynamodb)

    fold(service, events)
    projections = tables_of_kind(service, TableKind.PROJECTION) | set(dynamodb)
    assert held(tenant) == projections, (
        f"no fold of a published example writes to {projections - held(tenant)}: whether it is erased cannot be told"
    )
    assert held(subject) >= projections - tables_of_tenants(service)

    for late in (deletions, [*events, *deletions], events):
        fold(service, late)
        assert held(subject) == set(), "deletion leaves rows of the subject"
        assert held(tenant) <= tables_of_tenants(service), "deletion leaves rows of the tenant's only subject"
    assert tables_holding(service, TableKind.TOMBSTONE, subject)


@pytest.mark.integration
def test_tombstones_hold_no_contents(deployed: Deployed) -> None:
    service = deployed.service
    tombstones = tables_of_kind(service, TableKind.TOMBSTONE)
    assert tombstones
    for table in tombstones:
        assert content_columns(service, table) == set(), f"{table} outlives what it is about"


#: Tables that name no tenant, and why nothing of one is in them.
WITHOUT_TENANTS = {
    "cleanups": "how many conversations of all tenants have ended",
    "inbox": "ids of events",
    "lag": "a number of seconds",
    "outbox": "positions of events; of a forgotten tenant's those that are parked are given up",
    "projection_rebuilds": "ids of tenants, as the operator named them",
    "replay_budgets": "sums of a replay",
    "replay_reservations": "ids of events, and sums",
    "replay_turns": "ids of replays",
    "replays": "ids of what operators selected",
    "schema_migrations": "names of files",
}


@pytest.mark.integration
def test_every_table_names_the_tenant_of_its_rows(deployed: Deployed) -> None:
    """By it the rows of a forgotten tenant are found, whatever table it is: none can be missed."""
    query = """
        SELECT relname AS name FROM pg_class
         WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p') AND NOT EXISTS (
             SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'tenant_id'
         )
    """
    with deployed.service.database.transaction() as connection:
        nameless = {row["name"] for row in connection.execute(query)}
    assert nameless <= set(WITHOUT_TENANTS)


@pytest.mark.integration
def test_nothing_of_a_forgotten_tenant_is_kept(deployed: Deployed) -> None:
    service = deployed.service
    tenant, other = str(uuid.uuid4()), str(uuid.uuid4())
    for each in (tenant, other):
        events, _ = events_of(service, each, str(uuid.uuid4()))
        fold(service, events)
    fact = new_event(TenantForgotten(by=ForgottenBy.TENANT), subject=tenant, tenant_id=tenant)
    consumer = EventConsumer(service, [forgets(service)])
    assert deliver(consumer, fact) == []

    def held(needle: str) -> set[str]:
        return {
            table for kind in TableKind for table in tables_holding(service, kind, needle, dynamodb=deployed.dynamodb)
        }

    assert held(tenant) == {"events", "forgotten_tenants", "erasures"}, "the receipt, the mark, and what was erased"
    # An analysis is keyed by its own id, which is the example's for both.
    assert held(other) >= tables_of_kind(service, TableKind.PROJECTION) - {"analyses"}
    with pytest.raises(TenantForgottenError):
        fold(service, events_of(service, tenant, str(uuid.uuid4()))[0])
