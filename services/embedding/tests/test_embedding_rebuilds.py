"""Rebuilds: asked for by HTTP, done in batches, resumable, never two effects."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from contracts import Event, ReplayKind, replayed
from contracts.embedding import ItemEmbedded, RebuildRequested

pytestmark = pytest.mark.integration


def requested(running: Any, tenant: str, **request: Any) -> Event[RebuildRequested]:
    """Ask for a rebuild; returns the event that the queue would deliver."""
    answer = running.request("POST", "/vector-index/rebuild", tenant, **request)
    assert answer.status == 202, answer.body
    event: Event[RebuildRequested] = running.recorded(tenant, answer.body["rebuild_id"])[0]
    return event


def vectors(running: Any, tenant: str, *items: str) -> list[ItemEmbedded]:
    return [
        recorded.data
        for item in items
        for recorded in running.recorded(tenant, item)
        if isinstance(recorded.data, ItemEmbedded)
    ]


@pytest.fixture
def items(running: Any, providers: Any) -> list[str]:
    """Five items of Alice's and one of Bob's, embedded."""
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(5)]
    assert running.consume(*events, running.describe("bob")) == 0
    providers.calm()
    return [event.subject for event in events]


def test_a_rebuild_embeds_the_callers_items_again(running: Any, providers: Any, items: list[str]) -> None:
    answer = running.request("POST", "/vector-index/rebuild", "alice")
    assert answer.status == 202
    assert set(answer.body) == {"status", "num_documents", "message", "rebuild_id"}
    assert (answer.body["status"], answer.body["num_documents"]) == ("accepted", 5)
    (event,) = running.recorded("alice", answer.body["rebuild_id"])
    before = running.request("GET", "/vector-index/status", "alice").body["rebuild"]
    assert (before["status"], before["done"], before["total"]) == ("running", 0, 5)
    assert running.rebuild(event, event) == 0
    assert running.rebuild(event) == 0
    assert len(vectors(running, "alice", *items)) == 10
    (request,) = providers.requests("voyage")
    assert len(request["body"]["input"]) == 5, "Bob's item is not Alice's"
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["analysed"], status["embedded"], status["pending"], status["failed"]) == (5, 5, 0, 0)
    assert (status["model"], status["dimensions"]) == ("voyage-3.5-lite", 1024)
    after = status["rebuild"]
    assert (after["status"], after["done"], after["failed"]) == ("finished", 5, 0)
    assert running.request("GET", "/vector-index/status", "bob").body["rebuild"] is None


def test_with_another_model(running: Any, items: list[str]) -> None:
    event = requested(running, "alice", body={"model": "voyage-4-lite"})
    assert running.rebuild(event) == 0
    assert [fact.model for fact in vectors(running, "alice", items[0])] == ["voyage-3.5-lite", "voyage-4-lite"]
    unknown = running.request("POST", "/vector-index/rebuild", "alice", query={"model": "gpt-4o"})
    assert (unknown.status, unknown.body["type"].endswith("unknown-model")) == (422, True)


def test_two_clicks_are_one_rebuild(running: Any, items: list[str]) -> None:
    first = running.request("POST", "/vector-index/rebuild", "alice").body
    second = running.request("POST", "/vector-index/rebuild", "alice")
    assert (second.status, second.body["status"]) == (202, "running")
    assert second.body["rebuild_id"] == first["rebuild_id"]
    assert len(running.recorded("alice", first["rebuild_id"])) == 1


def test_an_interrupted_rebuild_goes_on_where_it_stopped(
    start: Callable[..., Any], running: Any, providers: Any, items: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedding.bootstrap.BATCH_SIZE", 2)
    small = start()
    event = requested(running, "alice")
    texts = sorted(items)
    row = (
        running.service.database.connection()
        .execute("SELECT text FROM documents WHERE item_id = %s", (texts[2],))
        .fetchone()
    )
    providers.fault(provider="voyage", kind="status", status=500, match=row["text"].split("\n")[0], count=1)
    assert small.rebuild(event) == 1
    progress = running.request("GET", "/vector-index/status", "alice").body["rebuild"]
    assert (progress["status"], progress["done"]) == ("running", 2)
    assert small.rebuild(event, attempt=2) == 0
    assert [len(vectors(running, "alice", item)) for item in items] == [2] * 5
    assert [len(request["body"]["input"]) for request in providers.requests("voyage")] == [2, 2, 2, 1]


def test_what_takes_too_long_is_continued_by_another_message(
    start: Callable[..., Any], running: Any, items: list[str]
) -> None:
    impatient = start(rebuild_budget_s=0)
    event = requested(running, "alice")
    assert impatient.rebuild(event) == 0
    (_, continued) = running.recorded("alice", event.subject)
    assert vectors(running, "alice", items[0]) == vectors(running, "alice", items[0])[:1]
    assert running.rebuild(continued) == 0
    assert running.rebuild(event) == 0
    assert [len(vectors(running, "alice", item)) for item in items] == [2] * 5


def test_what_is_paid_for_before_a_continuation_is_not_paid_for_after_it(
    start: Callable[..., Any], running: Any, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embedding.bootstrap.BATCH_SIZE", 1)
    small = start()
    equal = [running.describe("alice", headline="A cat") for _ in range(2)]
    assert running.consume(*equal) == 0
    providers.calm()
    event = requested(running, "alice")
    with monkeypatch.context() as patched:
        patched.setattr("embedding.rebuild.time", SimpleNamespace(monotonic=iter([0, 0, 1000]).__next__))
        assert small.rebuild(event) == 0
    (_, continued) = running.recorded("alice", event.subject)
    assert small.rebuild(continued) == 0
    assert [len(vectors(running, "alice", each.subject)) for each in equal] == [2, 2]
    assert len(providers.requests("voyage")) == 1


def test_a_rebuild_that_keeps_failing_ends_and_another_may_be_requested(
    running: Any, providers: Any, items: list[str]
) -> None:
    event = requested(running, "alice")
    providers.fault(provider="voyage", kind="status", status=500)
    assert running.rebuild(event, attempt=6) == 0
    assert running.request("GET", "/vector-index/status", "alice").body["rebuild"]["status"] == "failed"
    providers.calm()
    assert requested(running, "alice").subject != event.subject


def test_a_rejected_text_keeps_the_vector_it_has(running: Any, providers: Any, items: list[str]) -> None:
    event = requested(running, "alice")
    providers.fault(provider="voyage", kind="status", status=400)
    assert running.rebuild(event) == 0
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["embedded"], status["failed"]) == (5, 0)
    assert (status["rebuild"]["done"], status["rebuild"]["failed"]) == (0, 5)
    assert all(len(running.recorded("alice", item)) == 1 for item in items)


def test_what_changes_meanwhile_is_not_overwritten(
    running: Any, providers: Any, items: list[str], deleted: Any
) -> None:
    event = requested(running, "alice")
    running.consume(running.describe("alice", items[0], headline="Changed", version=2), deleted("alice", items[1]))
    assert running.rebuild(event) == 0
    assert [fact.analysis_version for fact in vectors(running, "alice", items[0])] == [1, 2, 2]
    assert len(vectors(running, "alice", items[1])) == 1
    assert running.request("GET", "/vector-index/status", "alice").body["analysed"] == 4


def test_a_rebuild_of_nothing_finishes(running: Any) -> None:
    event = requested(running, "carol")
    assert event.data.total == 0
    again = replayed(event, replay_id="r", replay_for="embedding", kind=ReplayKind.REPROCESS)
    assert running.rebuild(event, again) == 0
    assert running.request("GET", "/vector-index/status", "carol").body["rebuild"]["status"] == "finished"
