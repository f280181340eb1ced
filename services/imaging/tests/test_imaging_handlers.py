"""Every entry point of imaging in memory: which event leads to which fact, object and dead letter."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.database import Connection
from chassis.errors import TransientError
from chassis.http import HttpEntry
from chassis.item_ids import new_item_id
from chassis.queue import EventConsumer
from contracts import Event, ReplayKind, new_event, replayed
from contracts.imaging import ImageProcessed, ImageRejected, ImageRejection, Rendition, RenditionKind
from contracts.ingest import ItemDeleted, ItemUploaded, RetryRequested, RetryStep, UploadRejected
from imaging import isolation, renditions, repository
from imaging.bootstrap import ImagingService, bootstrap
from imaging.errors import DecoderLostError, RejectedImageError
from imaging.handler import ENTRY_POINTS
from imaging.limits import DEFAULT_LIMITS, Limits
from imaging.processing import ProcessedImage
from imaging.repository import Original, Rejection
from imaging.settings import ImagingSettings
from testkit import Answer, Fakes, call, deliver, envelope
from testkit.fakes import SETTINGS, TRACED, FakeObject, caused, example, requested
from testkit.forgetting import assert_forgets
from testkit.replaying import assert_replays

ALICE, BOB, ITEM = "alice", "bob", "item-1"
MODEL_KEY, THUMBNAIL_KEY = "alice/renditions/item-1.png", "alice/thumbnails/item-1.webp"
PICTURE = ProcessedImage(
    media_type="image/png",
    width=2000,
    height=1000,
    frames=2,
    model=renditions.Rendition(RenditionKind.MODEL, b"large", "image/png", "png", 1568, 784),
    thumbnail=renditions.Rendition(RenditionKind.THUMBNAIL, b"small!", "image/webp", "webp", 400, 200),
    exif=None,
    phash="0123456789abcdef",
)


@dataclass
class Originals:
    """Of `imaging.repository`."""

    rows: dict[tuple[str, str], Original] = field(default_factory=dict)
    rejections: dict[tuple[str, str], Rejection] = field(default_factory=dict)

    def save(self, connection: Connection, original: Original) -> None:
        self.rows[original.tenant_id, original.item_id] = original

    def find(self, connection: Connection, tenant_id: str, item_id: str) -> Original | None:
        return self.rows.get((tenant_id, item_id))

    def reject(self, connection: Connection, event: Event[UploadRejected]) -> None:
        rejection = Rejection(event.data.reason.value, event.data.detail)
        self.rejections.setdefault((event.tenant_id, event.subject), rejection)

    def find_rejection(self, connection: Connection, tenant_id: str, item_id: str) -> Rejection | None:
        return self.rejections.get((tenant_id, item_id))

    def delete(self, connection: Connection, tenant_id: str, item_id: str) -> None:
        self.rows.pop((tenant_id, item_id), None)
        self.rejections.pop((tenant_id, item_id), None)


@dataclass
class Decoder:
    """Of `imaging.isolation`: the process that decodes. `outcome` is the answer, or is raised."""

    fakes: Fakes
    outcome: ProcessedImage | Exception = PICTURE
    meanwhile: Callable[[], Any] | None = None
    decoded: list[bytes] = field(default_factory=list)

    def process_isolated(
        self, original: bytes, *, keep_location: bool = False, limits: Limits = DEFAULT_LIMITS
    ) -> ProcessedImage:
        assert not self.fakes.database.is_open, "a transaction waits for the decoder"
        assert not keep_location
        self.decoded.append(original)
        if self.meanwhile is not None:
            self.meanwhile()
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


@dataclass
class Imaging:
    """The service in memory."""

    fakes: Fakes
    service: ImagingService
    on_events: EventConsumer
    http: HttpEntry
    originals: Originals
    decoder: Decoder

    def upload(self, data: bytes = b"original", *, tenant: str = ALICE, item: str = ITEM) -> Event[ItemUploaded]:
        key = f"{tenant}/images/{item}.png"
        self.service.images.put(key, data, "image/png")
        uploaded = ItemUploaded(
            filename=f"{item}.png",
            original_filename="holiday.png",
            key=key,
            media_type="image/png",
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        return new_event(uploaded, subject=item, tenant_id=tenant, traceparent=TRACED["traceparent"])

    def resize(self, item: str = ITEM, tenant: str | None = ALICE) -> Answer:
        return call(self.http, "POST", f"/items/{item}/resize-only", tenant, headers=TRACED)

    def delete(self) -> None:
        """The deletion of the item is applied by another process."""
        self.fakes.tombstones.deleted[ALICE, ITEM] = datetime.now(UTC)

    @property
    def derived(self) -> dict[str, FakeObject]:
        """Every object but the originals."""
        return {key: stored for key, stored in self.fakes.aws.s3.objects.items() if "/images/" not in key}


@pytest.fixture
def imaging(fakes: Fakes) -> Imaging:
    originals, decoder = fakes.stand_in(repository, Originals()), fakes.stand_in(isolation, Decoder(fakes))
    service = fakes.under(bootstrap(ImagingSettings(**SETTINGS), fakes.aws))
    on_events, http = ENTRY_POINTS.build("on_events", service), ENTRY_POINTS.build("http", service)
    return Imaging(fakes, service, on_events, http, originals, decoder)


def deletion(item: str = ITEM, tenant: str = ALICE) -> Event[ItemDeleted]:
    return new_event(ItemDeleted(), subject=item, tenant_id=tenant)


def processed(event: Event[ItemUploaded]) -> ImageProcessed:
    """The fact about that upload."""
    return ImageProcessed(
        filename=event.data.filename,
        original_filename="holiday.png",
        media_type="image/png",
        sha256=event.data.sha256,
        width=2000,
        height=1000,
        frames=2,
        renditions=(
            Rendition(
                kind=RenditionKind.MODEL,
                key=f"{event.tenant_id}/renditions/{event.subject}.png",
                media_type="image/png",
                width=1568,
                height=784,
                size=5,
            ),
            Rendition(
                kind=RenditionKind.THUMBNAIL,
                key=f"{event.tenant_id}/thumbnails/{event.subject}.webp",
                media_type="image/webp",
                width=400,
                height=200,
                size=6,
            ),
        ),
        phash="0123456789abcdef",
    )


def test_an_upload_is_decoded_stored_and_recorded(imaging: Imaging) -> None:
    event = imaging.upload()
    assert deliver(imaging.on_events, event) == []
    assert imaging.fakes.recorded == [caused(processed(event), event)]
    assert imaging.fakes.published == [imaging.fakes.store.events[0].id]
    assert imaging.fakes.outbox.documents == {}
    assert imaging.fakes.store.locks == [(ALICE, ITEM)]
    assert imaging.decoder.decoded == [b"original"]
    assert imaging.derived == {
        MODEL_KEY: FakeObject(b"large", "image/png"),
        THUMBNAIL_KEY: FakeObject(b"small!", "image/webp"),
    }
    assert imaging.originals.rows == {(ALICE, ITEM): Original.of(event)}


def test_a_duplicate_is_neither_decoded_nor_recorded_again(imaging: Imaging) -> None:
    event = imaging.upload()
    assert deliver(imaging.on_events, event, event) == []
    assert deliver(imaging.on_events, event) == []
    assert imaging.fakes.recorded == [caused(processed(event), event)]
    assert len(imaging.decoder.decoded) == 1


def test_a_rebuild_folds_and_a_reprocessing_decodes(imaging: Imaging) -> None:
    event = imaging.upload()
    deliver(imaging.on_events, replayed(event, replay_id="one", replay_for="imaging"))
    assert imaging.originals.rows == {(ALICE, ITEM): Original.of(event)}
    assert imaging.decoder.decoded == []
    deliver(imaging.on_events, replayed(event, replay_id="two", replay_for="analysis", kind=ReplayKind.REPROCESS))
    assert imaging.decoder.decoded == []
    again = replayed(event, replay_id="three", replay_for="imaging", kind=ReplayKind.REPROCESS)
    deliver(imaging.on_events, again)
    assert imaging.fakes.recorded == [caused(processed(event), again)]
    assert imaging.fakes.store.events[0].replay_id is None


def test_renditions_are_sent_to_analysis_once_more(imaging: Imaging) -> None:
    deliver(imaging.on_events, imaging.upload())
    (made,) = imaging.fakes.store.events
    imaging.fakes.aws.events.entries.clear()
    for step in RetryStep:
        assert deliver(imaging.on_events, example(RetryRequested, subject=ITEM, tenant=ALICE, step=step)) == []
    (entry,) = imaging.fakes.aws.events.entries
    sent = json.loads(entry["Detail"])
    assert (sent["id"], sent["replayfor"], sent["replaykind"]) == (made.id, "analysis", "reprocess")
    assert len(imaging.decoder.decoded) == 1


@pytest.mark.parametrize("reason", [ImageRejection.NOT_AN_IMAGE, ImageRejection.TOO_MANY_PIXELS])
def test_a_bad_file_is_rejected_with_its_reason(imaging: Imaging, reason: ImageRejection) -> None:
    imaging.decoder.outcome = RejectedImageError(reason, "It is bad.")
    event = imaging.upload()
    assert deliver(imaging.on_events, event) == []
    assert imaging.fakes.recorded == [caused(ImageRejected(reason=reason, detail="It is bad."), event)]
    assert imaging.derived == {}
    assert imaging.fakes.dead_letters() == []


def test_a_missing_original_is_rejected(imaging: Imaging) -> None:
    event = imaging.upload()
    imaging.fakes.aws.s3.objects.clear()
    assert deliver(imaging.on_events, event) == []
    missing = ImageRejected(reason=ImageRejection.MISSING, detail="The original is not in the store.")
    assert imaging.fakes.recorded == [caused(missing, event)]
    assert imaging.decoder.decoded == []


@pytest.mark.parametrize("operation", ["get_object", "put_object"])
def test_a_silent_bucket_leaves_the_upload_in_the_queue(imaging: Imaging, operation: str) -> None:
    event = imaging.upload()
    with imaging.fakes.aws.s3.failing(operation):
        assert deliver(imaging.on_events, event, receives=2) == [envelope(event)]
    (delay,) = imaging.fakes.aws.sqs.delays
    assert 4 <= delay <= 9, "3^2 seconds with jitter"
    assert imaging.fakes.recorded == []
    assert deliver(imaging.on_events, event) == []
    assert imaging.fakes.recorded == [caused(processed(event), event)]


def test_a_bucket_that_is_silent_every_time_leads_to_a_dead_letter_and_no_rejection(imaging: Imaging) -> None:
    event = imaging.upload()
    with imaging.fakes.aws.s3.failing("get_object", "SlowDown"):
        assert deliver(imaging.on_events, event, receives=3) == []
    (letter,) = imaging.fakes.dead_letters()
    assert (letter.reason, letter.detail, letter.receives) == ("gave-up:TransientError", "S3: SlowDown", 3)
    assert letter.body == envelope(event)
    assert imaging.fakes.recorded == []
    assert imaging.originals.rows == {(ALICE, ITEM): Original.of(event)}, "the upload is a fact all the same"


def test_a_decoder_that_is_lost_every_time_leads_to_a_rejection(imaging: Imaging) -> None:
    imaging.decoder.outcome = DecoderLostError("killed")
    event = imaging.upload()
    assert deliver(imaging.on_events, event, receives=2) == [envelope(event)]
    assert imaging.fakes.recorded == []
    assert deliver(imaging.on_events, event, receives=3) == []
    too_slow = ImageRejected(reason=ImageRejection.TOO_SLOW, detail="The picture could not be decoded in time.")
    assert imaging.fakes.recorded == [caused(too_slow, event)]
    assert [letter.reason for letter in imaging.fakes.dead_letters()] == ["gave-up:DecoderLostError"]
    imaging.decoder.outcome = PICTURE
    assert deliver(imaging.on_events, event) == [], "redriven from the dead-letter queue, it counts"
    assert imaging.fakes.recorded[1:] == [caused(processed(event), event, sequence=2)]


def test_one_failure_leaves_the_rest_of_the_batch_applied(imaging: Imaging) -> None:
    first, lost, last = (imaging.upload(name.encode(), item=name) for name in ("first", "lost", "last"))

    def lose() -> None:
        if imaging.decoder.decoded[-1] == b"lost":
            raise DecoderLostError("killed")

    imaging.decoder.meanwhile = lose
    assert deliver(imaging.on_events, first, "no json", lost, last) == [envelope(lost)]
    assert imaging.fakes.recorded == [caused(processed(event), event) for event in (first, last)]
    assert [letter.reason for letter in imaging.fakes.dead_letters()] == ["not-json"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda message: message["detail"]["data"].pop("key"), "invalid-event"),
        (lambda message: message.update(source="collections.chat"), "mismatched-envelope"),
        (lambda message: message.pop("detail"), "not-an-envelope"),
    ],
)
def test_poison_is_dead_lettered_at_once(imaging: Imaging, spoil: Callable[[Any], object], reason: str) -> None:
    message = json.loads(envelope(imaging.upload()))
    spoil(message)
    assert deliver(imaging.on_events, json.dumps(message)) == []
    assert [letter.reason for letter in imaging.fakes.dead_letters()] == [reason]
    assert (imaging.fakes.recorded, imaging.decoder.decoded) == ([], [])


def test_an_event_of_another_kind_is_dead_lettered(imaging: Imaging) -> None:
    foreign = new_event(ImageRejected(reason=ImageRejection.CORRUPT, detail="x."), subject=ITEM, tenant_id=ALICE)
    assert deliver(imaging.on_events, foreign) == []
    assert [letter.reason for letter in imaging.fakes.dead_letters()] == ["not-subscribed"]


def test_a_silent_database_leaves_the_batch_in_the_queue(imaging: Imaging) -> None:
    event = imaging.upload()
    imaging.fakes.database.fail()
    assert deliver(imaging.on_events, event) == [envelope(event)]
    assert imaging.decoder.decoded == [], "nothing is decoded that cannot be recorded"
    imaging.fakes.database.fail(after=1)
    assert deliver(imaging.on_events, event) == [envelope(event)]
    assert (imaging.fakes.recorded, imaging.fakes.inbox.deliveries) == ([], set())
    assert deliver(imaging.on_events, event) == []
    assert imaging.fakes.recorded == [caused(processed(event), event)]


def test_what_the_bus_refuses_is_published_by_the_relay(imaging: Imaging) -> None:
    imaging.fakes.aws.events.refuses = lambda _: True
    event = imaging.upload()
    assert deliver(imaging.on_events, event) == [], "it is applied; publishing is the relay's business"
    relay = ENTRY_POINTS.build("relay", imaging.service)
    with pytest.raises(TransientError, match="refused 1"):
        relay({}, None)
    imaging.fakes.aws.events.refuses = lambda _: False
    assert relay({}, None) == {"published": 1}
    assert relay({}, None) == {"published": 0}
    assert imaging.fakes.published == [imaging.fakes.store.events[0].id]


def test_a_deletion_removes_the_renditions_of_the_item_alone(imaging: Imaging) -> None:
    mine, other, foreign = (
        imaging.upload(tenant=tenant, item=item) for tenant, item in ((ALICE, ITEM), (ALICE, "item-2"), (BOB, ITEM))
    )
    imaging.service.images.put("alice/renditions/item-1.jpg", b"x", "image/jpeg")
    deliver(imaging.on_events, mine, other, foreign)
    assert deliver(imaging.on_events, deletion(), deletion()) == []
    assert {key.rsplit(".", 1)[0] for key in imaging.derived} == {
        "alice/renditions/item-2",
        "alice/thumbnails/item-2",
        "bob/renditions/item-1",
        "bob/thumbnails/item-1",
    }
    assert set(imaging.originals.rows) == {(ALICE, "item-2"), (BOB, ITEM)}
    assert set(imaging.fakes.tombstones.deleted) == {(ALICE, ITEM)}


def test_a_deletion_is_known_before_its_objects_are_gone(imaging: Imaging) -> None:
    event = deletion()
    with imaging.fakes.aws.s3.failing("list_object_versions"):
        assert deliver(imaging.on_events, event) == [envelope(event)]
    assert set(imaging.fakes.tombstones.deleted) == {(ALICE, ITEM)}
    assert imaging.fakes.inbox.deliveries == set()
    assert deliver(imaging.on_events, event) == []


def test_an_upload_of_a_deleted_item_leaves_nothing(imaging: Imaging) -> None:
    event = imaging.upload()
    deliver(imaging.on_events, deletion())
    assert deliver(imaging.on_events, event) == []
    assert (imaging.fakes.recorded, imaging.derived, imaging.originals.rows) == ([], {}, {})


def test_a_deletion_while_the_picture_is_decoded_leaves_nothing(imaging: Imaging) -> None:
    imaging.decoder.meanwhile = imaging.delete
    assert deliver(imaging.on_events, imaging.upload()) == []
    assert (imaging.fakes.recorded, imaging.derived) == ([], {})


def test_a_lost_decoder_rejects_no_deleted_item(imaging: Imaging) -> None:
    event = imaging.upload()
    deliver(imaging.on_events, deletion())
    imaging.decoder.outcome = DecoderLostError("killed")
    assert deliver(imaging.on_events, event, receives=3) == []
    assert imaging.fakes.recorded == []


def test_resize_only_stores_records_and_answers(imaging: Imaging) -> None:
    event = imaging.upload()
    deliver(imaging.on_events, event)
    imaging.fakes.aws.s3.objects.pop(MODEL_KEY)
    answer = imaging.resize()
    assert (answer.status, answer.body) == (
        200,
        {
            "status": "resized",
            "id": ITEM,
            "width": 2000,
            "height": 1000,
            "renditions": [
                {"kind": "model", "media_type": "image/png", "width": 1568, "height": 784, "size": 5},
                {"kind": "thumbnail", "media_type": "image/webp", "width": 400, "height": 200, "size": 6},
            ],
        },
    )
    assert imaging.fakes.recorded[1:] == [requested(processed(event), ALICE, ITEM, sequence=2)]
    assert len(imaging.fakes.published) == 2
    assert set(imaging.derived) == {MODEL_KEY, THUMBNAIL_KEY}


@pytest.mark.parametrize(
    ("outcome", "status", "code", "retry_after"),
    [
        (RejectedImageError(ImageRejection.TRUNCATED, "It ends early."), 422, "image-truncated", None),
        (DecoderLostError("killed"), 503, "decoder-lost", "5"),
        (ValueError("a defect of ours"), 500, "internal", None),
    ],
)
def test_resize_only_answers_with_the_problem(
    imaging: Imaging, outcome: Exception, status: int, code: str, retry_after: str | None
) -> None:
    deliver(imaging.on_events, imaging.upload())
    imaging.decoder.outcome = outcome
    answer = imaging.resize()
    assert (answer.status, answer.body["type"]) == (status, f"urn:collections:problem:{code}")
    assert answer.headers.get("Retry-After") == retry_after
    assert "defect" not in answer.text
    assert len(imaging.fakes.recorded) == 1


@pytest.mark.parametrize(("item", "tenant"), [("unknown", ALICE), (ITEM, BOB)])
def test_resize_only_knows_the_callers_items_alone(imaging: Imaging, item: str, tenant: str) -> None:
    deliver(imaging.on_events, imaging.upload())
    answer = imaging.resize(item, tenant)
    assert (answer.status, answer.body["detail"]) == (404, f"item {item} not found")
    assert len(imaging.decoder.decoded) == 1


def test_resize_only_of_an_upload_that_is_on_its_way(imaging: Imaging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its id tells when and for whom it was issued; another tenant's is missing like any other."""
    monkeypatch.setattr("imaging.reprocess.WAIT_S", 0)
    item = new_item_id(ALICE)
    answer = imaging.resize(item)
    assert (answer.status, answer.body["type"]) == (409, "urn:collections:problem:not-processed-yet")
    assert answer.headers["Retry-After"] == "5"
    assert imaging.resize(item, BOB).body["detail"] == f"item {item} not found"
    monkeypatch.setattr("imaging.reprocess.WAIT_S", 5)
    monkeypatch.setattr("time.sleep", lambda seconds: deliver(imaging.on_events, imaging.upload(item=item)))
    assert imaging.resize(item).status == 200
    imaging.fakes.tombstones.deleted[ALICE, item] = datetime.now(UTC)
    answer = imaging.resize(item)
    assert (answer.status, answer.body["detail"]) == (404, f"item {item} not found")


