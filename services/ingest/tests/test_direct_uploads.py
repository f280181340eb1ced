"""Direct uploads: a form from the API, a real POST to the bucket, and S3's own event in the queue."""

import hashlib
import json
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest

from ingest import direct_uploads
from ingest.bootstrap import bootstrap

pytestmark = pytest.mark.integration

Png = Callable[[], bytes]


def offer(ingest: Any, tenant: str, content: bytes, **fields: object) -> Any:
    request = {"filename": "dir/big photo.png", "media_type": "image/png", "bytes": len(content), **fields}
    answer = ingest.post_json("/items/uploads", tenant, request)
    assert answer.status == 200, answer.text
    return answer.body


def send(form: Any, content: bytes) -> int:
    """POST the form as a browser does; the status."""
    boundary = "frontier"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in form["fields"].items()
    ]
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'.encode()
    body = b"".join(parts) + head + content + f"\r\n--{boundary}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    try:
        with urllib.request.urlopen(urllib.request.Request(form["url"], body, headers)) as response:
            status: int = response.status
            return status
    except urllib.error.HTTPError as error:
        return error.code


def test_a_direct_upload_becomes_an_item(ingest: Any, tenant: str, png: Png) -> None:
    content = png() + bytes(300_000)
    form = offer(ingest, tenant, content, sha256=hashlib.sha256(content).hexdigest().upper())
    path = f"/items/{form['item_id']}"
    assert (form["method"], form["max_bytes"], form["expires_in"]) == ("POST", len(content), 3600)
    assert ingest.call("GET", path, tenant=tenant).status == 409, "not before the upload ends"
    assert send(form, content) in (200, 201, 204)
    arrival = ingest.next_arrival()
    assert ingest.arrive(arrival) == []
    item = ingest.call("GET", path, tenant=tenant).body
    assert (item["status"], item["original_filename"], item["mime_type"]) == ("uploaded", "big photo.png", "image/png")
    assert item["file_size"] == len(content)
    assert ingest.objects(tenant) == [f"{tenant}/images/{form['item_id']}.png"], "the landing zone is clear"
    [row] = ingest.rows("SELECT event FROM events WHERE tenant_id = %s", tenant)
    [asked] = ingest.rows("SELECT correlation_id, ended_at FROM uploads WHERE tenant_id = %s", tenant)
    assert row["event"]["type"] == "collections.ingest.item-uploaded.v1"
    assert row["event"]["correlationid"] == asked["correlation_id"], "the thread goes on from who asked"
    assert asked["ended_at"] is not None
    # S3 announces at least once, and the form can be sent again within its life.
    assert ingest.arrive(arrival, arrival) == []
    assert send(form, png() + bytes(10)) in (200, 201, 204)
    assert ingest.arrive(ingest.next_arrival()) == []
    assert ingest.objects(tenant) == [f"{tenant}/images/{form['item_id']}.png"]
    assert len(ingest.rows("SELECT 1 FROM events WHERE tenant_id = %s", tenant)) == 1
    assert ingest.call("GET", path, tenant=tenant).body == item
    assert ingest.dead_letters() == []


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        (b"this is a text", {}, "this is not a picture"),
        (b"%PDF-1.7", {}, "a PDF document"),
        (b"\x89PNG\r\n\x1a\n1234", {"sha256": "0" * 64}, "the sha256 of what arrived is not"),
    ],
)
def test_a_bad_direct_upload_is_a_rejected_item(
    ingest: Any, tenant: str, other_tenant: str, content: bytes, fields: dict[str, object], reason: str
) -> None:
    form = offer(ingest, tenant, content, **fields)
    path = f"/items/{form['item_id']}"
    assert send(form, content) in (200, 201, 204)
    assert ingest.arrive(ingest.next_arrival()) == []
    item = ingest.call("GET", path, tenant=tenant).body
    assert item["status"] == "rejected"
    assert reason in item["status_reason"]
    assert (item["mime_type"], item["file_size"], item["filename"]) == (None, len(content), form["item_id"])
    assert ingest.objects(tenant) == [], "nothing of it is kept"
    assert ingest.call("GET", "/items", tenant=tenant, status="rejected").body["total"] == 1
    assert ingest.call("GET", path, tenant=other_tenant).status == 404
    assert ingest.call("GET", f"/images/{item['filename']}", tenant=tenant).status == 404
    [row] = ingest.rows("SELECT type FROM events WHERE tenant_id = %s", tenant)
    assert row["type"] == "collections.ingest.upload-rejected.v1"
    assert ingest.call("DELETE", path, tenant=tenant).status == 200
    assert ingest.call("GET", path, tenant=tenant).status == 404


