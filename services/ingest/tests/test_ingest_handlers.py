"""Every entry point of ingest in memory: which request, event or arrival leads to which fact, object and answer."""

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MethodType, SimpleNamespace
from typing import Any

import pytest

from chassis.database import Connection
from chassis.errors import PermanentError, TransientError
from chassis.http import HttpEntry
from chassis.queue import EventConsumer, MessageConsumer
from contracts import Contract, Event, new_event
from contracts.analysis import AnalysisFailed, ItemAnalyzed
from contracts.embedding import ItemEmbedded
from contracts.imaging import ImageProcessed, ImageRejected
from contracts.ingest import (
    ItemDeleted,
    ItemUploaded,
    RetryRequested,
    RetryStep,
    TenantForgotten,
    UploadRejected,
    UploadRejection,
)
from contracts.operations import OPERATORS, ForgetRequested
from ingest import sweeping
from ingest.bootstrap import IngestService, bootstrap
from ingest.cursors import Cursor
from ingest.direct_uploads import Arrival
from ingest.filenames import content_disposition
from ingest.handler import ENTRY_POINTS
from ingest.item_state import CONTRACTS, ItemState
from ingest.item_status import Status
from ingest.media_type import ACCEPTED_TYPES
from ingest.repository import history, items, pending, probe, uploads
from ingest.repository.history import Entry
from ingest.repository.items import Filters, StoredItem
from ingest.repository.pending import Pending
from ingest.repository.uploads import Upload
from ingest.settings import IngestSettings
from testkit import Answer, Fakes, LogLines, call, deliver, envelope, read
from testkit.fakes import CORRELATION_ID, SETTINGS, TRACED, FakeObject, example, requested
from testkit.forgetting import assert_forgets, forgotten
from testkit.invoking import CONTEXT, http_event
from testkit.replaying import assert_replays

ALICE, BOB, ITEM = "alice", "bob", "item-1"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(32)
GIF = b"GIF89a\x01\x00\x01\x00\x00\x00\x00;"
LANDING, ORIGINAL = f"{ALICE}/uploads/{ITEM}", f"{ALICE}/images/{ITEM}.png"
CONTENT = FakeObject(PNG, "image/png")


@dataclass
class Items:
    """Of `ingest.repository.items`. `asked` are the filters of pages."""

    rows: dict[tuple[str, str], ItemState] = field(default_factory=dict)
    asked: list[Filters] = field(default_factory=list)

    def state_of(self, connection: Connection, tenant_id: str, item_id: str) -> ItemState:
        return self.rows.get((tenant_id, item_id), ItemState())

    def save(self, connection: Connection, tenant_id: str, item_id: str, state: ItemState) -> None:
        self.rows[tenant_id, item_id] = state

    def find(self, connection: Connection, tenant_id: str, item_id: str) -> StoredItem | None:
        return next((item for item in self._of(tenant_id) if item.id == item_id), None)

    def find_by_filename(self, connection: Connection, tenant_id: str, filename: str) -> StoredItem | None:
        named = (item for item in self._of(tenant_id) if item.state.original)
        return next((item for item in named if item.state.original and item.state.original.filename == filename), None)

    def page(
        self,
        connection: Connection,
        tenant_id: str,
        filters: Filters,
        *,
        limit: int,
        offset: int = 0,
        after: Cursor | None = None,
    ) -> tuple[list[StoredItem], int]:
        self.asked.append(filters)
        newest_first = sorted(self._of(tenant_id), key=lambda item: (item.created_at, item.id), reverse=True)
        rest = [i for i in newest_first if after is None or (i.created_at, i.id) < (after.created_at, after.item_id)]
        return rest[offset : offset + limit], len(newest_first)

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)

    def _of(self, tenant_id: str) -> Iterable[StoredItem]:
        for (owner, item_id), state in self.rows.items():
            begun = state.original or state.refusal
            if owner == tenant_id and begun is not None:
                yield StoredItem(item_id, begun.time, state, None)


@dataclass
class History:
    """Of `ingest.repository.history`."""

    events: list[Event[Contract]] = field(default_factory=list)

    def add(self, connection: Connection, event: Event[Contract]) -> None:
        self.events.append(event)

    def of_item(self, connection: Connection, tenant_id: str, item_id: str) -> list[Entry]:
        own = [event for event in self.events if (event.tenant_id, event.subject) == (tenant_id, item_id)]
        return [Entry(event.id, event.time, event.type, "ingest", "stored", None) for event in own]

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.events = [event for event in self.events if (event.tenant_id, event.subject) != (tenant_id, item_id)]


