"""Two rebuilds of one tenant with different models: the newest wins, and both come to an end."""

from typing import Any

import pytest

from contracts.embedding import ItemEmbedded

pytestmark = pytest.mark.integration


def models(running: Any, item: str) -> list[str]:
    return [
        recorded.data.model for recorded in running.recorded("alice", item) if isinstance(recorded.data, ItemEmbedded)
    ]


def test_an_older_rebuild_does_not_take_back_what_the_newer_did(running: Any, providers: Any) -> None:
    described = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    assert running.consume(*described) == 0
    asked = {}
    for model in ("voyage-4-lite", "voyage-4"):
        answer = running.request("POST", "/vector-index/rebuild", "alice", body={"model": model})
        [asked[model]] = running.recorded("alice", answer.body["rebuild_id"])
    assert running.rebuild(asked["voyage-4"]) == 0
    providers.calm()
    assert running.rebuild(asked["voyage-4-lite"]) == 0
    assert providers.requests("voyage") == [], "nothing is paid for a superseded rebuild"
    assert all(models(running, event.subject) == ["voyage-3.5-lite", "voyage-4"] for event in described)
    latest = running.request("GET", "/vector-index/status", "alice").body["rebuild"]
    assert (latest["model"], latest["status"], latest["done"]) == ("voyage-4", "finished", 3)
    rows = running.service.database.connection().execute("SELECT model, status FROM rebuilds ORDER BY created_at")
    assert [(row["model"], row["status"]) for row in rows] == [("voyage-4-lite", "failed"), ("voyage-4", "finished")]
