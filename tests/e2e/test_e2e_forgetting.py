"""Forgetting on the running mesh: canaries are planted in every store, and none is found anywhere afterwards."""

import json
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mesh.cli import app
from mesh.client import Api
from mesh.environments.opening import local_environment
from testkit import eventually
from testkit.operator import RunningMesh
from testkit.operator.scanning import places

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

Draw = Callable[..., Path]
SERVICES = {"ingest", "imaging", "analysis", "embedding", "search", "chat", "sessions"}


def plant(alice: Api, picture: Draw) -> tuple[str, list[str]]:
    """An item, and texts of it that are in no other's: its file name and its description."""
    canary = f"canary-{secrets.token_hex(8)}"
    item = alice.upload(picture("words"), name=f"{canary}.png")
    described = alice.follow([item["id"]])[item["id"]]["latest_analysis"]["summary"]
    (mark,) = re.findall("the mark ([0-9a-f]{8})", described)
    return item["id"], [canary, f"({mark})", f"mark {mark}"]


def nothing_of(mesh: RunningMesh, needles: list[str], since: datetime) -> bool:
    return not places(mesh, needles, since=since)


def only_in_tables(mesh: RunningMesh, needles: list[str], since: datetime) -> bool:
    """Streams, marks and receipts keep ids. The emulator's files have the last operations until its next snapshot."""
    return all(place.startswith("table") for place in places(mesh, needles, since=since))


def erased_by(mesh: RunningMesh, tenant: str) -> set[str]:
    """The services that have recorded a receipt."""
    found = set()
    for service in SERVICES:
        query = f"SELECT type FROM {service}.events WHERE tenant_id = %s AND type LIKE '%%.tenant-erased.v1'"
        found |= {row["type"].split(".")[1] for row in mesh.rows(query, tenant)}
    return found


def test_nothing_is_found_of_a_person_who_is_forgotten(
    mesh: RunningMesh, instant: None, alice: Api, bob: Api, picture: Draw
) -> None:
    begun = datetime.now(UTC)
    item, canaries = plant(alice, picture)
    kept = bob.upload(picture("of somebody else"))["id"]
    bob.follow([kept])
    said = f"canary-{secrets.token_hex(8)}"
    alice.chat("talk", f"Which pictures do I have of {said}?")
    alice.search(said)
    eventually(mesh.is_idle, timeout_s=60)
    (row,) = mesh.rows("SELECT tenant_id FROM ingest.items WHERE id = %s", item)
    tenant: str = row["tenant_id"]
    planted = places(mesh, [*canaries, said, f"{tenant}/"], since=begun)
    for service, table in (("ingest", "items"), ("analysis", "events"), ("search", "documents"), ("chat", "events")):
        assert f"table {service}.{table}" in planted
    for kind in ("items of", "object", "file"):
        assert any(place.startswith(kind) for place in planted), f"{kind} holds no canary: nothing would be proven"

    assert alice.request("DELETE", "/me").status_code == 202
    assert alice.request("GET", "/items").status_code == 410
    eventually(lambda: erased_by(mesh, tenant) == SERVICES, timeout_s=60)
    eventually(partial(nothing_of, mesh, [*canaries, said], begun), timeout_s=60)
    eventually(partial(only_in_tables, mesh, [f"{tenant}/", f"{tenant}#"], begun), timeout_s=60)  # objects, items
    pool = mesh.aws("cognito-idp").list_users(UserPoolId=mesh.provisioned.user_pool_id)
    assert tenant not in str(pool["Users"])
    assert bob.item(kept)["status"] == "searchable"


@pytest.mark.scheduled
def test_nothing_is_found_of_an_item_that_is_deleted(
    mesh: RunningMesh, instant: None, alice: Api, picture: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = datetime.now(UTC)
    item, canaries = plant(alice, picture)
    first = alice.chat("talk", "Which pictures do I have?")
    assert item in {result["item_id"] for result in first["search_results"]}
    eventually(mesh.is_idle, timeout_s=60)
    planted = places(mesh, canaries, since=begun)
    assert {"table chat.events", "table embedding.documents", "table imaging.events"} <= planted

    alice.delete(item)
    eventually(partial(nothing_of, mesh, canaries, begun), timeout_s=60)
    eventually(partial(only_in_tables, mesh, [f"/{item}."], begun), timeout_s=60)  # no version of its pictures is left
    mesh.providers.calm()
    second = alice.chat("talk", "And what was in it?")
    assert second["conversation_turn"] == 2
    asked = str(mesh.providers.requests("anthropic"))
    assert not [canary for canary in canaries if canary in asked], "the model was told again"
    history = alice.json("GET", "/chat/talk/history")["messages"]
    assert [message["content"] for message in history[:2]] == ["***", "***"]

    # The operator's way, for what is left of alice.
    environment = local_environment(mesh.settings)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: environment)
    (row,) = mesh.rows("SELECT DISTINCT tenant_id FROM ingest.events WHERE stream_id = %s", item)
    result = CliRunner().invoke(app, ["forget", row["tenant_id"], "--confirm", row["tenant_id"], "--json"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert set(report["services"]) == SERVICES
    assert report["services"]["chat"]["events"] >= 2
    assert report["account_deleted"]
    assert alice.request("GET", "/items").status_code == 410