@dataclass
class Uploads:
    """Of `ingest.repository.uploads`."""

    rows: dict[tuple[str, str], Upload] = field(default_factory=dict)
    swept: set[tuple[str, str]] = field(default_factory=set)

    def add(self, connection: Connection, upload: Upload) -> None:
        self.rows[upload.tenant_id, upload.item_id] = upload

    def find(self, connection: Connection, tenant_id: str, item_id: str) -> Upload | None:
        return self.rows.get((tenant_id, item_id))

    def end(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows[tenant_id, item_id] = replace(self.rows[tenant_id, item_id], ended_at=datetime.now(UTC))

    def unseen(self, connection: Connection, grace: timedelta, *, limit: int) -> list[Upload]:
        open_rows = [upload for key, upload in self.rows.items() if not upload.ended_at and key not in self.swept]
        return open_rows[:limit]

    def mark_swept(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.swept.add((tenant_id, item_id))

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)


@dataclass
class PendingOriginals:
    """Of `ingest.repository.pending`. Everything is old enough to be swept."""

    rows: dict[Pending, bool] = field(default_factory=dict)

    def remember(self, connection: Connection, pending: Pending) -> bool:
        return not self.rows.setdefault(pending, False)

    def strike(self, connection: Connection, pending: Pending) -> bool:
        return self.rows.get(pending) is False and not self.rows.pop(pending)

    def older_than(self, connection: Connection, age: timedelta, *, limit: int) -> list[Pending]:
        return list(self.rows)[:limit]

    def mark_swept(self, connection: Connection, pending: Pending, age: timedelta) -> bool:
        if pending in self.rows:
            self.rows[pending] = True
        return pending in self.rows

    def delete(self, connection: Connection, pending: Pending) -> None:
        self.rows.pop(pending, None)


class Probe:
    """Of `ingest.repository.probe`."""

    def answer(self, connection: Connection) -> None:
        """The database is there."""


@dataclass
class Ingest:
    """The service in memory."""

    fakes: Fakes
    service: IngestService
    http: HttpEntry
    on_events: EventConsumer
    on_uploads: MessageConsumer[Arrival]
    items: Items
    history: History
    uploads: Uploads
    pending: PendingOriginals

    @property
    def objects(self) -> dict[str, FakeObject]:
        stored: dict[str, FakeObject] = self.fakes.aws.s3.objects
        return stored

    def get(self, path: str, tenant: str | None = ALICE, *, headers: Any = None, **query: object) -> Answer:
        return call(self.http, "GET", path, tenant, query=query, headers=headers)

    def upload(self, content: bytes = PNG, tenant: str | None = ALICE, *, field: str = "file") -> Answer:
        """POST /items."""
        disposition = f'Content-Disposition: form-data; name="{field}"; filename="holiday.png"'
        body = f"--frontier\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n--frontier--\r\n"
        headers = {"content-type": "multipart/form-data; boundary=frontier", **TRACED}
        return call(self.http, "POST", "/items", tenant, body=body, headers=headers)

    def ask(self, tenant: str | None = ALICE, **changes: object) -> Answer:
        """POST /items/uploads."""
        body = {"filename": "dir/big.png", "media_type": "image/png", "bytes": 500} | changes
        return call(self.http, "POST", "/items/uploads", tenant, body=body, headers=TRACED)

    def delete(self, item: str = ITEM, tenant: str | None = ALICE) -> Answer:
        return call(self.http, "DELETE", f"/items/{item}", tenant, headers=TRACED)

    def retry(self, item: str = ITEM, tenant: str | None = ALICE, **headers: str) -> Answer:
        """POST /items/{id}/retry."""
        return call(self.http, "POST", f"/items/{item}/retry", tenant, headers=TRACED | headers)

    def waits(self, *contracts: type[Contract], seconds: float = 3600) -> None:
        """The item has come so far, and its last step ended so many seconds ago."""
        ends = datetime.now(UTC) - timedelta(seconds=seconds)
        for place, contract in enumerate(contracts):
            event = example(contract, subject=ITEM, tenant=ALICE)
            at = ends - timedelta(seconds=len(contracts) - 1 - place)
            assert deliver(self.on_events, replace(event, time=at)) == []

    def consume(self, *contracts: type[Contract], item: str = ITEM, tenant: str = ALICE) -> list[Event[Contract]]:
        """Deliver events about an item, each of which is applied."""
        events = [example(contract, subject=item, tenant=tenant) for contract in contracts]
        assert deliver(self.on_events, *events) == []
        assert self.fakes.dead_letters() == []
        return events

    def await_upload(self, content: bytes = PNG, **changes: Any) -> None:
        """A form was handed out, and this arrived."""
        upload = Upload(
            tenant_id=ALICE,
            item_id=ITEM,
            original_filename="big.png",
            media_type="image/png",
            bytes=500,
            sha256=None,
            correlation_id=CORRELATION_ID,
            traceparent=TRACED["traceparent"],
            expires_at=datetime.now(UTC),
        )
        self.uploads.rows[ALICE, ITEM] = replace(upload, **changes)
        self.objects[LANDING] = FakeObject(content, "application/octet-stream")

    def arrive(self, key: str = LANDING, *, bucket: str = "images", receives: int = 1) -> int:
        """Deliver S3's event; returns how many stay in the queue."""
        return len(deliver(self.on_uploads, arrival(key, bucket), receives=receives))

    def reasons(self) -> list[str]:
        return [letter.reason for letter in self.fakes.dead_letters()]


@pytest.fixture
def unit(fakes: Fakes) -> Ingest:
    settings = IngestSettings(**SETTINGS, max_upload_bytes=100, max_direct_bytes=1000, git_sha="abc", git_tag="v1")
    service = fakes.under(bootstrap(settings, fakes.aws))
    fakes.stand_in(probe, Probe())
    return Ingest(
        fakes,
        service,
        ENTRY_POINTS.build("http", service),
        ENTRY_POINTS.build("on_events", service),
        ENTRY_POINTS.build("on_uploads", service),
        fakes.stand_in(items, Items()),
        fakes.stand_in(history, History()),
        fakes.stand_in(uploads, Uploads()),
        fakes.stand_in(pending, PendingOriginals()),
    )


def arrival(key: str = LANDING, bucket: str = "images") -> str:
    return json.dumps({"source": "aws.s3", "detail": {"bucket": {"name": bucket}, "object": {"key": key}}})


def uploaded(item: str = ITEM, content: bytes = PNG, name: str = "holiday.png") -> ItemUploaded:
    return ItemUploaded(
        filename=f"{item}.png",
        original_filename=name,
        key=f"{ALICE}/images/{item}.png",
        media_type="image/png",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def problem(answer: Answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["status"] == answer.status
    return answer.status, answer.body["type"].removeprefix("urn:collections:problem:")


# POST /items


def test_an_upload_is_stored_recorded_and_answered(unit: Ingest) -> None:
    answer = unit.upload()
    item = answer.body["id"]
    assert answer.status == 200
    assert (
        answer.body.items()
        >= {
            "filename": f"{item}.png",
            "original_filename": "holiday.png",
            "file_size": len(PNG),
            "mime_type": "image/png",
            "status": "uploaded",
            "status_reason": None,
            "latest_analysis": None,
            "thumbnail_url": None,
        }.items()
    )
    assert unit.fakes.recorded == [requested(uploaded(item), ALICE, item)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.fakes.store.locks == [(ALICE, item)]
    assert unit.objects == {f"{ALICE}/images/{item}.png": CONTENT}


@pytest.mark.parametrize(
    ("content", "field", "status", "code"),
    [
        (PNG, "picture", 400, "malformed-upload"),
        (b"", "file", 400, "empty"),
        (b"a text", "file", 400, "not-an-image"),
        (b"%PDF-1.7", "file", 400, "unsupported-type"),
        (PNG + bytes(61), "file", 413, "too-large"),
    ],
)
def test_an_unacceptable_upload_leaves_nothing(
    unit: Ingest, content: bytes, field: str, status: int, code: str
) -> None:
    assert problem(unit.upload(content, field=field)) == (status, code)
    assert (unit.fakes.recorded, unit.objects) == ([], {})


def test_a_form_may_be_compressed(unit: Ingest) -> None:
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + PNG + b"\r\n--b--\r\n"
    headers = {"content-type": "multipart/form-data; boundary=b", "content-encoding": "gzip"}
    answer = call(unit.http, "POST", "/items", ALICE, body=gzip.compress(form), headers=headers)
    assert (answer.status, answer.body["original_filename"], answer.body["file_size"]) == (200, "a.png", len(PNG))


def test_an_upload_of_exactly_the_largest_size_is_accepted(unit: Ingest) -> None:
    assert unit.upload(PNG + bytes(60)).status == 200


def test_an_upload_that_is_too_large_is_shown_the_other_way(unit: Ingest) -> None:
    answer = unit.upload(PNG + bytes(61))
    assert (answer.body["max_bytes"], answer.body["direct_upload"]) == (100, "/items/uploads")
    assert "1000" in answer.body["detail"]


def test_an_upload_while_a_store_is_silent_makes_no_item(unit: Ingest) -> None:
    with unit.fakes.aws.s3.failing("put_object"):
        answer = unit.upload()
    assert (problem(answer), answer.headers["Retry-After"]) == ((503, "unavailable"), "5")
    unit.fakes.database.fail()
    assert problem(unit.upload()) == (503, "unavailable")
    assert (unit.fakes.recorded, unit.items.rows) == ([], {})


def test_a_silent_bus_costs_no_upload(unit: Ingest) -> None:
    with unit.fakes.aws.events.failing("put_events"):
        assert unit.upload().status == 200
    assert unit.fakes.published == []
    assert ENTRY_POINTS.build("relay", unit.service)({}, None) == {"published": 1}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]


def test_a_relay_goes_on_with_what_the_bus_refuses_later(unit: Ingest) -> None:
    refused: list[str] = []
    unit.fakes.aws.events.refuses = lambda entry: json.loads(entry["Detail"])["subject"] in refused
    with unit.fakes.aws.events.failing("put_events"):
        refused.append([unit.upload().body["id"] for _ in range(3)][1])
    relay = ENTRY_POINTS.build("relay", unit.service)
    with pytest.raises(TransientError):
        relay({}, None)
    first, second, third = (event.id for event in unit.fakes.store.events)
    assert unit.fakes.published == [first, third]
    refused.clear()
    assert relay({}, None) == {"published": 1}
    assert unit.fakes.published == [first, third, second]


def test_a_picture_that_is_sent_again_under_its_key_is_one_item(unit: Ingest) -> None:
    """Whatever the boundary: each attempt at sending a form may have one of its own."""

    def send(content: bytes, boundary: str) -> Answer:
        disposition = 'Content-Disposition: form-data; name="file"; filename="holiday.png"'
        body = f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={boundary}", "idempotency-key": "key-1"}
        return call(unit.http, "POST", "/items", ALICE, body=body, headers=headers)

    first, again = send(PNG, "one"), send(PNG, "two")
    assert (first.status, first.body) == (again.status, again.body) == (200, first.body)
    assert [fact.subject for fact in unit.fakes.recorded] == [first.body["id"]]
    assert send(PNG + b"another", "one").status == 422
    unit.delete(first.body["id"])
    assert send(PNG, "three").status == 410


def test_a_direct_upload_that_is_asked_for_again_under_its_key_is_one(unit: Ingest) -> None:
    body = {"filename": "big.png", "media_type": "image/png", "bytes": 500}
    headers = {"idempotency-key": "key-1"}
    first, again = (call(unit.http, "POST", "/items/uploads", ALICE, body=body, headers=headers) for _ in range(2))
    assert (first.status, first.body) == (again.status, again.body) == (200, first.body)
    assert len(unit.uploads.rows) == 1


# POST /items/uploads


def test_a_direct_upload_gets_a_form(unit: Ingest) -> None:
    before = datetime.now(UTC)
    answer = unit.ask(sha256="A" * 64)
    form = answer.body
    assert (answer.status, form["method"], form["max_bytes"], form["expires_in"]) == (200, "POST", 500, 3600)
    landing = f"{ALICE}/uploads/{form['item_id']}"
    assert (form["fields"]["key"], form["fields"]["Content-Type"]) == (landing, "image/png")
    assert "['content-length-range', 1, 500]" in form["fields"]["policy"]
    upload = unit.uploads.rows[ALICE, form["item_id"]]
    assert (upload.original_filename, upload.media_type, upload.bytes) == ("big.png", "image/png", 500)
    assert (upload.sha256, upload.correlation_id, upload.ended_at) == ("a" * 64, CORRELATION_ID, None)
    assert timedelta(hours=1) <= upload.expires_at - before < timedelta(hours=1, minutes=1)
    assert unit.fakes.recorded == [], "it is no item before its picture is there"


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"media_type": "application/pdf"}, 400, "unsupported-type"),
        ({"bytes": 1001}, 413, "too-large"),
        ({"bytes": 0}, 422, "invalid-request"),
        ({"filename": ""}, 422, "invalid-request"),
        ({"sha256": "abc"}, 422, "invalid-request"),
    ],
)
def test_a_direct_upload_that_would_be_refused_gets_none(
    unit: Ingest, changes: dict[str, Any], status: int, code: str
) -> None:
    assert problem(unit.ask(**changes)) == (status, code)
    assert unit.uploads.rows == {}


