"""One form for a direct upload, sent twice at the same moment: the first original stays, and nothing else does."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts import new_event
from contracts.ingest import ItemDeleted
from ingest import direct_uploads

pytestmark = pytest.mark.integration

Png = Callable[[], bytes]
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"


@pytest.fixture
def form(ingest: Any, tenant: str, png: Png) -> str:
    """The item id of a form that was asked for."""
    request = {"filename": "big.png", "media_type": "image/png", "bytes": 1000}
    answer = ingest.post_json("/items/uploads", tenant, request)
    item_id: str = answer.body["item_id"]
    return item_id


@pytest.fixture
def overtaken(ingest: Any, tenant: str, form: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Accepts what landed while, between its look at the upload and its reading, another arrival is accepted whole."""

    def run(*, first: bytes, second: bytes, then: Callable[[], None] = lambda: None) -> None:
        s3, key = ingest.service.aws.s3, f"{tenant}/uploads/{form}"
        body = json.dumps({"source": "aws.s3", "detail": {"bucket": {"name": ingest.bucket}, "object": {"key": key}}})
        examine = direct_uploads._examine

        def late(*arguments: Any) -> Any:
            monkeypatch.setattr(direct_uploads, "_examine", examine)
            s3.put_object(Bucket=ingest.bucket, Key=key, Body=first)
            direct_uploads.accept_arrival(ingest.service, direct_uploads.read_arrival(body))
            then()
            s3.put_object(Bucket=ingest.bucket, Key=key, Body=second)
            return examine(*arguments)

        monkeypatch.setattr(direct_uploads, "_examine", late)
        direct_uploads.accept_arrival(ingest.service, direct_uploads.read_arrival(body))

    return run


def original(ingest: Any, key: str) -> bytes:
    content: bytes = ingest.service.aws.s3.get_object(Bucket=ingest.bucket, Key=key)["Body"].read()
    return content


def test_the_accepted_original_is_not_overwritten(
    ingest: Any, tenant: str, form: str, png: Png, overtaken: Callable[..., None]
) -> None:
    first, second = png(), png()
    overtaken(first=first, second=second)
    [recorded] = ingest.rows("SELECT event FROM events WHERE tenant_id = %s", tenant)
    assert recorded["event"]["data"]["sha256"] == hashlib.sha256(first).hexdigest()
    assert original(ingest, f"{tenant}/images/{form}.png") == first
    assert ingest.objects(tenant) == [f"{tenant}/images/{form}.png"]


def test_a_second_kind_leaves_no_object_behind(
    ingest: Any, tenant: str, form: str, png: Png, overtaken: Callable[..., None]
) -> None:
    overtaken(first=png(), second=GIF)
    assert ingest.objects(tenant) == [f"{tenant}/images/{form}.png"]


def test_nothing_comes_back_after_a_deletion_in_between(
    ingest: Any, tenant: str, form: str, png: Png, overtaken: Callable[..., None]
) -> None:
    def delete() -> None:
        assert ingest.call("DELETE", f"/items/{form}", tenant=tenant).status == 200
        ingest.consume(new_event(ItemDeleted(), subject=form, tenant_id=tenant))

    overtaken(first=png(), second=png(), then=delete)
    assert ingest.objects(tenant) == []


def test_what_a_crash_left_is_the_original(ingest: Any, tenant: str, form: str, png: Png) -> None:
    """An attempt that stored the original and died; the landing object has been replaced since."""
    first, key = png(), f"{tenant}/images/{form}.png"
    s3 = ingest.service.aws.s3
    s3.put_object(Bucket=ingest.bucket, Key=key, Body=first)
    s3.put_object(Bucket=ingest.bucket, Key=f"{tenant}/uploads/{form}", Body=png() + b"longer")
    arrival = direct_uploads.Arrival(ingest.bucket, tenant, form)
    direct_uploads.accept_arrival(ingest.service, arrival)
    item = ingest.call("GET", f"/items/{form}", tenant=tenant).body
    assert (item["status"], item["file_size"]) == ("uploaded", len(first))
    assert original(ingest, key) == first
