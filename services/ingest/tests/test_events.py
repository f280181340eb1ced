"""What the service does with events, delivered through the queue's entry point."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from contracts import REGISTRY, Contract, Event, ReplayKind, new_event, replayed
from contracts.analysis import AnalysisFailed, AnalysisFailure, Description, ItemAnalyzed
from contracts.embedding import ItemEmbedded, encode_vector
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, Rendition, RenditionKind
from contracts.ingest import ItemDeleted
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration

Png = Callable[[], bytes]
Events = list[Event[Contract]]


@pytest.fixture
def life(ingest: Any) -> Callable[[str, str], Events]:
    """The events of an uploaded item on its way to being searchable, each caused by the one before."""

    def events_of(tenant: str, item_id: str) -> Events:
        [row] = ingest.rows("SELECT event FROM events WHERE tenant_id = %s AND stream_id = %s", tenant, item_id)
        first = REGISTRY.read(row["event"])
        renditions = [
            Rendition(
                kind=kind, key=f"{tenant}/{kind}s/{item_id}.webp", media_type="image/webp", width=1, height=1, size=1
            )
            for kind in RenditionKind
        ]
        facts: list[Contract] = [
            ImageProcessed(
                filename=f"{item_id}.png",
                original_filename="a.png",
                media_type="image/png",
                sha256="0" * 64,
                width=40,
                height=30,
                renditions=tuple(renditions),
                phash="0" * 16,
            ),
            ItemAnalyzed(
                analysis_id=f"analysis-of-{item_id}",
                version=1,
                filename=f"{item_id}.png",
                original_filename="a.png",
                description=Description(category="Food & Drink", headline="Ramen_100%", summary="A bowl in Tokyo."),
                provider="anthropic",
                model="a-model",
                prompt_id="p",
                trace_id="trace",
            ),
            ItemEmbedded(
                vector=encode_vector([0.5]),
                dimensions=1,
                model="v",
                analysis_id=f"analysis-of-{item_id}",
                analysis_version=1,
            ),
        ]
        events = [first]
        for data in facts:
            event = new_event(data, subject=item_id, tenant_id=tenant, cause=events[-1])
            events.append(replace(event, sequence=1))
        return events

    return events_of


def test_an_item_comes_all_the_way(ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]) -> None:
    uploaded = ingest.upload(tenant, png(), "lunch.png").body
    path, filename = f"/items/{uploaded['id']}", uploaded["filename"]
    events = life(tenant, uploaded["id"])
    seen = [uploaded["status"]]
    for event in events[1:]:
        assert ingest.consume(event) == []
        seen.append(ingest.call("GET", path, tenant=tenant).body["status"])
    assert seen == ["uploaded", "processed", "analyzed", "searchable"]
    item = ingest.call("GET", path, tenant=tenant).body
    assert (item["width"], item["height"]) == (40, 30)
    assert item["thumbnail_url"] == f"/images/{filename}?size=thumbnail"
    assert datetime.fromisoformat(item["updated_at"]) == events[-1].time
    analysis = item["latest_analysis"]
    assert analysis["raw_response"]["headline"] == "Ramen_100%"
    assert analysis["raw_response"]["image_details"]["objects"] == []
    expected = {
        "id": f"analysis-of-{item['id']}",
        "item_id": item["id"],
        "version": 1,
        "category": "Food & Drink",
        "summary": "A bowl in Tokyo.",
        "provider_used": "anthropic",
        "model_used": "a-model",
        "trace_id": "trace",
    }
    assert analysis.items() >= expected.items()
    for size, folder in (("thumbnail", "thumbnails"), ("large", "models"), ("original", "images")):
        link = ingest.call("GET", f"/images/{filename}", tenant=tenant, size=size).body["url"]
        assert f"/{tenant}/{folder}/" in link


def test_the_history_names_every_step(
    ingest: Any, tenant: str, other_tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    events = life(tenant, item_id)
    ingest.consume(*reversed(events))
    ingest.consume(events[2])
    answer = ingest.call("GET", f"/items/{item_id}/events", tenant=tenant).body
    assert (answer["item_id"], answer["status"]) == (item_id, "searchable")
    assert [entry["producer"] for entry in answer["events"]] == ["ingest", "imaging", "analysis", "embedding"]
    assert [entry["type"] for entry in answer["events"]] == [event.type for event in events]
    assert [entry["outcome"].split(":")[0] for entry in answer["events"]] == [
        "stored",
        "processed",
        "described",
        "embedded",
    ]
    gaps = [round((late.time - early.time).total_seconds() * 1000) for early, late in pairwise(events)]
    assert [entry["duration_ms"] for entry in answer["events"]] == [None, *gaps]


def test_any_order_and_repetition_end_in_the_same_rows(
    ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    wanted: list[dict[str, Any]] = []
    for seed in range(8):
        item_id = ingest.upload(tenant, png()).body["id"]
        events = life(tenant, item_id)
        shuffled = random.Random(seed).sample(events * 2, k=8)
        assert ingest.consume(*shuffled) == []
        rows = ingest.rows(
            "SELECT category, status, searchable_text, state->'picture'->'width' AS width FROM items WHERE id = %s",
            item_id,
        )
        wanted += [rows[0]]
        assert len(ingest.rows("SELECT 1 FROM item_history WHERE item_id = %s", item_id)) == 4
    assert len(wanted) == 8
    assert all(row == wanted[0] for row in wanted)
    assert wanted[0]["status"] == "searchable"


def test_a_replay_fills_an_empty_projection(
    ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    events = life(tenant, item_id)
    ingest.consume(*events)
    before = ingest.rows("SELECT * FROM items WHERE tenant_id = %s", tenant)
    history = ingest.rows("SELECT * FROM item_history WHERE tenant_id = %s ORDER BY event_id", tenant)
    ingest.rows("WITH gone AS (DELETE FROM items WHERE tenant_id = %s RETURNING 1) SELECT * FROM gone", tenant)
    ingest.rows("WITH gone AS (DELETE FROM item_history WHERE tenant_id = %s RETURNING 1) SELECT * FROM gone", tenant)
    assert ingest.call("GET", f"/items/{item_id}", tenant=tenant).status == 404
    again = [replayed(event, replay_id="replay-1", replay_for="ingest") for event in reversed(events)]
    assert ingest.consume(*again[:-1]) == []
    assert ingest.call("GET", f"/items/{item_id}", tenant=tenant).status == 404, "not before its upload was consumed"
    assert ingest.call("GET", "/items", tenant=tenant).body["total"] == 0
    assert ingest.consume(again[-1]) == []
    assert ingest.rows("SELECT * FROM items WHERE tenant_id = %s", tenant) == before
    assert ingest.rows("SELECT * FROM item_history WHERE tenant_id = %s ORDER BY event_id", tenant) == history


def test_filters(ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]) -> None:
    described = ingest.upload(tenant, png(), "lunch.png").body["id"]
    plain = ingest.upload(tenant, png(), "RamenX100Y.png").body["id"]
    ingest.consume(*life(tenant, described))

    def found(**query: object) -> list[str]:
        page = ingest.call("GET", "/items", tenant=tenant, **query).body
        assert page["total"] == len(page["items"])
        return [item["id"] for item in page["items"]]

    assert found(q="ramen") == [plain, described], "in the name of one and the headline of the other"
    assert found(q="Ramen_100%") == [described], "signs of patterns mean themselves"
    assert found(q="tokyo") == [described]
    assert found(q="\\") == []
    assert found(category="food & drink") == [described]
    assert found(category="Food") == []
    assert found(status="searchable") == [described]
    assert found(status="uploaded", q="ramen") == [plain]


def test_a_rejected_picture_has_a_reason(ingest: Any, tenant: str, png: Png) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    rejected = ImageRejected(reason=ImageRejection.TRUNCATED, detail="The file ends in the middle.")
    ingest.consume(replace(new_event(rejected, subject=item_id, tenant_id=tenant), sequence=1))
    item = ingest.call("GET", f"/items/{item_id}", tenant=tenant).body
    assert (item["status"], item["status_reason"]) == ("rejected", "The file ends in the middle.")


def test_a_failed_new_analysis_does_not_hide_a_searchable_item(
    ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    ingest.consume(*life(tenant, item_id))
    failed = AnalysisFailed(
        reason=AnalysisFailure.REFUSED, detail="The model refused.", attempts=1, provider="openai", model="m"
    )
    ingest.consume(replace(new_event(failed, subject=item_id, tenant_id=tenant), sequence=2))
    item = ingest.call("GET", f"/items/{item_id}", tenant=tenant).body
    assert (item["status"], item["status_reason"]) == ("searchable", "the newest analysis failed: The model refused.")
    assert item["latest_analysis"]["version"] == 1


def test_a_deletion_reaches_the_bucket_and_stays(
    ingest: Any, tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    events = life(tenant, item_id)
    ingest.consume(*events[:2])
    ingest.call("DELETE", f"/items/{item_id}", tenant=tenant)
    [row] = ingest.rows("SELECT event FROM events WHERE tenant_id = %s AND stream_version = 2", tenant)
    deleted = REGISTRY.read(row["event"])
    assert isinstance(deleted.data, ItemDeleted)
    assert len(ingest.objects(tenant)) == 1, "until the service consumes it"
    assert ingest.consume(deleted, deleted) == []
    assert ingest.objects(tenant) == []
    ingest.consume(*events, *[replayed(event, replay_id="replay-2", replay_for="ingest") for event in events], deleted)
    for table in ("items", "item_history", "uploads"):
        assert ingest.rows(f"SELECT 1 FROM {table} WHERE tenant_id = %s", tenant) == []
    assert ingest.call("GET", f"/items/{item_id}", tenant=tenant).status == 404


def test_an_event_of_another_tenant_does_not_touch_the_item(
    ingest: Any, tenant: str, other_tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    before = ingest.call("GET", f"/items/{item_id}", tenant=tenant).body
    foreign = [replace(event, tenant_id=other_tenant, id=f"foreign-{event.id}") for event in life(tenant, item_id)]
    foreign.append(new_event(ItemDeleted(), subject=item_id, tenant_id=other_tenant))
    assert ingest.consume(*foreign) == []
    assert ingest.call("GET", f"/items/{item_id}", tenant=tenant).body == before
    assert len(ingest.objects(tenant)) == 1
    assert ingest.call("GET", "/items", tenant=other_tenant).body["total"] == 0


def test_a_replayed_deletion_reaches_the_bucket_only_where_that_is_ordered(ingest: Any, tenant: str, png: Png) -> None:
    item_id = ingest.upload(tenant, png()).body["id"]
    deleted = new_event(ItemDeleted(), subject=item_id, tenant_id=tenant)
    assert ingest.consume(replayed(deleted, replay_id="replay-1", replay_for="ingest")) == []
    assert ingest.call("GET", f"/items/{item_id}", tenant=tenant).status == 404
    assert len(ingest.objects(tenant)) == 1, "a rebuild folds and removes nothing"
    again = replayed(deleted, replay_id="replay-2", replay_for="ingest", kind=ReplayKind.REPROCESS)
    assert ingest.consume(again) == []
    assert ingest.objects(tenant) == []


def test_the_projections_can_be_folded_again(
    ingest: Any, tenant: str, other_tenant: str, png: Png, life: Callable[[str, str], Events]
) -> None:
    content = png()
    uploads = [
        (owner, ingest.upload(owner, content, f"{number}.png").body["id"])
        for number, owner in enumerate((tenant, tenant, tenant, other_tenant))
    ]
    consumed = [event for owner, item_id in uploads for event in life(owner, item_id)]
    failed = AnalysisFailed(
        reason=AnalysisFailure.REFUSED, detail="The model refused.", attempts=1, provider="openai", model="m"
    )
    consumed.append(replace(new_event(failed, subject=uploads[1][1], tenant_id=tenant), sequence=2))
    for start in range(0, len(consumed), 10):
        assert ingest.consume(*consumed[start : start + 10]) == []
    asked = {"filename": "big.png", "media_type": "image/png", "bytes": 100}
    for content in (png(), b"this is a text"):
        item_id = ingest.post_json("/items/uploads", tenant, asked).body["item_id"]
        ingest.service.images.put(f"{tenant}/uploads/{item_id}", content, "image/png")
        assert ingest.arrive(ingest.next_arrival()) == []
    assert ingest.call("DELETE", f"/items/{uploads[0][1]}", tenant=tenant).status == 200
    assert len(ingest.rows("SELECT 1 FROM items")) == 5
    assert_refolds(ingest.service, consumed)
    assert len(ingest.rows("SELECT 1 FROM uploads")) == 2, "bookkeeping is not folded"