def test_a_direct_upload_of_another_type_names_those_that_are_taken(unit: Ingest) -> None:
    detail = unit.ask(media_type="application/pdf").body["detail"]
    assert detail.startswith("application/pdf is not accepted; send one of image/avif, ")
    assert set(detail.rpartition("one of ")[2].split(", ")) == ACCEPTED_TYPES


def test_a_direct_upload_of_the_largest_size_gets_a_form_unless_the_database_is_silent(unit: Ingest) -> None:
    assert unit.ask(bytes=1000).status == 200
    unit.fakes.database.fail()
    assert problem(unit.ask()) == (503, "unavailable")


# GET /items, GET /items/{id}, GET /items/{id}/events


def test_pages_by_cursor_and_by_offset(unit: Ingest) -> None:
    for number in range(3):
        unit.consume(ItemUploaded, item=f"item-{number}")
    unit.consume(ItemUploaded, item="foreign", tenant=BOB)
    newest = ["item-2", "item-1", "item-0"]
    first = unit.get("/items", limit=2).body
    assert ([item["id"] for item in first["items"]], first["total"]) == (newest[:2], 3)
    second = unit.get("/items", limit=2, cursor=first["next_cursor"]).body
    assert ([item["id"] for item in second["items"]], second["next_cursor"]) == (newest[2:], None)
    whole = unit.get("/items", limit=3).body
    assert ([item["id"] for item in whole["items"]], whole["next_cursor"]) == (newest, None)
    assert [item["id"] for item in unit.get("/items", offset=1).body["items"]] == newest[1:]


def test_filters_are_passed_on(unit: Ingest) -> None:
    assert unit.get("/items", category="Food", status="searchable", q="ramen").body == {
        "items": [],
        "total": 0,
        "next_cursor": None,
    }
    assert unit.items.asked == [Filters("Food", (Status.SEARCHABLE,), "ramen")]


def test_texts_are_looked_for_composed(unit: Ingest) -> None:
    unit.get("/items", q="cafe\u0301", category="Cafe\u0301")
    assert unit.items.asked == [Filters(category="Café", text="café")]


