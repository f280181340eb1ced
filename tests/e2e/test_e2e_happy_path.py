"""From an uploaded picture to an answer, through the HTTP API, with the small real models behind it."""

import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from localmesh.pictures import make_pictures
from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

ONE_OF_EACH_KIND = {
    "receipt-shibuya.png", "receipt-paris.jpg", "poster-jazz-tokyo.png", "lake.webp", "espresso.avif", "portrait.jpg",
    "broken.jpg",
}  # fmt: skip
STEPS = ["uploaded", "processed", "analyzed", "searchable"]


@pytest.fixture(scope="module")
def collection(
    mesh: RunningMesh, tmp_path_factory: pytest.TempPathFactory, whole: bool
) -> tuple[Api, dict[str, dict[str, Any]]]:
    """A user with the demo pictures (on a push, one of each kind), all of them where they end."""
    api = mesh.new_user()
    pictures = [
        picture
        for picture in make_pictures(tmp_path_factory.mktemp("pictures"))
        if whole or picture.name in ONE_OF_EACH_KIND
    ]
    uploaded = {picture.name: api.upload(picture.path) for picture in pictures}
    final = api.follow([item["id"] for item in uploaded.values()], timeout_s=240)
    outcomes = {picture.name: final[uploaded[picture.name]["id"]]["status"] for picture in pictures}
    assert outcomes == {picture.name: picture.outcome for picture in pictures}
    return api, {name: api.item(item["id"]) for name, item in uploaded.items()}


Collection = tuple[Api, dict[str, dict[str, Any]]]


def test_every_picture_ends_where_it_should(collection: Collection, mesh: RunningMesh) -> None:
    api, items = collection
    assert len(items) >= len(ONE_OF_EACH_KIND)
    listed = api.json("GET", "/items", params={"limit": 100})
    assert listed["total"] == len(items)
    assert {item["id"] for item in listed["items"]} == {item["id"] for item in items.values()}
    rejected = [item for item in items.values() if item["status"] == "rejected"]
    assert rejected
    assert all(item["status_reason"] for item in rejected)
    assert mesh.dead_letters() == {}


def test_descriptions_have_the_shape_of_the_contract(collection: Collection) -> None:
    _, items = collection
    for item in items.values():
        if item["status"] != "searchable":
            continue
        analysis = item["latest_analysis"]
        raw = analysis["raw_response"]
        assert (analysis["item_id"], analysis["version"]) == (item["id"], 1)
        assert raw["category"] == analysis["category"]
        assert 2 <= len(raw["subcategories"]) <= 3
        assert 0 < len(raw["headline"]) <= 140
        assert {"original_poster", "tagged_accounts", "location_tags", "audio_source", "hashtags"} <= set(
            raw["media_metadata"]
        )
        assert "extracted_text" in raw["image_details"]


def test_the_history_shows_what_happened(collection: Collection) -> None:
    api, items = collection
    item = next(item for item in items.values() if item["status"] == "searchable")
    history = api.json("GET", f"/items/{item['id']}/events")
    events = history["events"] if isinstance(history, dict) else history
    types = [event["type"] for event in events]
    for fact in ("item-uploaded", "image-processed", "item-analyzed", "item-embedded"):
        assert any(fact in event_type for event_type in types), f"{fact} is missing from {types}"


@pytest.mark.parametrize("search_type", ["bm25", "vector", "hybrid", "agentic"])
def test_search_finds_what_was_read_in_the_pictures(search_type: str, collection: Collection) -> None:
    api, items = collection
    answer = api.search("receipt from a café in Tokyo", search_type=search_type, top_k=5)
    assert answer["search_type"] == search_type
    assert answer["total_results"] == len(answer["results"]) > 0
    ids = {item["id"]: name for name, item in items.items()}
    assert "receipt" in ids[answer["results"][0]["item_id"]]
    assert [result["rank"] for result in answer["results"]] == list(range(1, len(answer["results"]) + 1))
    assert set(answer["citations"] or []) <= set(ids)
    if search_type == "agentic":
        assert answer["tools_used"]


def test_links_lead_to_the_pictures(collection: Collection) -> None:
    api, items = collection
    item = next(item for item in items.values() if item["status"] == "searchable")
    for size in ("original", "large", "thumbnail"):
        link = api.json("GET", f"/images/{item['filename']}", params={"size": size})
        picture = httpx.get(link["url"])
        assert picture.status_code == 200
        assert picture.headers["content-type"].startswith("image/")
        assert link["expires_in"] == 3600
    redirect = api.request("GET", f"/images/{item['filename']}", headers={"Accept": "image/*"})
    assert redirect.status_code == 302


def test_a_conversation_remembers(collection: Collection) -> None:
    api, items = collection
    session = str(uuid.uuid4())
    first = api.chat(session, "Which receipts do I have?")
    second = api.chat(session, "And which of those are in Tokyo?")
    assert (first["conversation_turn"], second["conversation_turn"]) == (1, 2)
    names = {item["id"]: name for name, item in items.items()}
    found = {names[result["item_id"]] for result in second["search_results"]}
    assert any("receipt" in name for name in found)
    assert "Tokyo" in second["message"]["content"] or "Shibuya" in second["message"]["content"]
    assert "Paris" not in second["message"]["content"]