def test_resize_only_of_an_upload_that_was_refused(imaging: Imaging, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("there is nothing to wait for"))
    item = new_item_id(ALICE)
    refused = example(UploadRejected, subject=item, tenant=ALICE)
    assert deliver(imaging.on_events, refused, refused) == []
    answer = imaging.resize(item)
    assert (answer.status, answer.body["type"]) == (422, f"urn:collections:problem:image-{refused.data.reason}")
    assert answer.body["detail"] == refused.data.detail
    assert imaging.decoder.decoded == []
    assert imaging.resize(item, BOB).status == 404
    deliver(imaging.on_events, deletion(item))
    assert imaging.originals.rejections == {}
    assert imaging.resize(item).status == 404


def test_resize_only_of_an_upload_that_succeeded_after_all(imaging: Imaging) -> None:
    deliver(imaging.on_events, example(UploadRejected, subject=ITEM, tenant=ALICE), imaging.upload())
    assert imaging.resize().status == 200


def test_resize_only_needs_a_token(imaging: Imaging) -> None:
    assert imaging.resize(tenant=None).status == 401


def test_resize_only_of_an_item_that_is_deleted_meanwhile(imaging: Imaging) -> None:
    deliver(imaging.on_events, imaging.upload())
    imaging.decoder.meanwhile = imaging.delete
    answer = imaging.resize()
    assert (answer.status, answer.body["detail"]) == (404, f"item {ITEM} not found")
    assert len(imaging.fakes.recorded) == 1
    assert imaging.derived == {}