@pytest.mark.parametrize(
    "query", ["status=failed&status=rejected", "status=failed,rejected", "status=failed%2Crejected"]
)
def test_several_statuses_may_be_asked_for(unit: Ingest, query: str) -> None:
    event = http_event("GET", "/items", ALICE)
    event |= {"rawQueryString": query, "queryStringParameters": {"status": "failed,rejected"}}
    assert unit.http(event, CONTEXT)["statusCode"] == 200
    assert unit.items.asked == [Filters(statuses=(Status.FAILED, Status.REJECTED))]


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"cursor": "nonsense"}, 400, "malformed-cursor"),
        ({"cursor": Cursor(datetime.now(UTC), ITEM).encode(), "offset": 1}, 400, "cursor-and-offset"),
        ({"limit": 0}, 422, "invalid-request"),
        ({"limit": 101}, 422, "invalid-request"),
        ({"offset": -1}, 422, "invalid-request"),
        ({"status": "lost"}, 422, "invalid-request"),
        ({"status": "failed,lost"}, 422, "invalid-request"),
        ({"status": ""}, 422, "invalid-request"),
        ({"status": "failed,"}, 422, "invalid-request"),
        ({"q": "a\0b"}, 422, "invalid-request"),
    ],
)
def test_a_page_that_cannot_be_asked_for(unit: Ingest, query: dict[str, Any], status: int, code: str) -> None:
    assert problem(unit.get("/items", **query)) == (status, code)
    assert unit.items.asked == []


def test_an_item_is_shown_as_far_as_it_has_come(unit: Ingest) -> None:
    unit.consume(ItemUploaded, ImageProcessed, ItemAnalyzed)
    item = unit.get(f"/items/{ITEM}").body
    assert (item["id"], item["status"]) == (ITEM, "analyzed")
    assert item["latest_analysis"]["item_id"] == ITEM
    assert item["thumbnail_url"] == f"/images/{item['filename']}?size=thumbnail"


def test_the_history_of_an_item(unit: Ingest) -> None:
    first, second = unit.consume(ItemUploaded, ImageProcessed)
    unit.consume(ImageProcessed, item="other")
    shown = unit.get(f"/items/{ITEM}/events").body
    assert (shown["item_id"], shown["status"]) == (ITEM, "processed")
    assert [(event["id"], event["type"]) for event in shown["events"]] == [
        (first.id, first.type),
        (second.id, second.type),
    ]


@pytest.mark.parametrize("path", ["/items/{}", "/items/{}/events", "/images/{}.png"])
def test_what_is_not_the_callers_is_404(unit: Ingest, path: str) -> None:
    item = unit.upload().body["id"]
    assert unit.get(path.format(item)).status == 200
    assert problem(unit.get(path.format("unknown"))) == (404, "not-found")
    assert problem(unit.get(path.format(item), BOB)) == (404, "not-found")


@pytest.mark.parametrize("path", ["/items", f"/items/{ITEM}", f"/items/{ITEM}/events", "/images/x.png"])
def test_reading_needs_a_token_and_a_database(unit: Ingest, path: str) -> None:
    assert unit.get(path, None).status == 401
    unit.fakes.database.fail()
    assert problem(unit.get(path)) == (503, "unavailable")


@pytest.mark.parametrize("ask", [Ingest.upload, Ingest.ask, Ingest.delete, Ingest.retry])
def test_writing_needs_a_token(unit: Ingest, ask: Callable[..., Answer]) -> None:
    assert MethodType(ask, unit)(tenant=None).status == 401
    assert (unit.fakes.recorded, unit.objects, unit.uploads.rows) == ([], {}, {})


# DELETE /items/{id}


def test_a_deletion_is_recorded_and_at_once_visible(unit: Ingest) -> None:
    unit.await_upload()
    unit.consume(ItemUploaded)
    unit.fakes.store.locks.clear()
    assert (unit.delete().status, unit.fakes.recorded) == (200, [requested(ItemDeleted(), ALICE, ITEM)])
    assert set(unit.fakes.store.locks) == {(ALICE, ITEM)}, "under the item's lock"
    assert unit.uploads.rows == {}
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert (unit.items.rows, unit.history.events) == ({}, [])
    assert set(unit.fakes.tombstones.deleted) == {(ALICE, ITEM)}
    assert problem(unit.get(f"/items/{ITEM}")) == (404, "not-found")
    assert problem(unit.delete()) == (404, "not-found"), "it is recorded once"
    assert len(unit.fakes.recorded) == 1


def test_nobody_elses_item_is_deleted(unit: Ingest) -> None:
    unit.consume(ItemUploaded)
    assert problem(unit.delete(tenant=BOB)) == (404, "not-found")
    assert (unit.fakes.recorded, set(unit.items.rows)) == ([], {(ALICE, ITEM)})


def test_a_deletion_while_the_database_is_silent(unit: Ingest) -> None:
    unit.consume(ItemUploaded)
    unit.fakes.database.fail()
    assert problem(unit.delete()) == (503, "unavailable")
    assert set(unit.items.rows) == {(ALICE, ITEM)}


# GET /images/{filename}


@pytest.mark.parametrize("size", ["original", "large", "thumbnail"])
def test_a_link_to_a_picture(unit: Ingest, size: str) -> None:
    original, processed = unit.consume(ItemUploaded, ImageProcessed)
    assert isinstance(original.data, ItemUploaded)
    assert isinstance(processed.data, ImageProcessed)
    model, thumbnail = processed.data.renditions
    key = {"original": original.data.key, "large": model.key, "thumbnail": thumbnail.key}[size]
    answer = unit.get(f"/images/{original.data.filename}", size=size)
    url = f"https://images.invalid/{key}?operation=get_object&expires=3600"
    if size == "original":
        url += f"&disposition={content_disposition(original.data.original_filename)}"
    assert (answer.status, answer.body) == (200, {"url": url, "expires_in": 3600})
    assert (answer.headers["Vary"], answer.headers["Cache-Control"]) == ("Accept", "private, no-store")
    redirected = unit.get(f"/images/{original.data.filename}", size=size, headers={"Accept": "image/avif,image/*"})
    assert (redirected.status, redirected.headers["Location"]) == (302, url)


@pytest.mark.parametrize("size", ["large", "thumbnail"])
@pytest.mark.parametrize("accept", ["application/json", "image/*"])
@pytest.mark.parametrize(
    ("contract", "status", "code", "retry_after"),
    [(None, 409, "not-processed", "5"), (ImageRejected, 404, "no-rendition", None)],
)
def test_what_is_not_made_is_no_link_to_the_original(
    unit: Ingest,
    size: str,
    accept: str,
    contract: type[Contract] | None,
    status: int,
    code: str,
    retry_after: str | None,
) -> None:
    original, *_ = unit.consume(ItemUploaded, *([contract] if contract else []))
    assert isinstance(original.data, ItemUploaded)
    answer = unit.get(f"/images/{original.data.filename}", size=size, headers={"Accept": accept})
    assert (problem(answer), answer.headers.get("Retry-After")) == ((status, code), retry_after)
    assert original.data.key not in f"{answer.text}{answer.headers}"
    link = unit.get(f"/images/{original.data.filename}", size="original").body["url"]
    assert original.data.key in link
    assert unit.get(f"/items/{ITEM}").body["thumbnail_url"] is None


