"""Delivery is at least once and unordered: duplicates, reordered events, deletion under way, poison."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from chassis.tables import TableKind
from localmesh.inspection import read_status
from manifests import load_manifests
from mesh.cli import app
from mesh.client import Api
from mesh.environments.opening import local_environment
from mesh.functions import Functions
from testkit import eventually
from testkit.operator import RunningMesh
from workspace import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]
SERVICES = sorted(load_manifests(REPOSITORY).services)


def stored_events(mesh: RunningMesh, item_id: str) -> list[dict[str, Any]]:
    """Every event about the item in all event stores, in the order of their times."""
    events = [
        row["event"]
        for service in SERVICES
        for row in mesh.rows(f"SELECT event FROM {service}.events WHERE stream_id = %s", item_id)
    ]
    return sorted(events, key=lambda event: (event["time"], event["id"]))


def read_models(mesh: RunningMesh, item_id: str) -> dict[str, list[dict[str, Any]]]:
    """What each service keeps about the item, table by table: every row that names it, but for logs and tombstones."""
    tables = mesh.rows(
        """
        SELECT nspname, relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        WHERE nspname = ANY(%s) AND relkind IN ('r', 'p')
          AND split_part(obj_description(pg_class.oid, 'pg_class'), ':', 1) = ANY(%s)
        """,
        SERVICES,
        [TableKind.PROJECTION, TableKind.BOOKKEEPING],
    )
    kept = {}
    for table in tables:
        name = f"{table['nspname']}.{table['relname']}"
        rows = mesh.rows(f"SELECT to_jsonb(t) AS row FROM {name} AS t WHERE strpos(to_jsonb(t)::text, %s) > 0", item_id)
        if rows:
            kept[name] = sorted((row["row"] for row in rows), key=str)
    return kept


def record(mesh: RunningMesh, event: dict[str, Any]) -> None:
    """Into its producer's store, so that a later rebuild on the same mesh finds what the read models are made of."""
    mesh.rows(
        f"""
        INSERT INTO {event["source"].rpartition(".")[2]}.events
            (event_id, tenant_id, stream_id, stream_version, type, event)
        VALUES (%s, %s, %s, %s, %s, %s) RETURNING position
        """,
        event["id"],
        event["tenantid"],
        event["subject"],
        int(event["sequence"]),
        event["type"],
        json.dumps(event),
    )


def no_objects(mesh: RunningMesh, item_id: str) -> bool:
    return not mesh.keys(item_id)


