"""Forgetting on the running mesh: canaries are planted in every store, and none is found anywhere afterwards."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh
from testkit.operator.scanning import places

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

Draw = Callable[..., Path]


def plant(alice: Api, picture: Draw, session: str) -> tuple[str, list[str]]:
    """An item, and texts of alice's that are in no other's: its file name, its description, a question, a query."""
    canary = f"canary-{secrets.token_hex(8)}"
    item = alice.upload(picture("words"), name=f"{canary}.png")
    final = alice.follow([item["id"]])[item["id"]]
    summary = final["latest_analysis"]["summary"]
    (mark,) = re.findall("the mark ([0-9a-f]{8})", summary)
    alice.chat(session, f"Which pictures do I have of {canary}?")
    alice.search(canary)
    return item["id"], [canary, f"({mark})", f"mark {mark}"]


def test_nothing_is_found_of_a_person_who_is_forgotten(
    mesh: RunningMesh, instant: None, alice: Api, picture: Draw
) -> None:
    begun = datetime.now(UTC)
    _, canaries = plant(alice, picture, "talk")
    eventually(mesh.is_idle, timeout_s=60)
    found = places(mesh, canaries, since=begun)
    for store in ("ingest.events", "analysis.events", "chat.events", "search.documents", "ingest.items"):
        assert f"table {store}" in found
    assert any(place.startswith("items of") for place in found)

    import time

    t = time.monotonic()
    print("PLANTED", (datetime.now(UTC) - begun).total_seconds(), found)
    assert alice.request("DELETE", "/me").status_code == 202
    assert alice.request("GET", "/items").status_code == 410
    print("DELETED", time.monotonic() - t)
    eventually(mesh.is_idle, timeout_s=60)
    print("IDLE", time.monotonic() - t)

    def look():
        f = places(mesh, canaries, since=begun)
        print(time.monotonic() - t, f)
        return not f

    eventually(look, timeout_s=60)


def _receipts(mesh: RunningMesh, _: str) -> list[object]:
    return list(mesh.rows("SELECT 1 FROM ingest.events WHERE type LIKE '%%tenant-erased%%'"))