def test_a_processed_picture_without_a_thumbnail_has_no_link_to_one(unit: Ingest) -> None:
    original, processed = (example(c, subject=ITEM, tenant=ALICE) for c in (ItemUploaded, ImageProcessed))
    assert isinstance(processed.data, ImageProcessed)
    large = processed.data.model_copy(update={"renditions": processed.data.renditions[:1]})
    assert deliver(unit.on_events, original, replace(processed, data=large)) == []
    filename = unit.get(f"/items/{ITEM}").body["filename"]
    assert problem(unit.get(f"/images/{filename}", size="thumbnail")) == (404, "no-rendition")
    assert unit.get(f"/images/{filename}", size="large").status == 200


def test_renditions_stay_when_making_them_again_fails(unit: Ingest) -> None:
    original, _, rejected = (
        example(c, subject=ITEM, tenant=ALICE) for c in (ItemUploaded, ImageProcessed, ImageRejected)
    )
    unit.consume(ItemUploaded, ImageProcessed)
    assert deliver(unit.on_events, replace(rejected, sequence=9)) == []
    assert isinstance(original.data, ItemUploaded)
    assert unit.get(f"/images/{original.data.filename}", size="thumbnail").status == 200


# GET /health, /version and the documents, which need no token


def test_health_asks_database_and_bucket(unit: Ingest) -> None:
    answer = unit.get("/health", None)
    assert (answer.status, answer.body["status"], answer.body["git_sha"]) == (200, "healthy", "abc")
    unit.fakes.database.fail()
    answer = unit.get("/health", None)
    assert (problem(answer), answer.body["checks"]) == ((503, "unhealthy"), {"database": "TransientError"})
    with unit.fakes.aws.s3.failing("get_object", "AccessDenied"):
        assert unit.get("/health", None).status == 200, "without the right to list, a missing key is denied"
    for code, fault in (("SlowDown", "ClientError"), ("", "EndpointConnectionError")):
        with unit.fakes.aws.s3.failing("get_object", code):
            assert unit.get("/health", None).body["checks"] == {"images": fault}


def test_the_version(unit: Ingest) -> None:
    body = read(unit.http, "/version").body
    assert (body["git_sha"], body["git_tag"], body["environment"]) == ("abc", "v1", "local")


def test_what_is_read_again_is_not_sent_again(unit: Ingest) -> None:
    item = unit.upload().body["id"]
    assert read(unit.http, f"/items/{item}", ALICE).body == read(unit.http, "/items", ALICE).body["items"][0]
    assert read(unit.http, f"/items/{item}/events", ALICE).body["item_id"] == item


@pytest.mark.parametrize(
    ("path", "media_type", "content"),
    [
        ("/openapi.json", "application/json", '"openapi"'),
        ("/docs", "text/html; charset=utf-8", "docs/swagger-ui.js"),
        ("/docs/swagger-ui.css", "text/css; charset=utf-8", "swagger"),
    ],
)
def test_the_documents(unit: Ingest, path: str, media_type: str, content: str) -> None:
    answer = read(unit.http, path)
    assert (answer.status, answer.headers["Content-Type"]) == (200, media_type)
    assert content in answer.text
    assert problem(unit.get("/docs/handler.py", None)) == (404, "not-found")


# POST /items/{id}/retry


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ([ItemUploaded], RetryStep.IMAGING),
        ([ItemUploaded, ImageProcessed], RetryStep.ANALYSIS),
        ([ItemUploaded, ImageProcessed, AnalysisFailed], RetryStep.ANALYSIS),
        ([ItemUploaded, ImageProcessed, ItemAnalyzed], RetryStep.EMBEDDING),
    ],
    ids=["uploaded", "processed", "failed", "described"],
)
def test_an_item_that_is_stuck_is_started_again(unit: Ingest, facts: list[type[Contract]], step: RetryStep) -> None:
    unit.waits(*facts)
    waiting = unit.get(f"/items/{ITEM}").body
    assert waiting["waiting_for"] == (None if AnalysisFailed in facts else step.value)
    answer = unit.retry()
    assert (answer.status, answer.body) == (202, {"status": "accepted", "id": ITEM, "step": step.value})
    assert unit.fakes.recorded == [requested(RetryRequested(step=step), ALICE, ITEM)]
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    shown = unit.get(f"/items/{ITEM}/events").body
    assert (shown["waiting_for"], shown["events"][-1]["type"]) == (step.value, RetryRequested.event_type)
    assert shown["waiting_since"] > (waiting["waiting_since"] or "")
    again = unit.retry()
    assert (problem(again), again.headers["Retry-After"]) == ((409, "under-way"), "120")
    assert len(unit.fakes.recorded) == 1


def test_a_retry_that_is_sent_again_under_its_key_is_one(unit: Ingest) -> None:
    unit.waits(ItemUploaded)
    first, second = (unit.retry(**{"idempotency-key": "key-1"}) for _ in range(2))
    assert (first.status, first.body) == (second.status, second.body) == (202, first.body)
    assert len(unit.fakes.recorded) == 1


@pytest.mark.parametrize(
    ("facts", "detail"),
    [
        ([ItemUploaded, ImageProcessed, ItemAnalyzed, ItemEmbedded], "the item is searchable"),
        ([ItemUploaded, ImageRejected], "the item is rejected: "),
        ([UploadRejected], "the item is rejected: "),
    ],
    ids=["searchable", "rejected", "refused"],
)
def test_an_item_that_has_ended_is_not_started_again(unit: Ingest, facts: list[type[Contract]], detail: str) -> None:
    unit.waits(*facts)
    answer = unit.retry()
    assert problem(answer) == (409, "nothing-to-retry")
    assert answer.body["detail"].startswith(detail)
    assert "Retry-After" in answer.headers
    assert unit.get(f"/items/{ITEM}").body["waiting_for"] is None
    assert unit.fakes.recorded == []


def test_an_item_that_has_not_waited_for_long_is_not_started_again(unit: Ingest) -> None:
    unit.waits(ItemUploaded, seconds=90)
    answer = unit.retry()
    assert (problem(answer), answer.headers["Retry-After"]) == ((409, "under-way"), "30")
    unit.waits(ImageProcessed, seconds=121)
    assert unit.retry().status == 202


def test_nobody_elses_item_is_started_again(unit: Ingest) -> None:
    unit.waits(ItemUploaded)
    assert problem(unit.retry(tenant=BOB)) == (404, "not-found")
    assert problem(unit.retry("unknown")) == (404, "not-found")
    assert unit.fakes.recorded == []