def test_the_form_takes_no_more_than_was_announced(ingest: Any, tenant: str, png: Png) -> None:
    content = png()
    form = offer(ingest, tenant, content)
    assert send(form, content + b"!") in (400, 403, 413)
    assert ingest.objects(tenant) == []


def test_a_larger_object_than_allowed_is_rejected_unread(
    ingest: Any, tenant: str, monkeypatch: pytest.MonkeyPatch, png: Png
) -> None:
    content = png()
    form = offer(ingest, tenant, content)
    send(form, content)
    arrival = ingest.next_arrival()
    narrow = bootstrap(ingest.service.settings.model_copy(update={"max_direct_bytes": 10}), ingest.service.aws)
    monkeypatch.setattr(narrow.images, "get", lambda key: pytest.fail("it was read"))
    direct_uploads.accept_arrival(narrow, direct_uploads.read_arrival(arrival))
    narrow.database.close()
    item = ingest.call("GET", f"/items/{form['item_id']}", tenant=tenant).body
    assert (item["status"], item["file_size"]) == ("rejected", len(content))
    assert "at most 10" in item["status_reason"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"media_type": "application/pdf"}, 400),
        ({"media_type": "image/svg+xml"}, 400),
        ({"bytes": 400_001}, 413),
        ({"bytes": 0}, 422),
        ({"bytes": "many"}, 422),
        ({"filename": ""}, 422),
        ({"filename": None}, 422),
        ({"filename": "\ud800"}, 422),
        ({"sha256": "abc"}, 422),
    ],
)
def test_what_cannot_be_uploaded_gets_no_form(ingest: Any, tenant: str, change: dict[str, object], status: int) -> None:
    request = {"filename": "a.png", "media_type": "image/png", "bytes": 400_000, **change}
    answer = ingest.post_json("/items/uploads", tenant, request)
    assert answer.status == status, answer.text
    assert ingest.rows("SELECT 1 FROM uploads WHERE tenant_id = %s", tenant) == []


def arrival_of(bucket: str, key: str) -> str:
    """An S3 event as EventBridge puts it into the queue."""
    return json.dumps(
        {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
        }
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("not json", "not-an-object-event"),
        ("[]", "not-an-object-event"),
        ('{"detail": {}}', "not-an-object-event"),
        (arrival_of("BUCKET", "somebody/images/x.png"), "foreign-key"),
        (arrival_of("BUCKET", "somebody/uploads/a/b"), "foreign-key"),
        (arrival_of("BUCKET", "/uploads/x"), "foreign-key"),
        (arrival_of("another-bucket", "somebody/uploads/x"), "foreign-bucket"),
        (arrival_of("BUCKET", "somebody/uploads/nobody-asked"), "unknown-upload"),
    ],
)
def test_what_is_no_upload_goes_to_the_dead_letters_with_its_reason(ingest: Any, body: str, reason: str) -> None:
    body = body.replace("BUCKET", ingest.bucket)
    assert ingest.arrive(body) == []
    assert ingest.dead_letters() == [(reason, body)]


def test_an_encoded_key_is_understood(ingest: Any, tenant: str, png: Png) -> None:
    content = png()
    form = offer(ingest, tenant, content)
    send(form, content)
    ingest.next_arrival()
    assert ingest.arrive(arrival_of(ingest.bucket, f"{tenant}%2Fuploads%2F{form['item_id']}")) == []
    assert ingest.call("GET", f"/items/{form['item_id']}", tenant=tenant).status == 200


def test_an_arrival_after_the_deletion_leaves_nothing(ingest: Any, tenant: str, png: Png) -> None:
    content = png()
    form = offer(ingest, tenant, content)
    send(form, content)
    arrival = ingest.next_arrival()
    ingest.arrive(arrival)
    assert ingest.call("DELETE", f"/items/{form['item_id']}", tenant=tenant).status == 200
    send(form, content)
    assert ingest.arrive(ingest.next_arrival()) == []
    assert ingest.objects(tenant) == [f"{tenant}/images/{form['item_id']}.png"], "goes when the deletion is consumed"
    assert ingest.call("GET", f"/items/{form['item_id']}", tenant=tenant).status == 404
    assert ingest.dead_letters() == []


def test_an_object_that_vanished_is_reported(ingest: Any, tenant: str, png: Png) -> None:
    form = offer(ingest, tenant, png())
    body = arrival_of(ingest.bucket, f"{tenant}/uploads/{form['item_id']}")
    assert ingest.arrive(body) == []
    assert ingest.dead_letters() == [("landing-object-missing", body)]