def test_the_second_question_alone_means_nothing(collection: Collection) -> None:
    """The control of the test above: without the first turn the answer cannot be about receipts in particular."""
    api, _ = collection
    alone = api.chat(str(uuid.uuid4()), "And which of those are in Tokyo?")
    assert alone["conversation_turn"] == 1


def test_conversations_are_listed_shown_and_deleted(collection: Collection, mesh: RunningMesh) -> None:
    api, _ = collection
    session = str(uuid.uuid4())
    api.chat(session, "Which posters do I have?")

    def listed() -> bool:
        sessions = api.json("GET", "/chat/sessions")["sessions"]
        return any(entry["session_id"] == session and entry["message_count"] == 2 for entry in sessions)

    eventually(listed)
    history = api.json("GET", f"/chat/{session}/history")
    assert [message["role"] for message in history["messages"]] == ["user", "assistant"]
    assert history["messages"][0]["content"] == "Which posters do I have?"
    assert api.json("DELETE", f"/chat/{session}")["status"] == "deleted"
    # 503 while anybody's turns wait in the queue.
    eventually(lambda: api.request("GET", f"/chat/{session}/history").status_code == 404)
    eventually(lambda: api.request("DELETE", f"/chat/{session}").status_code == 404)
    # Its memory goes too: the same id begins again at turn 1.
    table = mesh.provisioned.tables["checkpoints"]
    dynamodb = mesh.aws("dynamodb")
    eventually(lambda: not any(session in str(row) for row in dynamodb.scan(TableName=table)["Items"]))


def test_analyses_have_versions(collection: Collection) -> None:
    api, items = collection
    item = next(item for name, item in items.items() if item["status"] == "searchable" and "receipt" in name)
    first = api.json("POST", f"/items/{item['id']}/analyze")
    assert first["id"] == item["latest_analysis"]["id"]
    second = api.json("POST", f"/items/{item['id']}/analyze", params={"force_reanalyze": "true"})
    assert second["version"] == first["version"] + 1
    versions = api.json("GET", f"/items/{item['id']}/analyses")
    assert [analysis["version"] for analysis in versions][:2] == [second["version"], first["version"]]
    assert api.json("GET", f"/analyses/{first['id']}") == next(a for a in versions if a["id"] == first["id"])


def test_a_rebuild_embeds_everything_again(collection: Collection, mesh: RunningMesh) -> None:
    api, items = collection
    before = len(mesh.rows("SELECT 1 FROM embedding.events WHERE type LIKE %s", "%item-embedded%"))
    started = api.request("POST", "/vector-index/rebuild")
    assert started.status_code == 202
    searchable = sum(item["status"] == "searchable" for item in items.values())
    assert started.json()["num_documents"] == searchable

    def rebuilt() -> Any:
        return len(mesh.rows("SELECT 1 FROM embedding.events WHERE type LIKE %s", "%item-embedded%")) >= (
            before + searchable
        )

    eventually(rebuilt)
    status = api.json("GET", "/vector-index/status")
    assert status["embedded"] == searchable
    assert status["failed"] == 0


def test_the_predecessors_public_routes_answer(mesh: RunningMesh) -> None:
    api = Api(mesh.provisioned.api_url, None)
    health = api.json("GET", "/health")
    assert (health["status"], health["database"]) == ("healthy", "postgresql")
    assert {"git_sha", "git_tag", "git_branch", "build_timestamp", "environment"} <= set(api.json("GET", "/version"))
    assert api.json("GET", "/openapi.json")["openapi"].startswith("3.1")
    assert "html" in api.request("GET", "/docs").headers["content-type"]


def test_upload_of_a_picture_larger_than_the_gateway_takes(mesh: RunningMesh, tmp_path: Path) -> None:
    """Straight to S3 with the form of POST /items/uploads; the item appears when the upload ends."""
    import os

    from PIL import Image

    api = mesh.new_user()
    path = tmp_path / "large.png"
    Image.frombytes("RGB", (1800, 1400), os.urandom(1800 * 1400 * 3)).save(path, compress_level=0)
    size = path.stat().st_size
    assert size > 6_000_000
    form = api.json("POST", "/items/uploads", json={"filename": "large.png", "media_type": "image/png", "bytes": size})
    answer = httpx.post(form["url"], data=form["fields"], files={"file": path.read_bytes()}, timeout=60)
    assert answer.status_code in {200, 201, 204}
    item_id = form["item_id"]
    eventually(lambda: api.request("GET", f"/items/{item_id}").status_code == 200)
    final = api.follow([item_id])[item_id]
    assert (final["status"], final["original_filename"], final["file_size"]) == ("searchable", "large.png", size)
    assert not mesh.keys(f"uploads/{item_id}")