def test_the_upload_is_sent_to_imaging_once_more(unit: Ingest) -> None:
    item = unit.upload().body["id"]
    (uploaded,) = unit.fakes.store.events
    unit.fakes.aws.events.entries.clear()
    for step in RetryStep:
        asked = example(RetryRequested, subject=item, tenant=ALICE, step=step)
        assert deliver(unit.on_events, asked) == []
    (entry,) = unit.fakes.aws.events.entries
    sent = json.loads(entry["Detail"])
    assert (sent["id"], sent["replayfor"], sent["replaykind"]) == (uploaded.id, "imaging", "reprocess")


# Events


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract.event_type)
def test_every_event_of_an_item_is_folded_and_nothing_more(unit: Ingest, contract: type[Contract]) -> None:
    (event,) = unit.consume(contract)
    assert unit.history.events == [event]
    assert unit.items.rows[ALICE, ITEM].updated_at == event.time
    assert (unit.fakes.recorded, unit.fakes.aws.events.entries) == ([], [])
    assert deliver(unit.on_events, event, event) == []
    assert unit.history.events == [event]


def test_a_deletion_removes_the_items_objects_alone(unit: Ingest) -> None:
    mine, other = unit.upload().body["id"], unit.upload().body["id"]
    unit.objects[f"{ALICE}/uploads/{mine}"] = CONTENT
    deleted = example(ItemDeleted, subject=mine, tenant=ALICE)
    assert deliver(unit.on_events, deleted, deleted) == []
    assert set(unit.objects) == {f"{ALICE}/images/{other}.png"}
    assert set(unit.items.rows) == {(ALICE, other)}
    assert len(unit.fakes.recorded) == 2, "a deletion is recorded by its route"


def test_a_deletion_is_visible_before_its_objects_are_gone(unit: Ingest) -> None:
    item = unit.upload().body["id"]
    deleted = example(ItemDeleted, subject=item, tenant=ALICE)
    with unit.fakes.aws.s3.failing("list_object_versions"):
        assert deliver(unit.on_events, deleted) == [envelope(deleted)]
    assert (unit.items.rows, len(unit.objects)) == ({}, 1)
    assert deliver(unit.on_events, deleted) == []
    assert unit.objects == {}


def test_what_arrives_after_the_deletion_changes_nothing(unit: Ingest) -> None:
    unit.consume(ItemDeleted, ItemUploaded, ItemAnalyzed)
    assert (unit.items.rows, unit.history.events) == ({}, [])


def test_a_broken_event_does_not_hold_up_its_batch(unit: Ingest) -> None:
    first, broken, last = (example(ItemUploaded, subject=name, tenant=ALICE) for name in ("first", "broken", "last"))
    document = json.loads(envelope(broken))
    del document["detail"]["data"]["key"]
    assert deliver(unit.on_events, first, json.dumps(document), last) == []
    assert set(unit.items.rows) == {(ALICE, "first"), (ALICE, "last")}
    (letter,) = unit.fakes.dead_letters()
    assert (letter.reason, letter.rule, letter.path) == ("invalid-event", "missing", "/data/key")


def test_a_vector_of_other_dimensions_than_stated_makes_nothing_searchable(unit: Ingest) -> None:
    assert deliver(unit.on_events, example(ItemEmbedded, subject=ITEM, tenant=ALICE, dimensions=3)) == []
    assert [(letter.reason, letter.detail) for letter in unit.fakes.dead_letters()] == [
        ("invalid-vector", "the vector does not hold 3 float32 values")
    ]
    assert (unit.items.rows, unit.history.events) == ({}, [])


# Arrivals in the landing zone


def test_an_arrival_becomes_an_item(unit: Ingest) -> None:
    unit.await_upload()
    assert unit.arrive() == 0
    assert unit.fakes.recorded == [requested(uploaded(name="big.png"), ALICE, ITEM)], "the thread of who asked goes on"
    assert unit.fakes.published == [unit.fakes.store.events[0].id]
    assert unit.objects == {ORIGINAL: CONTENT}
    assert unit.uploads.rows[ALICE, ITEM].ended_at is not None
    assert (ALICE, ITEM) in unit.items.rows


@pytest.mark.parametrize(
    ("content", "announced", "reason"),
    [
        (b"a text", None, UploadRejection.NOT_AN_IMAGE),
        (b"%PDF-1.7", None, UploadRejection.UNSUPPORTED_TYPE),
        (PNG + bytes(961), None, UploadRejection.TOO_LARGE),
        (PNG, "0" * 64, UploadRejection.CHECKSUM_MISMATCH),
    ],
)
def test_an_unacceptable_arrival_is_rejected(
    unit: Ingest, content: bytes, announced: str | None, reason: UploadRejection
) -> None:
    unit.await_upload(content, sha256=announced)
    assert unit.arrive() == 0
    (recorded,) = unit.fakes.recorded
    rejected = recorded.data
    assert isinstance(rejected, UploadRejected)
    assert (rejected.reason, rejected.size, rejected.original_filename) == (reason, len(content), "big.png")
    assert recorded == requested(rejected, ALICE, ITEM)
    assert unit.objects == {}
    assert unit.uploads.rows[ALICE, ITEM].ended_at is not None


def test_an_arrival_of_exactly_the_largest_size_with_its_checksum_is_accepted(unit: Ingest) -> None:
    content = PNG + bytes(960)
    unit.await_upload(content, sha256=hashlib.sha256(content).hexdigest())
    assert unit.arrive() == 0
    assert [type(fact.data) for fact in unit.fakes.recorded] == [ItemUploaded]


def test_a_second_arrival_changes_nothing_but_the_landing_zone(unit: Ingest) -> None:
    unit.await_upload()
    unit.arrive()
    unit.objects[LANDING] = FakeObject(GIF, "image/gif")
    assert unit.arrive() == 0
    assert len(unit.fakes.recorded) == 1
    assert unit.objects == {ORIGINAL: CONTENT}


def test_an_arrival_for_a_deleted_item_leaves_nothing(unit: Ingest) -> None:
    unit.await_upload()
    unit.fakes.tombstones.deleted[ALICE, ITEM] = datetime.now(UTC)
    assert unit.arrive() == 0
    assert (unit.fakes.recorded, unit.objects) == ([], {})


def test_an_original_that_is_there_already_is_the_one_that_counts(unit: Ingest) -> None:
    """An attempt ended between storing the original and recording it; the form was then sent with another picture."""
    unit.await_upload(PNG + b"other")
    unit.objects[ORIGINAL] = CONTENT
    assert unit.arrive() == 0
    assert unit.fakes.recorded == [requested(uploaded(name="big.png"), ALICE, ITEM)]
    assert unit.objects == {ORIGINAL: CONTENT}


