"""Items through the HTTP entry point, over a real database and bucket."""

import base64
import hashlib
import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from ingest.api import http
from ingest.bootstrap import bootstrap
from ingest.filenames import content_disposition
from testkit import call

pytestmark = pytest.mark.integration

Png = Callable[[], bytes]


def test_an_upload_becomes_an_item_and_an_event(ingest: Any, tenant: str, png: Png) -> None:
    content = png()
    answer = ingest.upload(tenant, content, "C:\\holidays\\日本 😀.jpeg")
    assert answer.status == 200, answer.text
    item = answer.body
    assert item["original_filename"] == "日本 😀.jpeg"
    assert item["filename"] == f"{item['id']}.png", "the extension comes from the bytes"
    assert item["file_size"] == len(content)
    assert (item["mime_type"], item["status"], item["latest_analysis"]) == ("image/png", "uploaded", None)
    assert (item["status_reason"], item["duplicate_of"], item["thumbnail_url"]) == (None, None, None)
    assert ingest.objects(tenant) == [f"{tenant}/images/{item['filename']}"]
    [recorded] = ingest.rows("SELECT event FROM events WHERE tenant_id = %s", tenant)
    event = recorded["event"]
    assert event["type"] == "collections.ingest.item-uploaded.v1"
    assert (event["subject"], event["sequence"]) == (item["id"], "1")
    assert event["data"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert ingest.rows("SELECT 1 FROM outbox") == [], "it was published right after the commit"
    assert ingest.call("GET", f"/items/{item['id']}", tenant=tenant).body == item
    assert ingest.call("GET", "/items", tenant=tenant).body == {"items": [item], "total": 1, "next_cursor": None}


def test_the_same_bytes_again_name_the_oldest_living_item(
    ingest: Any, tenant: str, other_tenant: str, png: Png
) -> None:
    content = png()
    first, second, third = (ingest.upload(tenant, content).body for _ in range(3))
    assert (first["duplicate_of"], second["duplicate_of"], third["duplicate_of"]) == (None, first["id"], first["id"])
    assert ingest.upload(other_tenant, content).body["duplicate_of"] is None, (
        "another tenant's picture is not a duplicate"
    )
    assert ingest.call("DELETE", f"/items/{first['id']}", tenant=tenant).status == 200
    assert ingest.call("GET", f"/items/{second['id']}", tenant=tenant).body["duplicate_of"] is None
    assert ingest.call("GET", f"/items/{third['id']}", tenant=tenant).body["duplicate_of"] == second["id"]


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", "empty", "the file is empty"),
        (b"hello, I am a text called picture.png", "not-an-image", "send png"),
        (b"%PDF-1.7 ...", "unsupported-type", "a PDF document"),
        (b"BM" + bytes(64), "unsupported-type", "a BMP picture"),
    ],
)
def test_what_is_no_picture_is_400_and_leaves_nothing(
    ingest: Any, tenant: str, content: bytes, code: str, message: str
) -> None:
    answer = ingest.upload(tenant, content)
    assert answer.status == 400
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == f"urn:collections:problem:{code}"
    assert message in answer.body["detail"]
    assert ingest.objects(tenant) == []
    assert ingest.rows("SELECT 1 FROM events WHERE tenant_id = %s", tenant) == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("", b""),
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=file\r\n\r\nabc"),
        ("multipart/form-data; boundary=x", b"--x\r\nno headers\r\n--x--\r\n"),
    ],
)
def test_a_body_without_a_picture_is_400(ingest: Any, tenant: str, content_type: str, body: bytes) -> None:
    answer = ingest.call("POST", "/items", tenant=tenant, body=body, headers={"Content-Type": content_type})
    assert (answer.status, answer.body["type"]) == (400, "urn:collections:problem:malformed-upload"), answer.text


def test_a_picture_in_another_field_is_400(ingest: Any, tenant: str, png: Png) -> None:
    answer = ingest.upload(tenant, png(), field="image")
    assert answer.status == 400
    assert "'file'" in answer.body["detail"]


def test_a_picture_too_large_for_the_gateway_is_413_and_shown_the_way(ingest: Any, tenant: str, png: Png) -> None:
    answer = ingest.upload(tenant, png() + bytes(200_000))
    assert answer.status == 413
    assert "POST /items/uploads" in answer.body["detail"]
    assert answer.body["max_bytes"] == 200_000
    assert ingest.upload(tenant, (png() + bytes(200_000))[:200_000]).status == 200, "the limit itself is allowed"


