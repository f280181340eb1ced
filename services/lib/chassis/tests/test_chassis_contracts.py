"""Contracts in use: old majors are upcast, broken events dead-lettered with rule and path, nothing personal leaks."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from psycopg.types.json import Jsonb

from chassis.observability import logger
from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from chassis.store import read_all, read_stream
from chassis.work import Complete
from contracts import Contract, Event, InvalidEventError, NotLivingError, new_event, replayed
from contracts.ingest import ItemDeleted, UploadRejected, UploadRejection
from contracts.retired import SessionExpiredV1, SessionExpiredV2
from contracts.sessions import CrowdedOut, Idle, SessionExpired
from testkit import dead_letters, deliver, settled

pytestmark = pytest.mark.integration

Imaging = Service[Settings]
EXAMPLES = Path(__file__).parents[4] / "contracts" / "examples"
FILE = "Käse und Brot.png"


def golden(version: int, name: str) -> dict[str, Any]:
    path = EXAMPLES / f"{SessionExpired.fact()}.v{version}" / f"{version}.0" / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def body(document: dict[str, Any]) -> str:
    return json.dumps({"source": document["source"], "detail-type": document["type"], "detail": document})


def rejected() -> dict[str, Any]:
    data = UploadRejected(original_filename=FILE, size=1, reason=UploadRejection.EMPTY, detail="Nothing arrived.")
    return new_event(data, subject="item-1", tenant_id="tenant-a").to_wire()


def keep(service: Imaging, document: dict[str, Any]) -> None:
    """Put a document into the store as a service of an earlier time did."""
    service.database.connection().execute(
        """
        INSERT INTO events (event_id, tenant_id, stream_id, stream_version, type, event)
        VALUES (%s, %s, %s, %s, %s, %s)
        """,
        (
            document["id"],
            document["tenantid"],
            document["subject"],
            int(document["sequence"]),
            document["type"],
            Jsonb(document),
        ),
    )


def test_every_major_reaches_the_handler_as_the_one_it_understands(service: Imaging) -> None:
    handled: list[Event[SessionExpired]] = []
    consumer = EventConsumer(service, [on(SessionExpired, handled.append)])
    documents = [golden(1, "limit"), golden(2, "crowded-out"), golden(3, "crowded-out")]
    assert not deliver(consumer, *map(body, documents))
    assert dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url) == []
    assert {event.id for event in handled} == {document["id"] for document in documents}
    assert {event.data.cause for event in handled} == {CrowdedOut(kind="crowded-out", allowed=100)}


def test_a_replayed_old_event_is_upcast_too_and_applied_once(service: Imaging) -> None:
    effects: list[Contract] = []

    def handle(event: Event[SessionExpired]) -> Complete:
        return lambda work: effects.append(event.data)

    consumer = EventConsumer(service, [on(SessionExpired, handle)])
    again = {**golden(1, "idle"), "replayid": "r", "replayfor": "imaging", "replaykind": "reprocess"}
    # A redrive brings the first message of the dead-letter queue back as it is.
    for document in (golden(1, "idle"), golden(1, "idle"), again, again):
        assert not deliver(consumer, body(document))
    assert [effect.model_dump()["cause"] for effect in effects] == [{"kind": "idle", "after_s": 14400}] * 2


def test_a_newer_major_than_is_understood_is_a_dead_letter(service: Imaging) -> None:
    consumer = EventConsumer(service, [on(SessionExpiredV2, lambda event: None)])
    assert not deliver(consumer, body(golden(3, "idle")))
    (letter,) = dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url)
    assert letter.reason == "not-subscribed"


def test_stored_events_of_old_majors_are_read_and_republished_as_the_current_one(service: Imaging) -> None:
    documents = [{**golden(1, "idle"), "sequence": "1"}, {**golden(2, "crowded-out"), "sequence": "2"}]
    for document in documents:
        keep(service, document)
    stream = read_stream(service.database.connection(), documents[0]["tenantid"], documents[0]["subject"])
    everything = [recorded.event for recorded in read_all(settled(service.database.connection()))]
    assert stream == everything
    data = [event.data for event in stream]
    assert all(isinstance(payload, SessionExpired) for payload in data)
    assert [payload.model_dump()["cause"]["kind"] for payload in data] == ["idle", "crowded-out"]
    again = replayed(stream[0], replay_id="r", replay_for="chat").to_wire()
    assert again["type"] == SessionExpired.event_type
    assert again["data"] == {
        "cause": {"kind": "idle", "after_s": 14400},
        "last_turn_at": again["data"]["last_turn_at"],
    }


def test_what_a_contract_forbids_is_not_recorded(service: Imaging) -> None:
    old = SessionExpiredV1.model_validate({"reason": "idle", "last_activity": "2026-11-22T09:30:00Z"})
    zero = Idle.model_construct(kind="idle", after_s=0)
    forged = SessionExpired.model_validate({"cause": {"kind": "idle", "after_s": 1}, "last_turn_at": old.last_activity})
    for data, error in ((old, NotLivingError), (forged.model_copy(update={"cause": zero}), InvalidEventError)):
        with pytest.raises(error), service.work.on("tenant-a", "session") as work:
            work.record(new_event(data, subject="session", tenant_id="tenant-a"))
    assert read_all(settled(service.database.connection())) == []


BROKEN: dict[str, tuple[dict[str, Any], str, str]] = {
    "a value of another type": ({"size": "secret text"}, "int_type", "/data/size"),
    "a value that is none of the known": ({"reason": "secret text"}, "enum", "/data/reason"),
    "a text for nothing": ({"original_filename": None}, "string_type", "/data/original_filename"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_contract_is_a_dead_letter_with_rule_and_path(
    name: str, service: Imaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, rule, path = BROKEN[name]
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    document = rejected()
    document["data"] |= change
    consumer = EventConsumer(service, [on(UploadRejected, lambda event: None)])
    assert not deliver(consumer, body(document))
    (letter,) = dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url)
    assert (letter.reason, letter.rule, letter.path, letter.violations) == (
        "invalid-event",
        rule,
        path,
        1,
    )
    assert path in letter.detail
    assert "secret" not in letter.detail
    line = next(line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "dead-lettered")
    assert line["violations"] == [{"rule": rule, "path": path}]
    assert "secret" not in log.getvalue()
    assert "Brot" not in log.getvalue()


@pytest.mark.parametrize("receives", [1, 3], ids=["tried again", "given up"])
def test_an_error_that_quotes_a_payload_leaks_nothing(
    receives: int, service: Imaging, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handle(event: Event[UploadRejected]) -> None:
        logger.info("about to fail", extra={"file": {"names": [event.data.original_filename]}})
        raise RuntimeError(f"no place for {event.data.original_filename!r}")

    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    message = body(rejected())
    stays = deliver(EventConsumer(service, [on(UploadRejected, handle)]), message, receives=receives)
    assert bool(stays) == (receives == 1)
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert "about to fail" in {line["message"] for line in lines}
    assert "no place for '***'" in log.getvalue()
    assert "Brot" not in log.getvalue()
    for letter in dead_letters(service.aws.sqs, service.settings.dead_letter_queue_url):
        assert letter.detail == "no place for '***'"
        assert letter.body == message, "the event itself is kept as it is"


def test_a_preparation_that_quotes_a_payload_leaks_nothing(service: Imaging, monkeypatch: pytest.MonkeyPatch) -> None:
    handled: list[str] = []

    def prepare(events: Sequence[Event[UploadRejected]]) -> None:
        if len(events) > 1:
            raise RuntimeError(f"no place for {events[0].data.original_filename!r}")

    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    subscription = on(UploadRejected, lambda event: handled.append(event.id), prepare=prepare)
    consumer = EventConsumer(service, [subscription])
    assert not deliver(consumer, body(rejected()), body(rejected()))
    assert len(handled) == 2
    assert "no place for '***'" in log.getvalue()
    assert "Brot" not in log.getvalue()


def test_lines_outside_of_an_event_are_left_alone(service: Imaging, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    consumer = EventConsumer(service, [on(ItemDeleted, lambda event: logger.info("inside"))])
    assert not deliver(consumer, body(new_event(ItemDeleted(), subject="i", tenant_id="t").to_wire()))
    logger.info(f"outside {FILE}", extra={"when": 1.5})
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["message"] for line in lines][-1] == f"outside {FILE}"
    assert lines[-1]["when"] == 1.5
