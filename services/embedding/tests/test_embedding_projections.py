"""The projections follow from events: after rebuilds, failures and deletions they can be folded again."""

from typing import Any

import pytest

from contracts import new_event
from contracts.embedding import EmbeddingFailed, EmbeddingFailure, ItemEmbedded, encode_vector
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("seed", [0, 1])
def test_the_projections_can_be_folded_again(running: Any, providers: Any, deleted: Any, seed: int) -> None:
    first = [running.describe("alice", headline=f"Picture {n}") for n in range(4)]
    foreign, bad = running.describe("bob"), running.describe("bob", headline="poison")
    providers.fault(provider="voyage", kind="status", status=400, match="poison")
    assert running.consume(*first, foreign, bad) == 0
    answer = running.request("POST", "/vector-index/rebuild", "alice", body={"model": "voyage-4"})
    changed = running.describe("alice", first[0].subject, headline="Changed", version=2)
    twice = running.describe("alice", first[1].subject, headline="Twice", analysis="other")
    gone = deleted("alice", first[2].subject)
    assert running.consume(changed, twice, gone) == 0
    (request,) = running.recorded("alice", answer.body["rebuild_id"])
    assert running.rebuild(request) == 0
    providers.fault(provider="voyage", kind="status", status=500)
    given_up = running.describe("alice", first[3].subject, headline="No answer", version=2)
    assert running.consume(given_up, attempt=6) == 0
    before = running.request("GET", "/vector-index/status", "alice").body
    assert (before["analysed"], before["embedded"], before["failed"]) == (3, 2, 1)
    assert_refolds(running.service, [*first, foreign, bad, changed, twice, gone, given_up], seed=seed)
    assert running.request("GET", "/vector-index/status", "alice").body == before


def test_a_long_item_has_vectors_of_its_passages_which_are_paid_once(running: Any, providers: Any) -> None:
    entry = "The harbour is closed on Sundays in winter, says the notice by the gate."
    event, equal, other = (
        running.describe("alice", read=(f"{entry} " * 30 + end,)) for end in ("", "", "Bring a boat.")
    )
    assert running.consume(event, equal) == 0
    first, second = (running.recorded("alice", each.subject)[-1].data for each in (event, equal))
    assert [len(first.passages), first.passages] == [6, second.passages]
    assert first.passages[-1].end == len(entry) * 30 + 30
    assert len(providers.requests("voyage")) == 1, "all in one"
    again = running.describe("alice", read=(f"{entry} " * 30,))
    assert running.consume(again) == 0
    assert len(providers.requests("voyage")) == 1, "an equal text is paid for"
    assert running.consume(other) == 0
    changed = running.recorded("alice", other.subject)[-1].data
    assert (changed.passages[:-1], changed.text_sha256) != (first.passages[:-1], first.text_sha256)
    answer = running.request("POST", "/vector-index/rebuild", "alice", body={"model": "voyage-4"})
    (request,) = running.recorded("alice", answer.body["rebuild_id"])
    assert running.rebuild(request) == 0
    rebuilt = running.recorded("alice", event.subject)[-1].data
    assert (rebuilt.model, len(rebuilt.passages)) == ("voyage-4", 6)
    assert_refolds(running.service, [event, equal, again, other], seed=0)


def test_a_vector_without_the_hash_of_its_text_is_kept_and_not_reused(running: Any, providers: Any) -> None:
    event = running.describe("alice")
    fact = ItemEmbedded(
        vector=encode_vector([1.0] * 1024),
        dimensions=1024,
        model="voyage-3.5-lite",
        analysis_id=event.data.analysis_id,
        analysis_version=1,
    )
    with running.service.work.on("alice", event.subject) as work:
        work.fold(event)
        work.record(new_event(fact, subject=event.subject, tenant_id="alice"))
    assert running.request("GET", "/vector-index/status", "alice").body["embedded"] == 1
    assert running.consume(event) == 0
    assert len(providers.requests("voyage")) == 1


def test_a_failed_version_that_has_a_vector_after_all_counts_as_embedded(running: Any) -> None:
    event = running.describe("alice")
    failure = EmbeddingFailed(reason=EmbeddingFailure.GAVE_UP, detail="d", analysis_version=1, attempts=8)
    with running.service.work.on("alice", event.subject) as work:
        work.fold(event)
        work.record(new_event(failure, subject=event.subject, tenant_id="alice"))
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["embedded"], status["failed"], status["pending"]) == (0, 1, 0)
    assert running.consume(event) == 0
    status = running.request("GET", "/vector-index/status", "alice").body
    assert (status["embedded"], status["failed"], status["pending"]) == (1, 0, 0)


def test_a_failure_counts_for_its_analysis_alone(running: Any) -> None:
    first = running.describe("alice", analysis="a")
    second = running.describe("alice", first.subject, analysis="b")
    with running.service.work.on("alice", first.subject) as work:
        work.fold(first)
        work.fold(second)
    for analysis, failed in (("a", 0), ("b", 1)):
        failure = EmbeddingFailed(
            reason=EmbeddingFailure.GAVE_UP, detail="d", analysis_version=1, attempts=8, analysis_id=analysis
        )
        with running.service.work.on("alice", first.subject) as work:
            work.record(new_event(failure, subject=first.subject, tenant_id="alice"))
        status = running.request("GET", "/vector-index/status", "alice").body
        assert (status["failed"], status["pending"]) == (failed, 1 - failed)
    assert_refolds(running.service, [first, second])


def test_a_failure_without_its_analysis_counts_for_every_analysis_of_the_version(running: Any) -> None:
    event = running.describe("alice", version=2)
    for version, failed in ((1, 0), (2, 1)):
        failure = EmbeddingFailed(reason=EmbeddingFailure.GAVE_UP, detail="d", analysis_version=version, attempts=8)
        with running.service.work.on("alice", event.subject) as work:
            work.fold(event)
            work.record(new_event(failure, subject=event.subject, tenant_id="alice"))
        status = running.request("GET", "/vector-index/status", "alice").body
        assert (status["failed"], status["pending"]) == (failed, 1 - failed)
    assert_refolds(running.service, [event])


def test_a_claim_holds_for_its_text_alone_and_ends_with_its_item(running: Any, deleted: Any) -> None:
    def claims() -> list[str]:
        rows = running.service.database.connection().execute("SELECT item_id FROM rebuild_claims ORDER BY item_id")
        return [row["item_id"] for row in rows]

    kept, changed, gone = (running.describe("alice", f"item-{n}", headline=f"Picture {n}") for n in range(3))
    assert running.consume(kept, changed, gone) == 0
    answer = running.request("POST", "/vector-index/rebuild", "alice")
    (request,) = running.recorded("alice", answer.body["rebuild_id"])
    assert running.rebuild(request) == 0
    assert claims() == ["item-0", "item-1", "item-2"]
    same = running.describe("alice", kept.subject, headline="Picture 0", version=2)
    other = running.describe("alice", changed.subject, headline="Other", version=2)
    assert running.consume(same, other, deleted("alice", gone.subject)) == 0
    assert claims() == ["item-0"]
