"""A read model that was lost comes back from the services' own events, by an order on the bus, while the mesh works."""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

from contracts import ReplayKind
from contracts.operations import ReplayRequested, ReplayState, Selection
from manifests import load_manifests
from mesh.client import Api
from mesh.environments.opening import local_environment
from mesh.replay import following, ordering
from mesh.replay.asking import Owners
from testkit import eventually
from testkit.operator import RunningMesh
from workspace import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

BETTER = "claude-opus-5-5"
READ_MODEL = ("documents", "postings", "vectors")


def read_model(mesh: RunningMesh, tenant: str) -> dict[str, list[str]]:
    """The tenant's rows of search."""
    return {table: sorted(row["row"] for row in mesh.rows(_select(table), tenant)) for table in READ_MODEL}


def _select(table: str) -> sql.Composed:
    return sql.SQL("SELECT to_jsonb(t)::text AS row FROM search.{} AS t WHERE tenant_id = %s").format(
        sql.Identifier(table)
    )


def lose(mesh: RunningMesh, tenant: str) -> None:
    for table in (*READ_MODEL, "tenant_stats"):
        delete = sql.SQL("DELETE FROM search.{} WHERE tenant_id = %s RETURNING 1").format(sql.Identifier(table))
        assert mesh.rows(delete, tenant)


@pytest.mark.smoke
def test_a_lost_read_model_is_rebuilt_while_items_arrive(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path]
) -> None:
    items = [str(alice.upload(picture(f"number {number}"))["id"]) for number in range(2)]
    alice.follow(items)
    eventually(mesh.is_idle, timeout_s=60)
    (found,) = mesh.rows("SELECT tenant_id FROM search.documents WHERE item_id = %s", items[0])
    tenant: str = found["tenant_id"]
    before = read_model(mesh, tenant)
    lose(mesh, tenant)

    environment = local_environment(mesh.settings)
    types = ordering.chosen_types(ordering.consumed_types(load_manifests(REPOSITORY), "search"), "search", [])
    selection = Selection(types=types, tenants=(tenant,))
    replay = f"rebuild-{secrets.token_hex(4)}"
    order = ReplayRequested(
        who="a test", why="the rows are gone", consumer="search", kind=ReplayKind.REBUILD, selection=selection, rate=500
    )
    ordering.publish(environment, order, replay)
    meanwhile = str(alice.upload(picture("meanwhile"))["id"])
    owners, owning = Owners(environment), ordering.owners_of(selection)
    ended = following.wait_for(owners, replay, owning, {ReplayState.COMPLETED})
    alice.follow([meanwhile])
    eventually(mesh.is_idle, timeout_s=60)

    assert {(each.service, each.done >= 2, each.left_out) for each in ended} == {
        ("analysis", True, 0),
        ("embedding", True, 0),
        ("imaging", True, 0),
        ("ingest", False, 0),
    }
    after = read_model(mesh, tenant)
    assert {row for rows in after.values() for row in rows if meanwhile in row}
    assert {table: [row for row in rows if meanwhile not in row] for table, rows in after.items()} == before
    assert _deliveries(mesh, "search", replay) >= 4
    assert _deliveries(mesh, "chat", replay) == _deliveries(mesh, "ingest", replay) == 0, "it was for search alone"


@pytest.mark.smoke
def test_the_archive_of_the_bus_gives_one_consumer_what_it_never_got(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path]
) -> None:
    started = datetime.now(UTC)
    item = str(alice.upload(picture("archived"))["id"])
    alice.follow([item])
    eventually(mesh.is_idle, timeout_s=60)
    (found,) = mesh.rows("SELECT tenant_id FROM search.documents WHERE item_id = %s", item)
    tenant: str = found["tenant_id"]
    before = read_model(mesh, tenant)
    lose(mesh, tenant)
    # As if the deliveries had never come: what the inbox holds is not applied again.
    unknown = "DELETE FROM search.inbox WHERE received_at >= %s RETURNING 1"
    assert mesh.rows(unknown, started)
    inboxes = {service: _inbox(mesh, service) for service in ("ingest", "analysis", "embedding", "chat")}

    events, bus = mesh.aws("events"), local_environment(mesh.settings).event_bus
    rule = events.describe_rule(EventBusName=bus, Name=f"{bus}-search-events")
    replay = f"archived-{secrets.token_hex(4)}"
    events.start_replay(
        ReplayName=replay,
        EventSourceArn=events.describe_archive(ArchiveName=bus)["ArchiveArn"],
        EventStartTime=started - timedelta(seconds=1),
        EventEndTime=datetime.now(UTC) + timedelta(seconds=1),
        Destination={"Arn": events.describe_event_bus(Name=bus)["Arn"], "FilterArns": [rule["Arn"]]},
    )
    eventually(lambda: read_model(mesh, tenant) == before, timeout_s=30)
    eventually(mesh.is_idle, timeout_s=60)
    assert events.describe_replay(ReplayName=replay)["State"] == "COMPLETED"
    assert {service: _inbox(mesh, service) for service in inboxes} == inboxes, "it was for search alone"


def _inbox(mesh: RunningMesh, service: str) -> int:
    (row,) = mesh.rows(sql.SQL("SELECT count(*) AS n FROM {}").format(sql.Identifier(service, "inbox")))
    return int(row["n"])


@pytest.mark.scheduled
def test_a_better_model_describes_old_pictures_within_a_budget(
    mesh: RunningMesh, instant: None, alice: Api, picture: Callable[..., Path]
) -> None:
    items = [str(alice.upload(picture(f"by the better model {number}"))["id"]) for number in range(2)]
    alice.follow(items)
    environment = local_environment(mesh.settings)
    owners = Owners(environment)
    told = owners.reprocessing("analysis", BETTER)
    selection = Selection(types=tuple(told["types"]), subjects=tuple(items))
    replay = f"reprocess-{secrets.token_hex(4)}"
    order = ReplayRequested(
        who="a test",
        why="a better model",
        consumer="analysis",
        kind=ReplayKind.REPROCESS,
        selection=selection,
        rate=500,
        budget_usd=10 * told["most_usd"],
        model=BETTER,
    )
    ordering.publish(environment, order, replay)
    (ended,) = following.wait_for(owners, replay, ["imaging"], {ReplayState.COMPLETED})

    def spending() -> dict[str, Any]:
        return owners.spending(ended) or {}

    eventually(lambda: spending().get("made") == len(items), timeout_s=30)
    found = spending()
    assert 0 < found["spent_usd"] < order.budget_usd
    assert (found["reserved_usd"], found["reused"], found["left_over"]) == (0, 0, 0)
    eventually(lambda: {_model(mesh, item) for item in items} == {BETTER}, timeout_s=30)


def _model(mesh: RunningMesh, item: str) -> str:
    newest = "SELECT model FROM analysis.analyses WHERE item_id = %s ORDER BY version DESC LIMIT 1"
    (row,) = mesh.rows(newest, item)
    return str(row["model"])


def _deliveries(mesh: RunningMesh, service: str, replay: str) -> int:
    query = sql.SQL("SELECT count(*) AS n FROM {} WHERE replay_id = %s").format(sql.Identifier(service, "inbox"))
    (row,) = mesh.rows(query, replay)
    return int(row["n"])
