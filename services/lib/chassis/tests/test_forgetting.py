"""Forgetting a tenant: the mark, what is erased, what comes late, and what the caller is told."""

import json
import sys
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import pytest

from chassis import erasure, forgetting
from chassis.database import Connection
from chassis.errors import TenantForgottenError, TransientError
from chassis.forgetting import erasing
from chassis.http import CallerDep, HttpEntry, create_api
from chassis.objects import ImageStore
from chassis.projections import Projections
from chassis.queue import DeadLetter, EventConsumer, forgets, on
from chassis.queue.dead_letters import send_dead_letter
from chassis.schedule import relayed
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import read_all
from contracts import Event, new_event, replayed
from contracts.imaging import ImageRejected, ImageRejection
from contracts.ingest import ForgottenBy, ItemDeleted, TenantForgotten, UploadRejected, UploadRejection
from testkit import Deployment, dead_letters, deliver, envelope, settled
from testkit.faults import AwsCalls, fails
from testkit.invoking import CONTEXT, http_event

pytestmark = pytest.mark.integration

ALICE, BOB = "tenant-alice", "tenant-bob"
CANARY = "canary-of-alice"
GONE = "this account is deleted, with everything that belonged to it"


def noted(connection: Connection, event: Event[UploadRejected]) -> None:
    connection.execute(
        "INSERT INTO notes VALUES (%s, %s, %s)", (event.tenant_id, event.subject, event.data.original_filename)
    )


class Noting(Service[Settings]):
    """A service that notes file names, and rejects every picture."""

    folders = ("renditions",)

    @cached_property
    def projections(self) -> Projections:
        return Projections({UploadRejected: noted})

    def consumer(self) -> EventConsumer:
        def reject(event: Event[UploadRejected]) -> Any:
            rejected = ImageRejected(reason=ImageRejection.CORRUPT, detail=event.data.original_filename)
            return lambda work: work.record(
                new_event(rejected, subject=event.subject, tenant_id=event.tenant_id, cause=event)
            )

        return EventConsumer(self, [on(UploadRejected, reject), forgets(self)])

    def holds(self, needle: str) -> list[str]:
        """Tables in which the text occurs, and keys of objects' versions."""
        connection = self.database.connection()
        tables = [
            row["relname"]
            for row in connection.execute(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace"
            ).fetchall()
        ]
        found = [
            table
            for table in tables
            if connection.execute(
                f"SELECT 1 FROM {table} AS t WHERE strpos(to_jsonb(t)::text, %s) > 0 LIMIT 1",
                (needle,),
            ).fetchone()
        ]
        page = self.aws.s3.list_object_versions(Bucket=self.settings.images_bucket)
        keys = [each["Key"] for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]]
        return found + [key for key in keys if needle in key]


@pytest.fixture
def noting(deployment: Deployment) -> Iterator[Noting]:
    started = Noting(Settings(**deployment.settings, max_receives=3), deployment.aws)
    started.database.connection().execute("CREATE TABLE notes (tenant_id text, item_id text, name text)")
    versioning = {"Status": "Enabled"}
    started.aws.s3.put_bucket_versioning(
        Bucket=started.settings.images_bucket,
        VersioningConfiguration=versioning,  # type: ignore[arg-type]
    )
    yield started
    started.database.close()


def uploaded(tenant: str, item: str = "item-1", name: str = CANARY) -> Event[UploadRejected]:
    data = UploadRejected(original_filename=name, size=1, reason=UploadRejection.NOT_AN_IMAGE, detail="d")
    return new_event(data, subject=item, tenant_id=tenant)


def forgotten(tenant: str = ALICE) -> Event[TenantForgotten]:
    return new_event(TenantForgotten(by=ForgottenBy.TENANT), subject=tenant, tenant_id=tenant)


def receipts(service: Noting) -> list[dict[str, int]]:
    events = [recorded.event for recorded in read_all(settled(service.database.connection()))]
    return [
        {each["store"]: each["count"] for each in event.data.model_dump()["stores"]}
        for event in events
        if event.type.endswith("tenant-erased.v1")
    ]


