"""Projections apart from reactions: a rebuild folds and asks no model, and every table can be folded again."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from analysis.describe import Result
from analysis.providers import Choice
from analysis.repository import analyses, rejections
from analysis.repository.analyses import AnalysisRecord
from analysis.repository.rejections import Rejection
from chassis.store import read_stream
from contracts import Event, ReplayKind, new_event, replayed
from contracts.analysis import AnalysisFailed, AnalysisRequested, Description, ItemAnalyzed
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, RenditionKind
from contracts.ingest import ItemDeleted
from testkit.refolding import assert_refolds, empty_projections

pytestmark = pytest.mark.integration

Deleted = Callable[[str, str], Event[ItemDeleted]]


def rows(running: Any, table: str) -> int:
    return int(running.service.database.connection().execute(f"SELECT count(*) AS n FROM {table}").fetchone()["n"])


def test_a_rebuild_folds_the_picture_and_never_describes_it(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    assert running.consume(replayed(event, replay_id="r1", replay_for="analysis")) == 0
    assert (rows(running, "pictures"), rows(running, "analyses"), rows(running, "leases")) == (1, 0, 0)
    assert running.recorded("alice", event.subject) == []
    assert providers.requests() == []


def test_a_picture_without_a_rendition_for_models_is_a_dead_letter_and_no_row(running: Any) -> None:
    event = running.upload("alice")
    (rendition,) = event.data.renditions
    thumbnail = rendition.model_copy(update={"kind": RenditionKind.THUMBNAIL})
    data = event.data.model_copy(update={"renditions": (thumbnail,)})
    assert running.consume(new_event(data, subject=event.subject, tenant_id="alice")) == 0
    assert running.dead_letters() == ["no-model-rendition"]
    assert rows(running, "pictures") == 0


def test_a_description_is_read_as_it_was_kept(running: Any) -> None:
    result = Result(
        description=Description(category="Food", headline="Ramen", summary="A bowl of ramen."),
        provider="openai",
        model="m",
        prompt_id="p@1",
        trace_id="t",
        input_tokens=11,
        output_tokens=7,
        cost_usd=0.0375,
    )
    kept = AnalysisRecord("a-1", "i-1", 3, "a" * 64, result, datetime(2026, 2, 1, 1, 2, 3, tzinfo=UTC))
    with running.service.database.transaction() as connection:
        analyses.add(connection, "alice", kept)
        assert analyses.find(connection, "alice", "a-1") == analyses.find_latest(connection, "alice", "i-1") == kept
        choice = Choice("openai", "m")
        assert analyses.find_result(connection, "alice", "a" * 64, "p@1", choice) == result
        assert analyses.find(connection, "bob", "a-1") is None


def test_a_description_without_a_hash_counts_for_its_item_alone(running: Any, providers: Any) -> None:
    described, old, same = (running.upload(tenant) for tenant in ("alice", "bob", "bob"))
    assert running.consume(described) == 0
    (analyzed,) = running.recorded("alice", described.subject)
    before = analyzed.data.model_copy(update={"analysis_id": "from-before-1.1", "sha256": None})
    with running.service.work.on("bob", old.subject) as work:
        work.fold(old)
        work.record(new_event(before, subject=old.subject, tenant_id="bob"))
    again = new_event(old.data, subject=old.subject, tenant_id="bob")
    reprocessed = replayed(old, replay_id="r1", replay_for="analysis", kind=ReplayKind.REPROCESS)
    assert running.consume(again, reprocessed) == 0
    assert len(running.recorded("bob", old.subject)) == len(providers.requests("anthropic")) == 1
    assert running.consume(same) == 0
    assert len(providers.requests("anthropic")) == 2
    assert_refolds(running.service, [described, old, again, same])


def test_a_description_made_during_a_rebuild_takes_no_version_that_was_given(running: Any, providers: Any) -> None:
    event = running.upload("alice")
    assert running.consume(event) == 0
    empty_projections(running.service)
    with running.service.work.on("alice", event.subject) as work:
        work.fold(event)
    route = ("POST", f"/items/{event.subject}/analyze", "alice")
    assert running.request(*route, query={"force_reanalyze": "true"}).body["version"] == 2
    with running.service.work.on("alice", event.subject) as work:
        for fact in running.recorded("alice", event.subject):
            work.fold(fact)
    assert_refolds(running.service, [event])


def test_of_several_rejections_the_newest_is_kept_in_any_order(running: Any) -> None:
    item, at = str(uuid.uuid4()), datetime(2026, 2, 1, tzinfo=UTC)
    older, newer = (
        new_event(
            ImageRejected(reason=ImageRejection.CORRUPT, detail=detail), subject=item, tenant_id="alice", time=time
        )
        for detail, time in (("older", at), ("newer", at + timedelta(seconds=1)))
    )
    for order in ((older, newer), (newer, older), (newer, newer)):
        empty_projections(running.service)
        with running.service.work.on("alice", item) as work:
            for event in order:
                work.fold(event)
            assert rejections.find(work.connection, "alice", item) == Rejection("corrupt", "newer")
            assert rejections.find(work.connection, "bob", item) is None
    with running.service.work.on("alice", item) as work:
        rejections.delete(work.connection, "bob", item)
        assert rejections.find(work.connection, "alice", item) is not None
        rejections.delete(work.connection, "alice", item)
        assert rejections.find(work.connection, "alice", item) is None


def test_no_lease_outlives_its_work(running: Any, providers: Any) -> None:
    described, refused, limited = (running.upload("alice", colour=colour) for colour in ("red", "green", "blue"))
    assert running.consume(described) == 0
    providers.fault(provider="anthropic", kind="refusal", count=1)
    assert running.consume(refused) == 0
    providers.fault(provider="anthropic", kind="status", status=529, count=1)
    assert running.consume(limited) == 1
    assert rows(running, "pictures") == 3
    assert rows(running, "leases") == 0


def test_the_projections_can_be_folded_again(start: Callable[..., Any], providers: Any, deleted: Deleted) -> None:
    running = start()
    first, same, failing, gone, foreign = (
        running.upload(tenant, colour=colour)
        for tenant, colour in (
            ("alice", "red"),
            ("alice", "red"),
            ("alice", "green"),
            ("alice", "blue"),
            ("bob", "red"),
        )
    )
    consumed: list[Event[Any]] = [first, same, gone, foreign]
    for event in consumed:
        assert running.consume(event) == 0
    providers.fault(provider="anthropic", kind="refusal", count=1)
    assert running.consume(failing) == 0
    renditions: Event[ImageProcessed] = new_event(first.data, subject=first.subject, tenant_id="alice")
    asked = new_event(AnalysisRequested(force=True, model="gpt-4o"), subject=first.subject, tenant_id="alice")
    consumed += [failing, renditions, asked, deleted("alice", gone.subject)]
    assert running.consume(*consumed[-3:]) == 0
    forced = running.request("POST", f"/items/{same.subject}/analyze", "alice", query={"force_reanalyze": "true"})
    assert forced.body["version"] == 2
    late = running.request(
        "POST",
        f"/items/{first.subject}/analyze",
        "alice",
        headers={"prefer": "respond-async"},
        query={"force_reanalyze": "true"},
    )
    assert late.status == 202
    own = [
        recorded.data
        for event in (first, same, failing, gone, foreign)
        for recorded in read_stream(running.service.database.connection(), event.tenant_id, event.subject)
    ]
    assert {type(data) for data in own} == {ItemAnalyzed, AnalysisFailed, AnalysisRequested}
    assert (rows(running, "pictures"), rows(running, "analyses")) == (4, 5)
    assert_refolds(running.service, consumed)