def test_pages_by_cursor_neither_skip_nor_repeat(ingest: Any, tenant: str, png: Png) -> None:
    ids = [ingest.upload(tenant, png()).body["id"] for _ in range(7)]
    seen: list[str] = []
    query: dict[str, object] = {"limit": 3}
    while True:
        page = ingest.call("GET", "/items", tenant=tenant, **query).body
        seen += [item["id"] for item in page["items"]]
        # Something new on top must not shift what is below.
        ids.append(ingest.upload(tenant, png()).body["id"])
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == list(reversed(ids[:7]))


def test_pages_by_offset(ingest: Any, tenant: str, png: Png) -> None:
    ids = [ingest.upload(tenant, png()).body["id"] for _ in range(3)]
    page = ingest.call("GET", "/items", tenant=tenant, limit=2, offset=1).body
    assert [item["id"] for item in page["items"]] == [ids[1], ids[0]]
    assert page["total"] == 3
    assert ingest.call("GET", "/items", tenant=tenant, offset=3).body == {"items": [], "total": 3, "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"limit": 0}, 422),
        ({"limit": 101}, 422),
        ({"limit": "many"}, 422),
        ({"offset": -1}, 422),
        ({"status": "lost"}, 422),
        ({"q": ""}, 422),
        ({"q": "a\x00b"}, 422),
        ({"category": "a\x00b"}, 422),
        ({"cursor": "nonsense"}, 400),
        ({"cursor": base64.urlsafe_b64encode(b'["2026-01-01T00:00:00","x"]').decode()}, 400),
        ({"cursor": base64.urlsafe_b64encode(json.dumps(["2026-01-01T00:00:00Z", "x\x00"]).encode()).decode()}, 400),
    ],
)
def test_a_wrong_question_is_a_problem(ingest: Any, tenant: str, query: dict[str, object], status: int) -> None:
    answer = ingest.call("GET", "/items", tenant=tenant, **query)
    assert answer.status == status, answer.text
    assert set(answer.body) >= {"type", "title", "status", "detail"}


def test_a_cursor_and_an_offset_are_one_too_many(ingest: Any, tenant: str, png: Png) -> None:
    for _ in range(2):
        ingest.upload(tenant, png())
    cursor = ingest.call("GET", "/items", tenant=tenant, limit=1).body["next_cursor"]
    assert ingest.call("GET", "/items", tenant=tenant, cursor=cursor, offset=1).status == 400


def test_links_open_the_picture_and_pictures_can_be_embedded(ingest: Any, tenant: str, png: Png) -> None:
    content = png()
    item = ingest.upload(tenant, content).body
    filename = item["filename"]
    answer = ingest.call("GET", f"/images/{filename}", tenant=tenant)
    assert (answer.status, answer.body["expires_in"]) == (200, 3600)
    with urllib.request.urlopen(answer.body["url"]) as response:
        assert response.read() == content
        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["Content-Disposition"] == content_disposition(item["original_filename"])
    for size in ("large", "thumbnail"):
        assert ingest.call("GET", f"/images/{filename}", tenant=tenant, size=size).status == 409, "not made yet"
    shown = ingest.call("GET", f"/images/{filename}", tenant=tenant, headers={"Accept": "image/avif,image/*,*/*;q=0.8"})
    assert shown.status == 302
    with urllib.request.urlopen(shown.headers["Location"]) as response:
        assert response.read() == content
    both = {"accept": "application/json, image/*"}
    assert ingest.call("GET", f"/images/{filename}", tenant=tenant, headers=both).status == 200
    assert ingest.call("GET", f"/images/{filename}", tenant=tenant, size="huge").status == 422
    assert ingest.call("GET", "/images/nothing.png", tenant=tenant).status == 404


def test_a_deleted_item_is_gone_at_once(ingest: Any, tenant: str, png: Png) -> None:
    item = ingest.upload(tenant, png()).body
    answer = ingest.call("DELETE", f"/items/{item['id']}", tenant=tenant)
    assert (answer.status, answer.body) == (200, {"status": "deleted", "id": item["id"]})
    for path in (f"/items/{item['id']}", f"/items/{item['id']}/events", f"/images/{item['filename']}"):
        assert ingest.call("GET", path, tenant=tenant).status == 404
    assert ingest.call("DELETE", f"/items/{item['id']}", tenant=tenant).status == 404
    assert ingest.call("GET", "/items", tenant=tenant).body["total"] == 0
    types = [
        row["type"] for row in ingest.rows("SELECT type FROM events WHERE tenant_id = %s ORDER BY position", tenant)
    ]
    assert types == ["collections.ingest.item-uploaded.v1", "collections.ingest.item-deleted.v1"]