def test_nothing_is_left_of_the_tenant_and_everything_of_others(noting: Noting) -> None:
    consumer, settings = noting.consumer(), noting.settings
    assert not deliver(consumer, uploaded(ALICE), uploaded(ALICE, "item-2"), uploaded(BOB, name="of-bob"))
    for _ in range(2):
        noting.images.put(f"{ALICE}/renditions/{CANARY}.jpg", b"picture", "image/jpeg")
    noting.images.put(f"{BOB}/renditions/of-bob.jpg", b"picture", "image/jpeg")
    for tenant in (ALICE, BOB):
        letter = DeadLetter(envelope(uploaded(tenant)), "invalid-event", "broken")
        send_dead_letter(noting.aws.sqs, settings.dead_letter_queue_url, letter)
    with noting.database.transaction() as connection:
        connection.execute(
            "INSERT INTO idempotent_requests (tenant_id, route, key, fingerprint, claim, claimed_until, answer)"
            " VALUES (%s, 'POST /items', %s, 'f', 'c', now(), %s)",
            (ALICE, CANARY, CANARY),
        )
    assert {"events", "notes", "idempotent_requests"} < set(noting.holds(CANARY))
    of_bob = noting.holds("of-bob")

    assert not deliver(consumer, forgotten(), forgotten())
    assert noting.holds(CANARY) == []
    assert noting.holds("of-bob") == of_bob
    assert set(noting.holds(ALICE)) == {"events", "forgotten_tenants", "erasures"}
    erased = {"dead letters": 1, "events": 2, "objects": 2, "table idempotent_requests": 1, "table notes": 2}
    assert receipts(noting) == [erased, erased], "the second fact erased nothing, and tells what is"
    stored = [recorded.event for recorded in read_all(settled(noting.database.connection()))]
    assert [(e.subject, e.sequence) for e in stored if e.tenant_id == ALICE and e.subject != ALICE] == [
        ("item-1", 1),
        ("item-2", 1),
    ]


def test_a_receipt_counts_what_every_attempt_has_erased(noting: Noting, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt ends behind the objects and one event, the second behind another event."""
    consumer = noting.consumer()
    assert not deliver(consumer, *(uploaded(ALICE, f"item-{number}") for number in range(3)))
    for number in range(3):
        noting.images.put(f"{ALICE}/renditions/{number}.jpg", b"picture", "image/jpeg")
    erase_tenant, pages = erasure.erase_tenant, iter(range(10))

    def failing(connection: Connection, tenant_id: str, *, limit: int) -> int:
        if next(pages) in {1, 3}:
            raise TransientError("died")
        return erase_tenant(connection, tenant_id, limit=limit)

    monkeypatch.setattr(erasure, "erase_tenant", failing)
    monkeypatch.setattr(erasing, "_PAGE", 1)
    fact = forgotten()
    assert [len(deliver(consumer, fact)) for _ in range(3)] == [1, 1, 0]
    assert receipts(noting) == [{"events": 3, "objects": 3, "table notes": 3}]


def test_however_many_objects_there_are_each_attempt_gets_on_and_none_counts_twice(
    noting: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first attempt ends between counting a page and deleting it, the second between two pages."""
    for number in range(5):
        for _ in range(2):
            noting.images.put(f"{ALICE}/renditions/{number}.jpg", b"picture", "image/jpeg")
    versions, deletions = ImageStore.first_versions, iter(range(10))
    delete = ImageStore.delete_versions

    def dying(store: ImageStore, page: Any) -> None:
        if next(deletions) in {1, 3}:
            raise TransientError("died")
        delete(store, page)

    monkeypatch.setattr(ImageStore, "first_versions", lambda store, prefix: versions(store, prefix)[:4])
    monkeypatch.setattr(ImageStore, "delete_versions", dying)
    consumer, fact, left = noting.consumer(), forgotten(), list[int]()
    while deliver(consumer, fact):
        left.append(len(versions(noting.images, f"{ALICE}/")))
    assert left == [6, 2]
    assert receipts(noting) == [{"objects": 10}]


def test_the_next_attempt_goes_on_with_dead_letters_that_were_not_looked_at(
    noting: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["chassis.queue.forgets"], "_LOOK_S", 0.0)
    url = noting.settings.dead_letter_queue_url
    for number in range(25):
        letter = DeadLetter(envelope(uploaded(ALICE if number % 5 else BOB)), "invalid-event", "broken")
        send_dead_letter(noting.aws.sqs, url, letter)
    consumer, fact, attempts = noting.consumer(), forgotten(), 1
    while deliver(consumer, fact):
        attempts += 1
    assert 3 <= attempts <= 4, "ten at a time"
    assert receipts(noting) == [{"dead letters": 20}]


@pytest.mark.parametrize("look_s", [0.0, 10.0])
def test_dead_letters_that_were_not_deleted_are_found_by_the_next_attempt(
    noting: Noting, monkeypatch: pytest.MonkeyPatch, look_s: float
) -> None:
    monkeypatch.setattr(sys.modules["chassis.queue.forgets"], "_LOOK_S", look_s)
    url = noting.settings.dead_letter_queue_url
    for _ in range(3):
        send_dead_letter(noting.aws.sqs, url, DeadLetter(envelope(uploaded(ALICE)), "invalid-event", "broken"))
    consumer, fact, failing = noting.consumer(), forgotten(), fails()
    calls = iter([False, True])

    def second_fails(call: dict[str, Any]) -> Any:
        return failing(call) if call["QueueUrl"] == url and next(calls, True) else None

    with AwsCalls(noting.aws.sqs, DeleteMessage=second_fails):
        assert len(deliver(consumer, fact)) == 1
    while deliver(consumer, fact):
        pass
    numbers: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = noting.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=numbers)["Attributes"]
    assert left == dict.fromkeys(numbers, "0"), "hidden ones, too"