def test_resize_only_while_a_store_is_silent(imaging: Imaging) -> None:
    deliver(imaging.on_events, imaging.upload())
    with imaging.fakes.aws.s3.failing("get_object", ""):
        assert imaging.resize().status == 503
    for transaction in range(2):
        imaging.fakes.database.fail(after=transaction)
        answer = imaging.resize()
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert len(imaging.fakes.recorded) == 1


def test_an_operator_has_stored_events_published_again(imaging: Imaging) -> None:
    stored = example(ImageProcessed, subject="subject-1", tenant="alice")
    assert_replays(imaging.fakes, ENTRY_POINTS.build("on_replays", imaging.service), stored, consumer="analysis")


def test_a_tenant_is_forgotten(imaging: Imaging) -> None:
    objects = imaging.fakes.aws.s3.objects
    for key in ("alice/renditions/a.jpg", "alice/thumbnails/a.webp", "alice/images/a.jpg", "bob/renditions/b.jpg"):
        objects[key] = FakeObject(b"", "image/jpeg")
    imaging.fakes.aws.s3.noncurrent["alice/renditions/a.jpg"] = 1
    stored = example(ImageProcessed, subject="subject-1", tenant="alice")
    on_events = ENTRY_POINTS.build("on_events", imaging.service)
    assert assert_forgets(imaging.fakes, on_events, "alice", stored) == {"events": 1, "objects": 3}
    assert set(objects) == {"alice/images/a.jpg", "bob/renditions/b.jpg"}, "originals are deleted by ingest"