def test_another_user_sees_nothing_by_any_route(ingest: Any, tenant: str, other_tenant: str, png: Png) -> None:
    item = ingest.upload(tenant, png(), "secret name.png").body
    offered = ingest.post_json("/items/uploads", tenant, {"filename": "b", "media_type": "image/png", "bytes": 9}).body
    cursor = ingest.call("GET", "/items", tenant=tenant, limit=1).body["next_cursor"]
    assert cursor is None
    routes = [
        ("GET", f"/items/{item['id']}"),
        ("DELETE", f"/items/{item['id']}"),
        ("GET", f"/items/{item['id']}/events"),
        ("GET", f"/images/{item['filename']}"),
        ("GET", f"/items/{offered['item_id']}"),
    ]
    for method, path in routes:
        theirs, missing = (
            ingest.call(method, path.replace(item["id"], name), tenant=other_tenant) for name in (item["id"], "missing")
        )
        assert (theirs.status, missing.status) == (404, 404)
        assert theirs.text.replace(item["id"], "missing") == missing.text, "the same answer as for a missing one"
    for query in ({}, {"q": "secret"}, {"status": "uploaded"}):
        assert ingest.call("GET", "/items", tenant=other_tenant, **query).body["total"] == 0
    assert ingest.call("GET", f"/items/{item['id']}", tenant=tenant).body == item, "and nothing was changed by trying"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/items"),
        ("POST", "/items/uploads"),
        ("GET", "/items"),
        ("GET", "/items/x"),
        ("DELETE", "/items/x"),
        ("GET", "/items/x/events"),
        ("GET", "/images/x.png"),
    ],
)
def test_without_a_verified_token_every_route_is_401(ingest: Any, method: str, path: str) -> None:
    body = json.dumps({"filename": "a", "media_type": "image/png", "bytes": 1}).encode()
    answer = ingest.call(method, path, body=body, headers={"content-type": "application/json"})
    assert (answer.status, answer.body["status"]) == (401, 401)


def test_health_and_version_need_no_token(ingest: Any) -> None:
    health = ingest.call("GET", "/health")
    assert health.status == 200, health.text
    assert (
        health.body.items()
        >= {
            "status": "healthy",
            "environment": "local",
            "git_sha": "abc1234",
            "database": "postgresql",
        }.items()
    )
    assert "timestamp" in health.body
    version = ingest.call("GET", "/version").body
    assert set(version) == {"git_sha", "git_tag", "git_branch", "build_timestamp", "environment"}


@pytest.mark.parametrize(
    ("change", "checks"),
    [
        ({"images_bucket": "no-such-bucket"}, {"images": "NoSuchBucket"}),
        ({"database_port": 1}, {"database": "TransientError"}),
    ],
)
def test_health_is_503_when_something_is_gone(ingest: Any, change: dict[str, object], checks: dict[str, str]) -> None:
    broken = bootstrap(ingest.service.settings.model_copy(update=change), ingest.service.aws)
    answer = call(http(broken), "GET", "/health")
    assert (answer.status, answer.body["checks"]) == (503, checks)
    if "database" in checks:
        assert call(http(broken), "GET", "/items", "somebody").status == 503
    broken.database.close()


def test_the_documents_are_served_from_here(ingest: Any) -> None:
    page = ingest.call("GET", "/docs")
    assert page.status == 200
    assert page.headers["Content-Type"].startswith("text/html")
    assert "http" not in page.text.replace("http-equiv", ""), "nothing is loaded from another host"
    for name, media_type in (("swagger-ui.js", "text/javascript"), ("swagger-ui.css", "text/css")):
        assert f"docs/{name}" in page.text
        asset = ingest.call("GET", f"/docs/{name}")
        assert (asset.status, asset.headers["Content-Type"].split(";")[0]) == (200, media_type)
        assert len(asset.text) > 10_000
    assert ingest.call("GET", "/docs/../settings.py").status == 404
    document = ingest.call("GET", "/openapi.json")
    assert document.status == 200
    assert document.headers["Content-Type"] == "application/json"
    assert isinstance(document.body, dict)
