"""What the relay answers an operator about parked events."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.errors import TransientError
from chassis.outbox import Parked
from chassis.parked_events import PAGE, answer
from chassis.schedule import relay
from chassis.service import Service
from chassis.settings import Settings
from testkit import Fakes
from testkit.fakes import SETTINGS
from testkit.invoking import CONTEXT

LogLines = Callable[[], list[dict[str, Any]]]
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def service(fakes: Fakes) -> Service[Any]:
    return fakes.under(Service(Settings(service="imaging", **SETTINGS), fakes.aws))


def park(fakes: Fakes, *positions: int) -> None:
    for position in positions:
        fakes.outbox.parked_rows[position] = Parked(
            position, f"event-{position}", "collections.x.y.v1", 15, "MalformedDetail: no", AT
        )


def test_a_page_of_what_is_parked_and_the_whole_number(fakes: Fakes, service: Service[Any]) -> None:
    assert PAGE == 100
    park(fakes, *range(1, 102))
    first = relay(service)({"parked": {"list": 0}}, CONTEXT)
    assert (first["total"], len(first["events"])) == (101, 100)
    assert first["events"][0] == {
        "position": 1,
        "event_id": "event-1",
        "type": "collections.x.y.v1",
        "attempts": 15,
        "reason": "MalformedDetail: no",
        "parked_at": "2026-01-02T03:04:05+00:00",
    }
    assert json.loads(json.dumps(first)) == first
    rest = relay(service)({"parked": {"list": 100}}, CONTEXT)
    assert (rest["total"], [event["position"] for event in rest["events"]]) == (101, [101])


def test_what_is_to_be_tried_again_is_logged(fakes: Fakes, service: Service[Any], log_lines: LogLines) -> None:
    park(fakes, 1, 2)
    assert relay(service)({"parked": {"retry": ["event-2", "gone"]}}, CONTEXT) == {"retried": 1}
    assert [*fakes.outbox.parked_rows] == [1]
    (line,) = log_lines()
    assert (line["message"], line["retried"], line["events"]) == (
        "parked events are tried again",
        1,
        ["event-2", "gone"],
    )


def test_nothing_is_published_while_an_operator_asks(fakes: Fakes, service: Service[Any]) -> None:
    fakes.outbox.documents[1] = {"source": "s", "type": "t"}
    assert relay(service)({"parked": {"list": 0}}, CONTEXT) == {"total": 0, "events": []}
    assert fakes.aws.events.entries == []


@pytest.mark.parametrize("request_", [{}, {"list": "0"}, {"retry": "event-1"}, {"delete": []}])
def test_another_request_is_refused(fakes: Fakes, service: Service[Any], request_: dict[str, Any]) -> None:
    park(fakes, 1)
    with pytest.raises(ValueError, match="neither list nor retry"):
        answer(service.database, request_)
    assert [*fakes.outbox.parked_rows] == [1]


def test_a_database_that_is_away_is_the_functions_error(fakes: Fakes, service: Service[Any]) -> None:
    fakes.database.fail()
    with pytest.raises(TransientError):
        relay(service)({"parked": {"list": 0}}, CONTEXT)