@pytest.mark.parametrize("operation", ["head_object", "get_object", "put_object", "delete_objects"])
def test_an_arrival_while_the_bucket_is_silent_comes_back(unit: Ingest, operation: str) -> None:
    unit.await_upload()
    with unit.fakes.aws.s3.failing(operation):
        assert unit.arrive(receives=2) == 1
    assert unit.arrive() == 0
    assert unit.fakes.recorded == [requested(uploaded(name="big.png"), ALICE, ITEM)]
    assert unit.objects == {ORIGINAL: CONTENT}


def test_an_arrival_while_the_database_is_silent_comes_back_and_is_dead_lettered_at_last(unit: Ingest) -> None:
    unit.await_upload()
    for transaction in range(2):
        unit.fakes.database.fail(after=transaction)
        assert unit.arrive() == 1
    unit.fakes.database.fail()
    assert unit.arrive(receives=3) == 0
    assert unit.reasons() == ["gave-up:TransientError"]
    assert unit.fakes.recorded == []


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("no json", "not-an-object-event"),
        ("[]", "not-an-object-event"),
        (json.dumps({"source": "aws.s3", "detail": {}}), "not-an-object-event"),
        (arrival().replace("aws.s3", "collections.ingest"), "not-an-object-event"),
        (arrival(f"{ALICE}/images/{ITEM}.png"), "foreign-key"),
        (arrival(f"{ALICE}/uploads/a/b"), "foreign-key"),
        (arrival(f"{ALICE}/uploads/a%00b"), "foreign-key"),
        (arrival(f"{ALICE}/uploads/\ud800"), "foreign-key"),
        (arrival(bucket="other"), "foreign-bucket"),
        (arrival(f"{BOB}/uploads/{ITEM}"), "unknown-upload"),
    ],
    ids=["text", "list", "no-key", "source", "original", "deeper", "nul", "half", "bucket", "tenant"],
)
def test_an_arrival_that_is_none_of_ours_is_dead_lettered_at_once(unit: Ingest, body: str, reason: str) -> None:
    unit.await_upload()
    good = arrival()
    assert deliver(unit.on_uploads, body, good) == []
    assert unit.reasons() == [reason]
    assert [type(fact.data) for fact in unit.fakes.recorded] == [ItemUploaded], "its neighbour is accepted"


def test_an_arrival_without_its_object_is_dead_lettered_at_once(unit: Ingest) -> None:
    unit.await_upload()
    unit.objects.clear()
    assert unit.arrive() == 0
    assert unit.reasons() == ["landing-object-missing"]
    assert unit.uploads.rows[ALICE, ITEM].ended_at is None


def test_a_key_that_an_emulator_encoded(unit: Ingest) -> None:
    unit.await_upload()
    assert unit.arrive(f"{ALICE}%2Fuploads%2F{ITEM}") == 0
    assert [event.subject for event in unit.fakes.store.events] == [ITEM]
    assert unit.objects == {ORIGINAL: CONTENT}


# Items that are on their way


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/events"), ("DELETE", ""), ("POST", "/retry")])
def test_an_item_whose_direct_upload_may_still_end_is_not_missing(unit: Ingest, method: str, path: str) -> None:
    def ask(tenant: str) -> Answer:
        return call(unit.http, method, f"/items/{ITEM}{path}", tenant)

    unit.await_upload(expires_at=datetime.now(UTC) - uploads.GRACE + timedelta(seconds=60))
    answer = ask(ALICE)
    assert (problem(answer), answer.headers["Retry-After"]) == ((409, "not-processed-yet"), "5")
    assert problem(ask(BOB)) == (404, "not-found")
    assert unit.fakes.recorded == []
    unit.await_upload(expires_at=datetime.now(UTC) - uploads.GRACE - timedelta(seconds=60))
    assert problem(ask(ALICE)) == (404, "not-found")
    unit.await_upload(ended_at=datetime.now(UTC))
    assert problem(ask(ALICE)) == (404, "not-found"), "it was deleted since"


# The sweep


def sweep(unit: Ingest) -> Any:
    return ENTRY_POINTS.build("sweep", unit.service)({}, None)


def test_an_upload_that_ended_is_not_swept(unit: Ingest) -> None:
    unit.upload()
    unit.await_upload()
    unit.arrive()
    before = dict(unit.objects)
    assert unit.pending.rows == {}
    assert sweep(unit) == {"accepted": 0, "deleted": 0}
    assert unit.objects == before


def test_what_was_stored_and_never_recorded_is_swept(unit: Ingest) -> None:
    unit.fakes.database.fail(after=2)
    assert problem(unit.upload()) == (503, "unavailable")
    assert len(unit.objects) == 1
    with unit.fakes.aws.s3.failing("list_object_versions"), pytest.raises(TransientError):
        sweep(unit)
    assert sweep(unit) == {"accepted": 0, "deleted": 1}
    assert (unit.objects, unit.pending.rows) == ({}, {})


def test_an_object_whose_item_exists_is_never_swept(unit: Ingest) -> None:
    """A second arrival of the same form remembered it again and died."""
    item = unit.upload().body["id"]
    unit.pending.rows[Pending(ALICE, item, f"{ALICE}/images/{item}.png")] = False
    assert sweep(unit) == {"accepted": 0, "deleted": 0}
    assert (len(unit.objects), unit.pending.rows) == (1, {})


def test_what_arrived_unseen_is_taken_in(unit: Ingest) -> None:
    unit.await_upload()
    assert sweep(unit) == {"accepted": 1, "deleted": 0}
    assert unit.fakes.recorded == [requested(uploaded(name="big.png"), ALICE, ITEM)]
    assert unit.objects == {ORIGINAL: CONTENT}
    assert unit.arrive() == 0, "S3's event comes after all"
    assert len(unit.fakes.recorded) == 1


def test_each_that_arrived_unseen_is_counted(unit: Ingest) -> None:
    unit.await_upload()
    for name in ("second", "third"):
        unit.uploads.rows[ALICE, name] = replace(unit.uploads.rows[ALICE, ITEM], item_id=name)
        unit.objects[f"{ALICE}/uploads/{name}"] = CONTENT
    assert sweep(unit) == {"accepted": 3, "deleted": 0}


def warnings(log_lines: LogLines) -> list[tuple[str, str]]:
    return [(line["message"], line["error"]) for line in log_lines() if line["level"] == "WARNING"]


def test_a_form_that_was_never_sent_is_looked_at_once(unit: Ingest, log_lines: LogLines) -> None:
    unit.await_upload()
    unit.objects.clear()
    assert sweep(unit) == {"accepted": 0, "deleted": 0}
    assert unit.uploads.swept == {(ALICE, ITEM)}
    assert unit.fakes.recorded == []
    assert warnings(log_lines) == [], "most forms that expire were never used"


