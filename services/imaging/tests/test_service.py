"""The service on a real Postgres and a real object store: uploads, rejections, deletions, new renditions."""

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from PIL import Image

from chassis.http import HttpEntry
from chassis.queue import EventConsumer
from contracts import Contract, Event, ReplayKind, new_event, replayed
from contracts.ingest import ItemDeleted, ItemUploaded, UploadRejected, UploadRejection
from imaging import isolation
from imaging.api import http
from imaging.bootstrap import ImagingService, bootstrap
from imaging.consumers import on_events
from imaging.errors import DecoderLostError
from imaging.settings import ImagingSettings
from testkit import Answer, Deploy, Deployment, call, dead_letters, deliver, envelope
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration

ALICE, BOB = "tenant-alice", "tenant-bob"


@dataclass
class Imaging:
    """The service with its entry points, and what can be seen of it from outside."""

    service: ImagingService
    http: HttpEntry
    on_events: EventConsumer
    deployment: Deployment

    @property
    def bucket(self) -> str:
        return str(self.deployment.settings["images_bucket"])

    def upload(self, data: bytes, *, tenant: str = ALICE, item: str = "item-1") -> Event[ItemUploaded]:
        """Store an original as ingest would; returns the event about it."""
        key = f"{tenant}/images/{item}.png"
        self.service.aws.s3.put_object(Bucket=self.bucket, Key=key, Body=data)
        uploaded = ItemUploaded(
            filename=f"{item}.png",
            original_filename="holiday.png",
            key=key,
            media_type="image/png",
            size=max(len(data), 1),
            sha256=hashlib.sha256(data).hexdigest(),
        )
        return new_event(uploaded, subject=item, tenant_id=tenant)

    def deliver(self, *events: Event[Contract], receives: int = 1) -> list[str]:
        """Hand events to the consumer; returns the bodies of those that stay in the queue."""
        return deliver(self.on_events, *events, receives=receives)

    def dead_letters(self) -> list[str]:
        """The reasons in the dead-letter queue."""
        letters = dead_letters(self.service.aws.sqs, self.service.settings.dead_letter_queue_url)
        return [letter.reason for letter in letters]

    def post(self, item: str, tenant: str = ALICE, *, headers: dict[str, str] | None = None) -> Answer:
        """POST /items/{id}/resize-only."""
        return call(self.http, "POST", f"/items/{item}/resize-only", tenant, headers=headers)

    def recorded(self) -> list[dict[str, Any]]:
        """Every event in the store, in order; all must have left the outbox."""
        with psycopg.connect(self.deployment.schema.dsn) as connection:
            assert connection.execute("SELECT count(*) FROM outbox").fetchone() == (0,)
            return [row[0] for row in connection.execute("SELECT event FROM events ORDER BY position")]

    def derived(self) -> set[str]:
        """Every object but the originals."""
        listed = self.service.aws.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {entry["Key"] for entry in listed if "/images/" not in entry["Key"]}

    def get(self, key: str) -> bytes:
        return self.service.aws.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()


@pytest.fixture
def imaging(deploy: Deploy) -> Iterator[Imaging]:
    deployment = deploy("imaging")
    service = bootstrap(ImagingSettings(**deployment.settings, max_receives=3), deployment.aws)
    yield Imaging(service, http(service), on_events(service), deployment)
    service.database.close()


