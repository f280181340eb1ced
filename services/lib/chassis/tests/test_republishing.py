"""A recorded event is sent to one consumer once more, because its owner asked for it."""

import json
from typing import Any

import pytest

from chassis.errors import TransientError
from chassis.republishing import republish
from chassis.service import Service
from chassis.settings import Settings
from contracts import Event, new_event
from contracts.imaging import ImageProcessed, ImageRejected
from contracts.ingest import ItemDeleted, RetryRequested, RetryStep
from testkit import Fakes, LogLines
from testkit.fakes import SETTINGS, example

ASKED = new_event(RetryRequested(step=RetryStep.ANALYSIS), subject="item-1", tenant_id="alice")


@pytest.fixture
def service(fakes: Fakes) -> Service[Any]:
    return fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))


def record(fakes: Fakes, service: Service[Any], *events: Event[Any]) -> list[Event[Any]]:
    """What was recorded; it is on the bus already."""
    recorded = []
    for event in events:
        with service.work.on(event.tenant_id, event.subject) as work:
            recorded += work.record(event)
    fakes.aws.events.entries.clear()
    return recorded


def sent(fakes: Fakes) -> list[dict[str, Any]]:
    return [json.loads(entry["Detail"]) for entry in fakes.aws.events.entries]


def test_the_newest_event_of_that_contract_is_sent_to_that_consumer_to_react_to(
    fakes: Fakes, service: Service[Any]
) -> None:
    _, newest, *_ = record(
        fakes,
        service,
        example(ImageProcessed, subject="item-1", tenant="alice"),
        example(ImageProcessed, subject="item-1", tenant="alice"),
        example(ImageRejected, subject="item-1", tenant="alice"),
        example(ImageProcessed, subject="item-2", tenant="alice"),
        example(ImageProcessed, subject="item-1", tenant="bob"),
    )
    for _ in range(2):
        republish(service, ASKED, ImageProcessed, "analysis")
    again = {"replayid": ASKED.id, "replayfor": "analysis", "replaykind": "reprocess"}
    assert sent(fakes) == [newest.to_wire() | again] * 2


def test_where_nothing_is_recorded_there_is_nothing_to_send(
    fakes: Fakes, service: Service[Any], log_lines: LogLines
) -> None:
    record(fakes, service, example(ImageProcessed, subject="item-1", tenant="bob"))
    republish(service, ASKED, ImageProcessed, "analysis")
    assert sent(fakes) == []
    (line,) = log_lines()
    assert (line["message"], line["type"]) == ("nothing to send again", ImageProcessed.event_type)


def test_of_a_deleted_item_nothing_is_sent(fakes: Fakes, service: Service[Any]) -> None:
    record(fakes, service, example(ImageProcessed, subject="item-1", tenant="alice"))
    fakes.tombstones.mark_deleted(fakes.connection, new_event(ItemDeleted(), subject="item-1", tenant_id="alice"))
    republish(service, ASKED, ImageProcessed, "analysis")
    assert sent(fakes) == []


def test_what_the_bus_refuses_is_tried_again_later(fakes: Fakes, service: Service[Any]) -> None:
    record(fakes, service, example(ImageProcessed, subject="item-1", tenant="alice"))
    fakes.aws.events.refuses = lambda entry: True
    with pytest.raises(TransientError, match="the bus refused it: InternalFailure"):
        republish(service, ASKED, ImageProcessed, "analysis")
