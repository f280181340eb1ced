"""What the entry point passes on to routes."""

import json
import time
from typing import Any

import pytest
from pydantic import BaseModel

from chassis.http import CallerDep, HttpEntry, create_api
from testkit.invoking import CONTEXT, http_event


@pytest.mark.parametrize(("taken_s_ago", "waited_s"), [(None, 0.0), (3.0, 3.0), (-5.0, 0.0), (3600.0, 10.0)], ids=str)
def test_how_long_the_gateway_has_been_waiting(taken_s_ago: float | None, waited_s: float) -> None:
    """Clocks differ: impossible values are clamped."""
    api, seen = create_api(), []

    @api.get("/waited")
    def waited(caller: CallerDep) -> dict[str, Any]:
        seen.append(caller.waited_s)
        return {}

    event = http_event("GET", "/waited", "tenant-a")
    if taken_s_ago is not None:
        event["requestContext"]["timeEpoch"] = int((time.time() - taken_s_ago) * 1000)
    assert HttpEntry(api)(event, CONTEXT)["statusCode"] == 200
    assert seen == [pytest.approx(waited_s, abs=1)]


class Body(BaseModel):
    """What a route takes."""

    number: int


@pytest.mark.parametrize(
    ("content_type", "status"),
    [(None, 200), ("application/json", 200), ("application/json; charset=utf-8", 200), ("text/plain", 415)],
)
def test_a_body_of_another_kind_is_the_callers_fault(content_type: str | None, status: int) -> None:
    api = create_api()

    @api.post("/number")
    def number(body: Body) -> dict[str, Any]:
        return {"number": body.number}

    headers = {"content-type": content_type} if content_type else {}
    answer = HttpEntry(api)(http_event("POST", "/number", body={"number": 1}, headers=headers), CONTEXT)
    assert answer["statusCode"] == status
    if status == 415:
        assert json.loads(answer["body"])["detail"] == "the body must be application/json"