def test_an_upload_becomes_renditions_and_a_fact(imaging: Imaging, make: Any) -> None:
    event = imaging.upload(make.encode(make.photo(2000, 1000), "PNG"))
    assert imaging.deliver(event) == []
    [recorded] = imaging.recorded()
    assert recorded["type"] == "collections.imaging.image-processed.v1"
    assert (recorded["subject"], recorded["tenantid"], recorded["causationid"]) == ("item-1", ALICE, event.id)
    assert recorded["correlationid"] == event.correlation_id
    data = recorded["data"]
    assert (data["width"], data["height"], data["media_type"]) == (2000, 1000, "image/png")
    assert (data["sha256"], data["original_filename"]) == (event.data.sha256, "holiday.png")
    model, thumbnail = data["renditions"]
    assert (model["kind"], model["key"]) == ("model", f"{ALICE}/renditions/item-1.jpg")
    assert (thumbnail["kind"], thumbnail["key"]) == ("thumbnail", f"{ALICE}/thumbnails/item-1.webp")
    for rendition in (model, thumbnail):
        stored = imaging.get(rendition["key"])
        assert len(stored) == rendition["size"]
        assert Image.open(io.BytesIO(stored)).size == (rendition["width"], rendition["height"])
    assert (model["width"], thumbnail["width"]) == (1568, 400)


def test_a_duplicate_has_one_effect_and_reprocessing_a_new_one(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    event = imaging.upload(sound_files["png"])
    imaging.deliver(event)
    imaging.deliver(event, event)
    assert len(imaging.recorded()) == 1
    imaging.deliver(replayed(event, replay_id="replay-1", replay_for="imaging"))
    assert len(imaging.recorded()) == 1, "a rebuild folds and emits nothing"
    imaging.deliver(replayed(event, replay_id="replay-2", replay_for="imaging", kind=ReplayKind.REPROCESS))
    first, second = imaging.recorded()
    assert first["data"] == second["data"]
    assert (first["sequence"], second["sequence"]) == ("1", "2")


def test_requests_about_an_upload_that_was_refused_are_told_why(imaging: Imaging) -> None:
    data = UploadRejected(original_filename="a.txt", size=5, reason=UploadRejection.EMPTY, detail="the file is empty")
    refused = new_event(data, subject="item-1", tenant_id=ALICE)
    again = replayed(refused, replay_id="replay-1", replay_for="imaging")
    assert imaging.deliver(refused, again) == []
    answer = imaging.post("item-1")
    assert (answer.status, answer.body["detail"]) == (422, "the file is empty")
    assert imaging.post("item-1", BOB).status == 404
    imaging.deliver(new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE), refused)
    assert imaging.post("item-1").status == 404
    with imaging.service.database.transaction() as connection:
        assert connection.execute("SELECT * FROM rejected_uploads").fetchall() == []


@pytest.mark.parametrize(
    ("data", "reason"), [(b"hello", "not-an-image"), (b"<svg/>", "unsupported-format"), (b"\xff\xd8\xff", "truncated")]
)
def test_a_bad_original_is_rejected_once_and_for_all(imaging: Imaging, data: bytes, reason: str) -> None:
    assert imaging.deliver(imaging.upload(data)) == []
    [recorded] = imaging.recorded()
    assert recorded["type"] == "collections.imaging.image-rejected.v1"
    assert recorded["data"]["reason"] == reason
    assert recorded["data"]["detail"].endswith(".")
    assert imaging.derived() == set()