def test_duplicates_have_no_second_effect(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    item = alice.upload(picture())
    alice.follow([item["id"]])
    eventually(mesh.is_idle)
    before_events = stored_events(mesh, item["id"])
    before_models = read_models(mesh, item["id"])
    assert len(before_events) == 4
    for event in before_events * 2:
        mesh.put_event(event)
    # A marker published last shows when the duplicates before it have been delivered.
    marker = alice.upload(picture("marker"))
    alice.follow([marker["id"]])
    eventually(mesh.is_idle)
    assert stored_events(mesh, item["id"]) == before_events
    assert read_models(mesh, item["id"]) == before_models
    assert mesh.dead_letters() == {}


def test_events_of_an_item_may_come_in_any_order(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    """The facts of a finished item, republished in reverse order under a new id, lead to the same read models."""
    original = alice.upload(picture("in any order"))
    alice.follow([original["id"]])
    eventually(mesh.is_idle)
    events = stored_events(mesh, original["id"])
    twin = "11111111-2222-4333-8444-" + original["id"][-12:]

    def republished(event: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps({**event, "id": f"again-{event['id']}"})
        document: dict[str, Any] = json.loads(text.replace(original["id"], twin))
        if "analysis_id" in document["data"]:
            document["data"]["analysis_id"] = f"twin-{document['data']['analysis_id']}"
        return document

    for event in reversed([event for event in events if "item-uploaded" not in event["type"]]):
        again = republished(event)
        record(mesh, again)
        mesh.put_event(again)

    def found() -> bool:
        answer = alice.search("picture", search_type="vector", top_k=50, include_answer=False)
        return twin in {result["item_id"] for result in answer["results"]}

    eventually(found)
    eventually(mesh.is_idle)
    ours, theirs = read_models(mesh, original["id"]), read_models(mesh, twin)
    for table in ("search.documents", "chat.documents"):
        headline = [row["headline"] for row in ours[table]]
        assert [row["headline"] for row in theirs[table]] == headline
    assert mesh.dead_letters() == {}


def test_deletion_reaches_every_store(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    item = alice.upload(picture("soon gone"))
    kept = alice.upload(picture("stays"))
    final = alice.follow([item["id"], kept["id"]])[item["id"]]
    assert mesh.keys(item["id"])
    assert read_models(mesh, item["id"])
    assert alice.delete(item["id"]) == {"status": "deleted", "id": item["id"]}
    assert alice.request("GET", f"/items/{item['id']}").status_code == 404
    assert alice.request("GET", f"/images/{item['filename']}").status_code == 404
    assert alice.request("DELETE", f"/items/{item['id']}").status_code == 404
    eventually(partial(no_objects, mesh, item["id"]))
    eventually(lambda: list(read_models(mesh, item["id"])) == [])
    for search_type in ("bm25", "vector", "hybrid"):
        answer = alice.search("picture soon gone", search_type=search_type, top_k=50)
        assert item["id"] not in {result["item_id"] for result in answer["results"]}
    assert alice.request("GET", f"/items/{item['id']}/analyses").status_code == 404
    assert alice.request("GET", f"/analyses/{final['latest_analysis']['id']}").status_code == 404
    assert [entry["id"] for entry in alice.items()] == [kept["id"]]
    assert len(mesh.keys(kept["id"])) == 3


def test_deleted_stays_deleted_whatever_comes_later(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    item = alice.upload(picture("a ghost"))
    alice.follow([item["id"]])
    events = stored_events(mesh, item["id"])
    alice.delete(item["id"])
    eventually(lambda: not mesh.keys(item["id"]) and not read_models(mesh, item["id"]))
    for event in events:
        mesh.put_event({**event, "id": f"late-{event['id']}"})
    marker = alice.upload(picture("marker"))
    alice.follow([marker["id"]])
    eventually(mesh.is_idle)
    assert not read_models(mesh, item["id"])
    assert not mesh.keys(item["id"])
    assert alice.request("GET", f"/items/{item['id']}").status_code == 404


def test_deletion_while_the_item_is_still_on_its_way(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    items = [alice.upload(picture(f"hurry {number}")) for number in range(8)]
    for item in items:
        alice.delete(item["id"])
    eventually(mesh.is_idle)
    for item in items:
        eventually(partial(no_objects, mesh, item["id"]))
        assert not read_models(mesh, item["id"])
    assert alice.json("GET", "/items")["total"] == 0
    assert mesh.dead_letters() == {}


@pytest.fixture
def operator(mesh: RunningMesh, monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Runs a command of `mesh` on the running one; returns what it prints as JSON."""
    environment = local_environment(mesh.settings)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)

    def run(*arguments: str) -> dict[str, Any]:
        result = CliRunner().invoke(app, [*arguments, "--json"])
        assert result.exit_code == 0, result.output
        printed: dict[str, Any] = json.loads(result.stdout)
        return printed

    return run


def test_poison_ends_in_the_dead_letter_queue_with_its_reason_and_blocks_nothing(
    alice: Api, picture: Draw, mesh: RunningMesh, operator: Callable[..., dict[str, Any]]
) -> None:
    document = {
        "specversion": "1.0",
        "id": "poison",
        "source": "collections.ingest",
        "type": "collections.ingest.item-uploaded.v1",
        "subject": "x",
        "time": "2026-11-22T00:00:00Z",
        "data": {},
    }
    mesh.put_event(document)
    item = alice.upload(picture("behind the poison"))
    assert alice.follow([item["id"]])[item["id"]]["status"] == "searchable"
    eventually(lambda: len(mesh.dead_letters()) == 2)
    first = {letter["id"]: letter for letter in operator("dlq", "list")["letters"]}
    assert sorted(letter["queue"] for letter in first.values()) == ["imaging.events", "ingest.events"]
    for letter in first.values():
        assert (letter["reason"], letter["receives"], letter["event_id"]) == ("invalid-event", 1, "poison")
        assert "tenantid" in letter["detail"]
    assert len(operator("dlq", "redrive", "--yes")["redriven"]) == 2
    eventually(lambda: len(mesh.dead_letters()) == 2, timeout_s=60)
    eventually(mesh.is_idle)
    assert first.keys().isdisjoint(letter["id"] for letter in operator("dlq", "list")["letters"]), "back once more"
    assert len(operator("dlq", "discard", "--all", "--yes")["discarded"]) == 2
    assert mesh.dead_letters() == {}, "no other consumer received it"


def test_an_operator_sees_what_followed_from_an_upload(
    alice: Api, picture: Draw, mesh: RunningMesh, operator: Callable[..., dict[str, Any]]
) -> None:
    item = alice.upload(picture("traced"))
    alice.follow([item["id"]])
    eventually(mesh.is_idle)
    traced = operator("trace", item["id"])
    facts = ["item-uploaded.v1", "image-processed.v1", "item-analyzed.v1", "item-embedded.v1"]
    assert [event["type"].split(".", 2)[2] for event in traced["events"]] == facts
    assert {each["outcome"] for each in traced["deliveries"]} == {"applied"}
    assert {each["consumer"] for each in traced["deliveries"]} == {
        "imaging", "analysis", "embedding", "search", "chat", "ingest"
    }  # fmt: skip
    assert traced["totals"]["paid_calls"] == 2
    (thread,) = {event["correlationid"] for event in traced["events"]}
    assert operator("trace", thread)["events"] == traced["events"]

    analyzed_at = traced["events"][2]["time"]
    past = operator("state", item["id"], "--at", analyzed_at)["services"]
    assert past["ingest"]["items"][0]["status"] == "analyzed"
    assert (len(past["search"]["documents"]), "vectors" in past["search"]) == (1, False)
    now = operator("state", item["id"])["services"]
    assert now["ingest"]["items"][0]["status"] == "searchable"
    assert len(now["search"]["vectors"]) == len(now["chat"]["vectors"]) == 1
    (tenant,) = {key.split("/")[0] for key in mesh.keys(item["id"])}
    assert tenant not in json.dumps(now)
    assert "traced" not in json.dumps(now), "the name of the file"
    assert alice.item(item["id"])["status"] == "searchable", "nothing was changed"


def test_an_item_that_is_stuck_says_so_and_is_started_again(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    with mesh.deaf("analysis.events"):
        item = alice.upload(picture("stuck"))
        eventually(lambda: alice.item(item["id"])["status"] == "processed")
    shown = alice.item(item["id"])
    assert shown["waiting_for"] == "analysis"
    assert item["created_at"] < shown["waiting_since"]
    path = f"/items/{item['id']}/retry"
    early = alice.request("POST", path)
    assert (early.status_code, early.json()["type"].rpartition(":")[2]) == (409, "under-way")
    since = mesh.rows("SELECT state -> 'picture' ->> 'time' AS time FROM ingest.items WHERE id = %s", item["id"])
    _waits_since(mesh, item["id"], "2026-01-01T00:00:00Z")
    answer = alice.request("POST", path)
    assert (answer.status_code, answer.json()["step"]) == (202, "analysis")
    assert alice.follow([item["id"]])[item["id"]]["status"] == "searchable"
    assert alice.item(item["id"])["waiting_for"] is None
    _waits_since(mesh, item["id"], since[0]["time"])  # as events alone make it
    done = alice.request("POST", path)
    assert (done.status_code, done.json()["type"].rpartition(":")[2]) == (409, "nothing-to-retry")
    mesh.send_again()
    assert mesh.dead_letters() == {}


def _waits_since(mesh: RunningMesh, item_id: str, time: str) -> None:
    """Change when the item's renditions were made."""
    mesh.rows(
        "UPDATE ingest.items SET state = jsonb_set(state, '{picture,time}', to_jsonb(%s::text)) WHERE id = %s"
        " RETURNING id",
        time,
        item_id,
    )


def test_an_operator_sees_what_is_parked_and_has_it_tried_again(
    alice: Api, picture: Draw, mesh: RunningMesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a password of the database; what is published twice has no second effect."""
    item = alice.upload(picture("parked"))
    alice.follow([item["id"]])
    (parked,) = mesh.rows(
        "INSERT INTO ingest.outbox (position, attempts, reason, parked_at, recorded_at)"
        " SELECT position, 1, 'MalformedDetail: on purpose', now(), now() - interval '1 hour'"
        " FROM ingest.events WHERE stream_id = %s"
        " RETURNING (SELECT event FROM ingest.events WHERE events.position = outbox.position)",
        item["id"],
    )
    environment = local_environment(mesh.settings)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)
    assert read_status(mesh.settings).parked == {"ingest": 1}
    listed = CliRunner().invoke(app, ["outbox", "list", "--json"])
    assert listed.exit_code == 0, listed.output
    found = {each["service"]: each["events"] for each in json.loads(listed.stdout)["services"]}
    assert found.keys() == {name for name, service in load_manifests(REPOSITORY).services.items() if service.publishes}
    assert [event["event_id"] for event in found["ingest"]] == [parked["event"]["id"]]
    assert parked["event"]["tenantid"] not in listed.output
    retried = CliRunner().invoke(app, ["outbox", "retry", "--yes"])
    assert retried.exit_code == 0, retried.output
    assert read_status(mesh.settings).parked == {}
    Functions(environment).invoke("ingest.relay", {})
    ours = "SELECT 1 FROM ingest.outbox JOIN ingest.events USING (position) WHERE stream_id = %s"
    eventually(lambda: not mesh.rows(ours, item["id"]))
    eventually(mesh.is_idle)
    assert alice.item(item["id"])["status"] == "searchable"
