"""Descriptions become vectors: through the real SDKs, into a real database, under every fault a provider has."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from contracts import Contract, Event, ReplayKind, replayed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from contracts.ingest import ItemDeleted
from testkit.faults import AwsCalls

pytestmark = pytest.mark.integration

Deleted = Callable[[str, str], Event[ItemDeleted]]


def embedded(events: list[Event[Contract]]) -> list[ItemEmbedded]:
    return [event.data for event in events if isinstance(event.data, ItemEmbedded)]


def test_a_batch_is_one_request_and_each_item_gets_its_vector(running: Any, providers: Any) -> None:
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(10)]
    assert running.consume(*events) == 0
    assert running.consume(*events) == 0
    (request,) = providers.requests("voyage")
    assert len(request["body"]["input"]) == 10
    assert request["body"]["input_type"] == "document"
    assert request["body"]["output_dimension"] == 1024
    vectors = set()
    for event in events:
        (fact,) = embedded(running.recorded("alice", event.subject))
        assert (fact.model, fact.dimensions, fact.analysis_version) == ("voyage-3.5-lite", 1024, 1)
        assert fact.analysis_id == event.data.analysis_id
        assert fact.tokens > 0
        values = fact.values()
        assert math.sqrt(sum(value * value for value in values)) == pytest.approx(1, abs=1e-3)
        vectors.add(values)
    assert len(vectors) == 10


def test_the_same_text_of_a_tenant_is_paid_for_once_and_never_shared_across_tenants(
    running: Any, providers: Any
) -> None:
    first, second, foreign = running.describe("alice"), running.describe("alice"), running.describe("bob")
    for event in (first, second, foreign):
        assert running.consume(event) == 0
    assert len(providers.requests("voyage")) == 2
    (paid,), (reused,) = (embedded(running.recorded("alice", event.subject)) for event in (first, second))
    assert paid.vector == reused.vector
    assert (paid.tokens > 0, reused.tokens) == (True, 0)
    assert embedded(running.recorded("bob", foreign.subject))[0].tokens > 0


def test_an_overtaken_version_is_not_embedded(running: Any, providers: Any) -> None:
    newer = running.describe("alice", headline="New", version=2)
    older = running.describe("alice", newer.subject, headline="Old", version=1)
    assert running.consume(newer) == 0
    assert running.consume(older) == 0
    assert [fact.analysis_version for fact in embedded(running.recorded("alice", newer.subject))] == [2]
    assert len(providers.requests("voyage")) == 1
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["analysed"], status["embedded"], status["pending"]) == (1, 1, 0)


def test_two_analyses_of_one_version_end_the_same_in_any_order(running: Any) -> None:
    ends = []
    for order in ((0, 1), (1, 0)):
        a = running.describe("alice", headline="A", analysis="a")
        b = running.describe("alice", a.subject, headline="B", analysis="b")
        for index in order:
            running.consume((a, b)[index])
        row = running.service.database.connection().execute(
            """
            SELECT analysis_id, analysis_version FROM documents JOIN vectors USING (tenant_id, item_id, analysis_id)
            WHERE item_id = %s
            """,
            (a.subject,),
        )
        ends.append(row.fetchone())
    assert ends[0] == ends[1] == {"analysis_id": "b", "analysis_version": 1}


def test_reprocessing_records_again_without_paying_again(running: Any, providers: Any) -> None:
    event = running.describe("alice")
    running.consume(event)
    again = replayed(event, replay_id="r1", replay_for="embedding", kind=ReplayKind.REPROCESS)
    running.consume(again)
    running.consume(again)
    facts = embedded(running.recorded("alice", event.subject))
    assert len(facts) == 2
    assert facts[0].vector == facts[1].vector
    assert len(providers.requests("voyage")) == 1


def test_a_rebuilding_replay_folds_and_calls_no_provider(running: Any, providers: Any) -> None:
    event = running.describe("alice")
    assert running.consume(replayed(event, replay_id="r1", replay_for="embedding")) == 0
    assert running.recorded("alice", event.subject) == []
    assert providers.requests("voyage") == []
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["analysed"], status["pending"]) == (1, 1)


@pytest.mark.parametrize("status", [429, 500, 503, 529, 401, 403])
def test_what_may_pass_is_left_to_the_queue(running: Any, providers: Any, status: int) -> None:
    providers.fault(provider="voyage", kind="status", status=status, count=1)
    events = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    assert running.consume(*events) == 3
    pending = running.request("GET", "/vector-index/status", "alice").body
    assert (pending["analysed"], pending["pending"]) == (3, 3)
    assert running.consume(*events, attempt=2) == 0
    assert all(len(embedded(running.recorded("alice", event.subject))) == 1 for event in events)


def test_a_limited_provider_says_when_the_message_comes_back(running: Any, providers: Any) -> None:
    providers.fault(provider="voyage", kind="status", status=429, retry_after=77)
    with AwsCalls(running.service.aws.sqs) as calls:
        assert running.consume(running.describe("alice")) == 1
    assert [call["VisibilityTimeout"] for call in calls.of("ChangeMessageVisibility")] == [77]


def test_a_silent_provider_is_left_to_the_queue(start: Callable[..., Any], providers: Any) -> None:
    running = start(provider_timeout_s=0.5)
    providers.fault(provider="voyage", kind="timeout", delay_s=3, count=1)
    event = running.describe("alice")
    assert running.consume(event) == 1
    assert running.consume(event, attempt=2) == 0


def test_a_body_that_breaks_off_is_left_to_the_queue(running: Any, providers: Any) -> None:
    providers.fault(provider="voyage", kind="malformed", count=1)
    event = running.describe("alice")
    assert running.consume(event) == 1
    assert running.consume(event, attempt=2) == 0


def test_a_missing_key_is_left_to_the_queue(start: Callable[..., Any]) -> None:
    running = start(keys=())
    assert running.consume(running.describe("alice")) == 1


def test_one_bad_text_does_not_fail_its_neighbours(running: Any, providers: Any) -> None:
    providers.fault(provider="voyage", kind="status", status=400, match="poison")
    good = [running.describe("alice", headline=f"Picture {n}") for n in range(3)]
    bad = running.describe("alice", headline="poison")
    assert running.consume(*good, bad) == 0
    assert len(providers.requests("voyage")) == 1 + 4
    for event in good:
        assert len(embedded(running.recorded("alice", event.subject))) == 1
    (recorded,) = running.recorded("alice", bad.subject)
    assert isinstance(recorded.data, EmbeddingFailed)
    assert (recorded.data.reason, recorded.data.attempts) == ("provider-rejected", 1)
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["embedded"], status["failed"], status["pending"]) == (3, 1, 0)


def test_giving_up_is_recorded_and_a_redriven_message_still_counts(running: Any, providers: Any) -> None:
    providers.fault(provider="voyage", kind="status", status=500)
    event = running.describe("alice")
    assert running.consume(event, attempt=6) == 0
    (recorded,) = running.recorded("alice", event.subject)
    assert (recorded.data.reason, recorded.data.attempts) == ("gave-up", 6)
    assert running.dead_letters() == ["gave-up:ProviderUnavailableError"]
    providers.calm()
    assert running.consume(event) == 0
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["embedded"], status["failed"]) == (1, 0)


@pytest.mark.parametrize("deleted_first", [True, False])
def test_a_deleted_item_stays_deleted_in_any_order(
    running: Any, providers: Any, deleted: Deleted, deleted_first: bool
) -> None:
    event = running.describe("alice")
    gone = deleted("alice", event.subject)
    for step in (gone, event) if deleted_first else (event, gone):
        assert running.consume(step) == 0
    assert len(providers.requests("voyage")) == (0 if deleted_first else 1)
    for number, kind in enumerate(ReplayKind):
        running.consume(replayed(event, replay_id=f"again-{number}", replay_for="embedding", kind=kind))
    connection = running.service.database.connection()
    for table in ("documents", "vectors"):
        assert connection.execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"] == 0
    assert len(running.recorded("alice", event.subject)) == (0 if deleted_first else 1)


def test_a_deletion_in_the_same_batch(running: Any, deleted: Deleted) -> None:
    event = running.describe("alice")
    assert running.consume(deleted("alice", event.subject), event) == 0
    assert running.recorded("alice", event.subject) == []


def test_a_text_that_an_item_returns_to_is_not_paid_for_again(running: Any, providers: Any) -> None:
    """As after a rollback: of an item the newest vector alone is kept, and the log has the older ones."""
    old = running.describe("alice", headline="A cat")
    new = running.describe("alice", old.subject, headline="A black cat", version=2)
    back = running.describe("alice", old.subject, headline="A cat", version=3)
    for event in (old, new, back):
        assert running.consume(event) == 0
    first, _, third = [each.data for each in running.recorded("alice", old.subject)]
    assert (third.vector, third.analysis_version, third.tokens) == (first.vector, 3, 0)
    assert len(providers.requests("voyage")) == 2
    assert running.consume(running.describe("bob", headline="A cat", version=2)) == 0
    assert len(providers.requests("voyage")) == 3, "another tenant's is not looked at"