def test_dead_letters_of_an_item_go_with_it(noting: Noting) -> None:
    url = noting.settings.dead_letter_queue_url
    consumer = EventConsumer(noting, [on(ItemDeleted)])
    for event in (uploaded(ALICE), uploaded(ALICE, "item-2"), uploaded(BOB)):
        send_dead_letter(noting.aws.sqs, url, DeadLetter(envelope(event), "invalid-event", "broken"))
    send_dead_letter(noting.aws.sqs, url, DeadLetter(f"{{ {ALICE} item-1", "not-json", "broken"))
    deleted = new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE)
    assert not deliver(consumer, replayed(deleted, replay_id="r", replay_for=noting.settings.service))
    attributes = noting.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessages"] == "4"
    assert not deliver(consumer, deleted)
    left = [json.loads(letter.body)["detail"] for letter in dead_letters(noting.aws.sqs, url)]
    assert sorted((each["tenantid"], each["subject"]) for each in left) == [(ALICE, "item-2"), (BOB, "item-1")]


@pytest.mark.parametrize("operation", ["GetQueueAttributes", "ReceiveMessage", "ChangeMessageVisibilityBatch"])
def test_a_deletion_does_not_depend_on_dead_letters(noting: Noting, operation: str) -> None:
    consumer = EventConsumer(noting, [on(ItemDeleted)])
    url = noting.settings.dead_letter_queue_url
    send_dead_letter(noting.aws.sqs, url, DeadLetter(envelope(uploaded(BOB)), "invalid-event", "broken"))
    deleted = new_event(ItemDeleted(), subject="item-1", tenant_id=ALICE)
    failing = fails()
    of_letters = {operation: lambda call: failing(call) if call["QueueUrl"] == url else None}
    with AwsCalls(noting.aws.sqs, **of_letters) as calls:
        assert deliver(consumer, deleted) == []
    assert url in {call["QueueUrl"] for call in calls.of(operation)}
    assert noting.work.applied([deleted])


def test_what_comes_late_is_dropped_and_nothing_more_can_be_recorded(noting: Noting) -> None:
    consumer = noting.consumer()
    assert not deliver(consumer, forgotten())
    assert not deliver(consumer, uploaded(ALICE), uploaded(ALICE, ALICE), uploaded(BOB, name="of-bob"))
    assert noting.holds(CANARY) == []
    assert "notes" in noting.holds("of-bob")
    assert not dead_letters(noting.aws.sqs, noting.settings.dead_letter_queue_url)
    for subject in ("item-1", ALICE):
        with pytest.raises(TenantForgottenError), noting.work.on(ALICE, subject):
            pytest.fail("a unit of work of a forgotten tenant began")


def test_what_was_under_way_is_erased_by_the_relay(noting: Noting) -> None:
    assert not deliver(noting.consumer(), forgotten())
    noting.database.connection().execute("INSERT INTO notes VALUES (%s, 'item-1', %s)", (ALICE, CANARY))
    noting.images.put(f"{ALICE}/renditions/{CANARY}.jpg", b"picture", "image/jpeg")
    relayed(noting)
    assert noting.holds(CANARY) == []


def test_a_forgotten_tenants_token_opens_nothing(noting: Noting) -> None:
    api = create_api()

    @api.get("/items")
    def items(caller: CallerDep) -> list[str]:
        return [caller.tenant_id]

    entry = HttpEntry(api, noting.database, open_to_forgotten=frozenset({"DELETE /me"}))
    assert entry(http_event("GET", "/items", tenant=ALICE), CONTEXT)["statusCode"] == 200
    assert not deliver(noting.consumer(), forgotten())
    answer = entry(http_event("GET", "/items", tenant=ALICE), CONTEXT)
    problem = json.loads(answer["body"])
    assert answer["isBase64Encoded"] is False
    told = (answer["statusCode"], problem["type"], problem["detail"])
    assert told == (410, "urn:collections:problem:forgotten", GONE)
    assert entry(http_event("GET", "/items", tenant=BOB), CONTEXT)["statusCode"] == 200


def test_operators_are_told_what_there_is_and_what_was_erased(noting: Noting) -> None:
    consumer = noting.consumer()
    assert not deliver(consumer, uploaded(ALICE))
    assert forgetting.answer(noting, {"count": ALICE}) == {"stores": {"events": 1, "table notes": 1}}
    assert forgetting.answer(noting, {"show": ALICE}) == {"is_forgotten": False, "stores": None}
    assert not deliver(consumer, forgotten())
    assert forgetting.answer(noting, {"show": ALICE}) == {
        "is_forgotten": True,
        "stores": {"events": 1, "table notes": 1},
    }
    with pytest.raises(ValueError, match="neither count nor show"):
        forgetting.answer(noting, {"erase": ALICE})