def test_a_missing_original_is_rejected(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    event = imaging.upload(sound_files["png"])
    imaging.service.aws.s3.delete_object(Bucket=imaging.bucket, Key=event.data.key)
    assert imaging.deliver(event) == []
    assert imaging.recorded()[0]["data"]["reason"] == "missing"


def test_one_bad_picture_does_not_hold_up_its_batch(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    good = imaging.upload(sound_files["png"], item="good")
    bad = imaging.upload(b"bad", item="bad")
    also = imaging.upload(sound_files["webp"], item="also")
    assert imaging.deliver(good, bad, also) == []
    assert [recorded["type"].split(".")[2] for recorded in imaging.recorded()] == [
        "image-processed",
        "image-rejected",
        "image-processed",
    ]


def test_deletion_removes_every_rendition_of_the_item_alone(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    mine, other, foreign = (
        imaging.upload(sound_files["png"], tenant=tenant, item=item)
        for tenant, item in ((ALICE, "item-1"), (ALICE, "item-2"), (BOB, "item-1"))
    )
    imaging.deliver(mine, other, foreign)
    assert len(imaging.derived()) == 6
    deleted = new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE)
    assert imaging.deliver(deleted) == []
    assert imaging.deliver(deleted) == []
    assert {key.rsplit(".", 1)[0] for key in imaging.derived()} == {
        f"{ALICE}/renditions/item-2",
        f"{ALICE}/thumbnails/item-2",
        f"{BOB}/renditions/item-1",
        f"{BOB}/thumbnails/item-1",
    }
    assert imaging.post("item-1").status == 404


def test_an_upload_that_comes_after_its_deletion_leaves_nothing(
    imaging: Imaging, sound_files: dict[str, bytes]
) -> None:
    event = imaging.upload(sound_files["png"])
    imaging.deliver(new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE))
    assert imaging.deliver(event) == []
    assert imaging.recorded() == []
    assert imaging.derived() == set()


def test_resize_only_replaces_renditions(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    imaging.deliver(imaging.upload(sound_files["png"]))
    keys = imaging.derived()
    for key in keys:
        imaging.service.aws.s3.delete_object(Bucket=imaging.bucket, Key=key)
    answer = imaging.post("item-1", headers={"x-correlation-id": "the-thread"})
    assert answer.status == 200
    body = answer.body
    assert (body["id"], body["width"], body["height"]) == ("item-1", 320, 240)
    assert [rendition["kind"] for rendition in body["renditions"]] == ["model", "thumbnail"]
    assert imaging.derived() == keys
    first, second = imaging.recorded()
    assert second["data"] == first["data"]
    assert second["correlationid"] == "the-thread"


def test_resize_only_knows_nothing_of_other_tenants(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    imaging.deliver(imaging.upload(sound_files["png"], tenant=BOB))
    before = imaging.recorded()
    for item, tenant in (("item-1", ALICE), ("unknown", BOB)):
        answer = imaging.post(item, tenant)
        assert (answer.status, answer.body["title"]) == (404, "Not Found")
    assert imaging.recorded() == before


def test_resize_only_of_a_rejected_item_answers_with_the_reason(imaging: Imaging) -> None:
    imaging.deliver(imaging.upload(b"no picture"))
    answer = imaging.post("item-1")
    assert (answer.status, answer.body["type"]) == (422, "urn:collections:problem:image-not-an-image")
    assert answer.body["detail"]


def test_a_decoder_that_is_lost_every_time_ends_in_a_rejection(
    imaging: Imaging, sound_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_original: bytes) -> None:
        raise DecoderLostError("killed")

    event = imaging.upload(sound_files["png"])
    with monkeypatch.context() as patch:
        patch.setattr(isolation, "process_isolated", lose)
        assert imaging.deliver(event, receives=1) == [envelope(event)]
        assert imaging.recorded() == []
        assert imaging.deliver(event, receives=3) == []
    assert imaging.recorded()[0]["data"]["reason"] == "too-slow"
    assert imaging.dead_letters() == ["gave-up:DecoderLostError"]
    assert imaging.deliver(event) == [], "redriven from the dead-letter queue, it counts"
    assert [recorded["type"].split(".")[2] for recorded in imaging.recorded()] == ["image-rejected", "image-processed"]


def test_resize_only_answers_503_when_the_decoder_is_lost(
    imaging: Imaging, sound_files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_original: bytes) -> None:
        raise DecoderLostError("killed")

    imaging.deliver(imaging.upload(sound_files["png"]))
    monkeypatch.setattr(isolation, "process_isolated", lose)
    answer = imaging.post("item-1")
    assert (answer.status, answer.body["type"]) == (503, "urn:collections:problem:decoder-lost")
    assert len(imaging.recorded()) == 1


def test_the_projections_can_be_folded_again(imaging: Imaging, sound_files: dict[str, bytes]) -> None:
    uploads = [imaging.upload(sound_files["png"], item=f"item-{number}") for number in range(3)]
    deleted = new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE)
    imaging.deliver(*uploads, deleted)
    assert_refolds(imaging.service, [*uploads, deleted])