def test_what_the_sweep_cannot_accept_is_reported_once_and_stops_no_other(
    unit: Ingest, monkeypatch: pytest.MonkeyPatch, log_lines: LogLines
) -> None:
    unit.await_upload()

    def refuse(*_: Any) -> None:
        raise PermanentError("unknown-upload", "no form was handed out")

    with monkeypatch.context() as refusing:
        refusing.setattr(sweeping, "accept_arrival", refuse)
        assert sweep(unit) == {"accepted": 0, "deleted": 0}
    assert unit.uploads.swept == {(ALICE, ITEM)}
    assert warnings(log_lines) == [("unseen upload cannot be accepted", "no form was handed out")]


def unused_forms(unit: Ingest, number: int) -> None:
    unit.await_upload()
    form = unit.uploads.rows.pop((ALICE, ITEM))
    unit.objects.clear()
    unit.uploads.rows |= {(ALICE, f"item-{n}"): replace(form, item_id=f"item-{n}") for n in range(number)}


@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_a_sweep_takes_all_pages(unit: Ingest, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    unused_forms(unit, number)
    for n in range(number):
        pending = Pending(ALICE, f"stored-{n}", f"{ALICE}/images/stored-{n}.png")
        unit.pending.rows[pending] = False
        unit.objects[pending.key] = FakeObject(PNG, "image/png")
    assert sweep(unit) == {"accepted": 0, "deleted": number}
    assert len(unit.uploads.swept) == number
    assert (unit.pending.rows, unit.objects) == ({}, {})


def test_a_sweep_ends_in_time_and_the_next_goes_on(unit: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 2)
    unused_forms(unit, 5)
    budget_s = unit.service.settings.sweep_budget_s
    now = iter([0, budget_s - 1, budget_s, budget_s])
    with monkeypatch.context() as late:
        late.setattr(sweeping, "time", SimpleNamespace(monotonic=now.__next__))
        sweep(unit)
    assert len(unit.uploads.swept) == 2
    sweep(unit)
    assert len(unit.uploads.swept) == 5


def test_a_page_that_failed_is_not_looked_at_again_at_once(unit: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "_BATCH", 1)
    unused_forms(unit, 3)
    with unit.fakes.aws.s3.failing("head_object", "SlowDown"):
        sweep(unit)
    assert unit.uploads.swept == set()


def test_a_silent_bucket_leaves_uploads_to_the_next_sweep(unit: Ingest, log_lines: LogLines) -> None:
    unit.await_upload()
    with unit.fakes.aws.s3.failing("head_object", "SlowDown"):
        assert sweep(unit) == {"accepted": 0, "deleted": 0}
    assert unit.uploads.swept == set()
    assert [message for message, _ in warnings(log_lines)] == ["upload left to the next sweep"]
    assert sweep(unit) == {"accepted": 1, "deleted": 0}


def test_what_the_sweep_has_taken_becomes_no_item(unit: Ingest) -> None:
    unit.await_upload()
    unit.pending.rows[Pending(ALICE, ITEM, ORIGINAL)] = True
    assert unit.arrive() == 1
    assert unit.fakes.recorded == []
    unit.pending.rows.clear()
    assert unit.arrive() == 0
    assert unit.objects == {ORIGINAL: CONTENT}


def test_an_operator_has_stored_events_published_again(unit: Ingest) -> None:
    stored = example(ItemDeleted, subject="subject-1", tenant="alice")
    assert_replays(unit.fakes, ENTRY_POINTS.build("on_replays", unit.service), stored, consumer="search")


def test_a_tenant_is_forgotten(unit: Ingest) -> None:
    for key in (f"{ALICE}/images/a.png", f"{ALICE}/uploads/b", f"{BOB}/images/c.png"):
        unit.objects[key] = CONTENT
    stored = example(ItemUploaded, subject="subject-1", tenant=ALICE)
    assert assert_forgets(unit.fakes, unit.on_events, ALICE, stored) == {"events": 1, "objects": 2}
    assert set(unit.objects) == {f"{BOB}/images/c.png"}


def delete_me(unit: Ingest, *, signed_in_s_ago: float | None = 1, tenant: str = ALICE) -> tuple[int, str]:
    claims = {} if signed_in_s_ago is None else {"auth_time": str(int(time.time() - signed_in_s_ago))}
    answer = call(unit.http, "DELETE", "/me", tenant, headers={"authorization": "Bearer the-token"}, claims=claims)
    return answer.status, answer.body.get("type", answer.body.get("status", ""))


def facts(unit: Ingest) -> list[tuple[str, str]]:
    found = [event for event in unit.fakes.store.events if isinstance(event.data, TenantForgotten)]
    return [(event.tenant_id, event.data.by.value) for event in found if isinstance(event.data, TenantForgotten)]


def test_a_person_is_forgotten_with_a_fresh_sign_in(unit: Ingest) -> None:
    assert delete_me(unit) == delete_me(unit) == (202, "forgotten")
    assert facts(unit) == [(ALICE, "tenant")]
    assert unit.fakes.aws.user_pools.deleted == ["the-token", "the-token"]
    assert call(unit.http, "GET", "/items", ALICE).status == 410
    assert call(unit.http, "GET", "/items", BOB).status == 200


@pytest.mark.parametrize("ago_s", [601, None])
def test_an_old_sign_in_forgets_nobody(unit: Ingest, ago_s: float | None) -> None:
    assert delete_me(unit, signed_in_s_ago=ago_s) == (403, "urn:collections:problem:sign-in-again")
    assert (facts(unit), unit.fakes.aws.user_pools.deleted) == ([], [])


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("NotAuthorizedException", (202, "forgotten")),
        ("UserNotFoundException", (202, "forgotten")),
        ("InvalidParameterException", (403, "urn:collections:problem:access-token-wanted")),
        ("InternalErrorException", (503, "urn:collections:problem:unavailable")),
        ("", (503, "urn:collections:problem:unavailable")),
    ],
)
def test_an_account_that_is_gone_or_stays(unit: Ingest, code: str, answer: tuple[int, str]) -> None:
    with unit.fakes.aws.user_pools.failing("delete_user", code):
        assert delete_me(unit) == answer
    assert facts(unit) == [(ALICE, "tenant")]
    assert delete_me(unit) == (202, "forgotten"), "it can be sent again"


def test_an_operator_orders_a_tenant_to_be_forgotten_once(unit: Ingest) -> None:
    orders = [
        new_event(ForgetRequested(who="me", why="a letter"), subject=ALICE, tenant_id=OPERATORS) for _ in range(2)
    ]
    assert deliver(ENTRY_POINTS.build("on_replays", unit.service), *orders) == []
    assert facts(unit) == [(ALICE, "operator")]


def test_an_upload_of_a_forgotten_tenant_is_removed(unit: Ingest) -> None:
    unit.await_upload()
    assert deliver(unit.on_events, forgotten(ALICE)) == []
    unit.objects[LANDING] = CONTENT
    assert unit.arrive() == 0
    assert unit.objects == {}
