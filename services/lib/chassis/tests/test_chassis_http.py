"""The entry point of the HTTP API: who calls, what is answered, what is logged and measured."""

import json
import time
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.exceptions import BadRequestError, ServiceError
from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse
from pydantic import BaseModel

from chassis.errors import (
    ChassisError,
    CommitUnknownError,
    ConcurrencyError,
    MalformedCursorError,
    PermanentError,
    TransientError,
)
from chassis.http import (
    Caller,
    CallerDep,
    HttpEntry,
    ProblemError,
    Response,
    create_api,
    documented,
    not_found,
    problem,
)
from chassis.observability import hash_tenant, logger
from testkit import Answer, call
from testkit.invoking import CONTEXT, http_event

LogLines = Callable[[], list[dict[str, Any]]]
Measured = Callable[[], dict[str, tuple[str, list[float]]]]
TRACEPARENT = "00-" + "ab" * 16 + "-" + "12" * 8 + "-01"


class Body(BaseModel):
    """What a route takes."""

    number: int
    name: str = ""


@pytest.fixture
def callers() -> list[Caller]:
    """Who called the route `/caller`."""
    return []


@pytest.fixture
def api(callers: list[Caller]) -> APIGatewayHttpResolver:
    api = create_api()

    @api.get("/caller")
    def caller(caller: CallerDep) -> dict[str, Any]:
        callers.append(caller)
        return {}

    @api.post("/number")
    def number(body: Body) -> dict[str, Any]:
        return {"number": body.number}

    return api


@pytest.fixture
def failing() -> Callable[[Exception], Answer]:
    """Answers of a route that raises the given error."""

    def ask(error: Exception) -> Answer:
        api = create_api()

        @api.get("/fails")
        def fails() -> dict[str, Any]:
            raise error

        return call(HttpEntry(api), "GET", "/fails")

    return ask


def kept(answer: Answer) -> dict[str, str]:
    """The headers, without that which every answer has."""
    return {name: value for name, value in answer.headers.items() if name != "X-Correlation-Id"}


@pytest.mark.parametrize(
    ("taken_s_ago", "waited_s"), [(None, 0.0), (3.0, 3.0), (9.0, 9.0), (-5.0, 0.0), (3600.0, 10.0)], ids=str
)
def test_how_long_the_gateway_has_been_waiting(
    taken_s_ago: float | None, waited_s: float, api: APIGatewayHttpResolver, callers: list[Caller]
) -> None:
    """Clocks differ: impossible values are clamped."""
    event = http_event("GET", "/caller", "tenant-a")
    if taken_s_ago is not None:
        event["requestContext"]["timeEpoch"] = int((time.time() - taken_s_ago) * 1000)
    assert HttpEntry(api)(event, CONTEXT)["statusCode"] == 200
    assert [caller.waited_s for caller in callers] == [pytest.approx(waited_s, abs=0.9)]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', 'W/"other",{}', "*", " * "])
def test_who_has_the_answer_already_gets_none(form: str, api: APIGatewayHttpResolver) -> None:
    first = call(HttpEntry(api), "GET", "/caller", "tenant-a")
    tag = first.headers["ETag"]
    assert (first.status, first.body) == (200, {})
    again = call(HttpEntry(api), "GET", "/caller", "tenant-a", headers={"If-None-Match": form.format(tag)})
    assert (again.status, again.text, kept(again)) == (304, "", {"ETag": tag})


@pytest.mark.parametrize("form", ["", '"other"', "{}x", '"{}', "**"])
def test_who_has_another_answer_gets_this_one(form: str, api: APIGatewayHttpResolver) -> None:
    tag = call(HttpEntry(api), "GET", "/caller", "tenant-a").headers["ETag"].strip('"')
    answer = call(HttpEntry(api), "GET", "/caller", "tenant-a", headers={"If-None-Match": form.format(tag)})
    assert (answer.status, answer.headers["ETag"]) == (200, f'"{tag}"')


@pytest.mark.parametrize(
    ("method", "status", "headers"),
    [("GET", 404, {}), ("POST", 200, {}), ("GET", 200, {"Cache-Control": "private, no-store"})],
)
def test_only_what_may_be_stored_has_a_tag(method: str, status: int, headers: dict[str, str]) -> None:
    api = create_api()

    @api.route("/route", method=method)
    def route() -> Response[str]:
        return Response(status, "application/json", "{}", headers)

    answer = call(HttpEntry(api), method, "/route", headers={"if-none-match": "*"})
    assert (answer.status, "ETag" in answer.headers) == (status, False)


def test_another_answer_has_another_tag_and_304_keeps_what_caches_need() -> None:
    api, bodies = create_api(), iter(['{"a":1}', '{"a":2}', '{"a":2}'])

    @api.get("/route")
    def route() -> Response[str]:
        return Response(200, "application/json", next(bodies), {"Vary": "Accept", "Cache-Control": "max-age=9"})

    first, second = (call(HttpEntry(api), "GET", "/route").headers["ETag"] for _ in range(2))
    assert first != second
    again = call(HttpEntry(api), "GET", "/route", headers={"if-none-match": second})
    assert kept(again) == {"ETag": second, "Vary": "Accept", "Cache-Control": "max-age=9"}


def test_the_tenant_is_the_subject_of_the_token(api: APIGatewayHttpResolver, callers: list[Caller]) -> None:
    assert call(HttpEntry(api), "GET", "/caller", "tenant-a", headers={"sub": "tenant-b"}).status == 200
    assert [caller.tenant_id for caller in callers] == ["tenant-a"]


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"authorizer": {}},
        {"authorizer": {"jwt": {}}},
        {"authorizer": {"jwt": {"claims": {}}}},
        {"authorizer": {"jwt": {"claims": {"sub": ""}}}},
        {"authorizer": {"jwt": {"claims": {"username": "tenant-a"}}}},
        {"authorizer": {"claims": {"sub": "tenant-a"}}},
    ],
    ids=json.dumps,
)
def test_without_a_verified_subject_nobody_calls(
    context: dict[str, Any], api: APIGatewayHttpResolver, callers: list[Caller]
) -> None:
    event = http_event("GET", "/caller")
    event["requestContext"] |= context
    answer = HttpEntry(api)(event, CONTEXT)
    assert answer["statusCode"] == 401
    assert answer["headers"]["WWW-Authenticate"] == "Bearer"
    assert answer["headers"]["Content-Type"] == "application/problem+json"
    assert json.loads(answer["body"]) == {
        "type": "urn:collections:problem:unauthorized",
        "title": "Unauthorized",
        "status": 401,
        "detail": "a valid token is required",
    }
    assert callers == []


@pytest.mark.parametrize("given", ["12345678", "a" * 64, "AZaz09._-"])
@pytest.mark.parametrize("header", ["x-correlation-id", "X-Correlation-Id"])
def test_a_well_formed_correlation_id_of_the_caller_is_kept(
    header: str, given: str, api: APIGatewayHttpResolver, callers: list[Caller], log_lines: LogLines
) -> None:
    answer = call(HttpEntry(api), "GET", "/caller", "tenant-a", headers={header: given})
    assert [caller.correlation_id for caller in callers] == [answer.headers["X-Correlation-Id"]] == [given]
    (line,) = log_lines()
    assert (line["correlation_id"], line["tenant"]) == (given, hash_tenant("tenant-a"))


@pytest.mark.parametrize("header", ["x-correlation-id", "X-Correlation-Id"])
@pytest.mark.parametrize("given", [None, "", "1234567", "a" * 65, "with blank", "12345678\n", "ünïcödes", "12345678;"])
def test_any_other_is_replaced_by_the_requests_own_id(
    given: str | None, header: str, api: APIGatewayHttpResolver, callers: list[Caller]
) -> None:
    event = http_event("GET", "/caller", "tenant-a", headers={} if given is None else {header: given})
    answer = HttpEntry(api)(event, CONTEXT)
    own = event["requestContext"]["requestId"]
    assert [caller.correlation_id for caller in callers] == [answer["headers"]["X-Correlation-Id"]] == [own]


def test_a_request_without_any_id_gets_one(api: APIGatewayHttpResolver, callers: list[Caller]) -> None:
    answered = []
    for _ in range(2):
        event = http_event("GET", "/caller", "tenant-a")
        del event["requestContext"]["requestId"]
        answered.append(HttpEntry(api)(event, CONTEXT)["headers"]["X-Correlation-Id"])
    first, second = (uuid.UUID(caller.correlation_id) for caller in callers)
    assert first != second
    assert answered == [str(first), str(second)]


def test_a_request_may_have_no_headers(api: APIGatewayHttpResolver, callers: list[Caller]) -> None:
    event = http_event("GET", "/caller", "tenant-a") | {"headers": None}
    assert HttpEntry(api)(event, CONTEXT)["statusCode"] == 200
    assert [caller.correlation_id for caller in callers] == [event["requestContext"]["requestId"]]


@pytest.mark.parametrize(
    ("method", "path", "tenant", "headers", "status"),
    [
        ("GET", "/caller", None, {}, 401),
        ("GET", "/nowhere", None, {}, 404),
        ("POST", "/number", None, {"content-type": "text/plain"}, 415),
        ("POST", "/number", None, {}, 422),
        ("GET", "/caller", "tenant-a", {"if-none-match": "*"}, 304),
        ("HEAD", "/caller", "tenant-a", {}, 200),
    ],
)
def test_every_answer_and_its_line_have_the_correlation_id(
    method: str,
    path: str,
    tenant: str | None,
    headers: dict[str, str],
    status: int,
    api: APIGatewayHttpResolver,
    log_lines: LogLines,
) -> None:
    answer = call(HttpEntry(api), method, path, tenant, headers={"x-correlation-id": "of-a-client", **headers})
    assert (answer.status, answer.headers["X-Correlation-Id"]) == (status, "of-a-client")
    (line,) = log_lines()
    assert (line["message"], line["correlation_id"]) == ("request", "of-a-client")


def test_the_callers_trace_goes_on(api: APIGatewayHttpResolver, callers: list[Caller]) -> None:
    for header in ("traceparent", "Traceparent"):
        call(HttpEntry(api), "GET", "/caller", "tenant-a", headers={header: TRACEPARENT})
    call(HttpEntry(api), "GET", "/caller", "tenant-a")
    first, second, third = (caller.traceparent.split("-")[1] for caller in callers)
    assert first == second == "ab" * 16
    assert third != first


def test_traces_can_be_found_by_the_correlation_id(
    api: APIGatewayHttpResolver, callers: list[Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    annotations: list[dict[str, str]] = []
    monkeypatch.setattr("chassis.http.caller.annotate", lambda **given: annotations.append(given))
    call(HttpEntry(api), "GET", "/caller", "tenant-a")
    assert annotations == [{"correlation_id": caller.correlation_id} for caller in callers]
    assert annotations


def test_a_route_declares_what_it_answers() -> None:
    problem_schema = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    gone = {410: {"description": "It was deleted.", "content": problem_schema}}
    assert documented((HTTPStatus.GONE, "It was deleted.")) == {200: {"description": "OK"}, **gone}
    created: dict[int, OpenAPIResponse] = {201: {"description": "Made."}}
    assert documented((HTTPStatus.GONE, "It was deleted."), success=created) == created | gone


def test_one_line_and_one_duration_a_request(
    api: APIGatewayHttpResolver, log_lines: LogLines, measured: Measured
) -> None:
    entry = HttpEntry(api)
    logger.append_keys(tenant="of an earlier request")
    call(entry, "POST", "/number", body={"number": 1})
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("INFO", "request")
    assert (line["method"], line["route"], line["status"]) == ("POST", "POST /number", 200)
    assert "tenant" not in line, "nothing of an earlier request is left"
    (unit, (duration_ms,)) = measured()["RequestDuration"]
    assert unit == "Milliseconds"
    assert 0 < duration_ms == line["duration_ms"] < 60_000


def test_a_duration_is_the_time_between_to_a_tenth_of_a_millisecond(
    api: APIGatewayHttpResolver, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.http.entry.time.perf_counter", iter([1.0, 1.0123456]).__next__)
    call(HttpEntry(api), "POST", "/number", body={"number": 1})
    assert measured()["RequestDuration"] == ("Milliseconds", [12.3])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [(None, 200), ("application/json", 200), ("application/json; charset=utf-8", 200), ("text/plain", 415)],
)
def test_a_body_of_another_kind_is_the_callers_fault(
    content_type: str | None, status: int, api: APIGatewayHttpResolver
) -> None:
    headers = {"content-type": content_type} if content_type else {}
    answer = call(HttpEntry(api), "POST", "/number", body={"number": 1}, headers=headers)
    assert answer.status == status
    if status == 415:
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.body == {
            "type": "urn:collections:problem:unsupported-media-type",
            "title": "Unsupported Media Type",
            "status": 415,
            "detail": "the body must be application/json",
        }


def test_a_body_that_breaks_its_type_is_told_where(api: APIGatewayHttpResolver) -> None:
    answer = call(HttpEntry(api), "POST", "/number", body={"number": "x", "name": 1})
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body["type"] == "urn:collections:problem:invalid-request"
    number, name = answer.body["errors"]
    assert set(number) == {"loc", "type", "msg"}
    assert (number["loc"], number["type"]) == (["body", "number"], "int_parsing")
    assert (name["loc"], name["type"]) == (["body", "name"], "string_type")
    assert answer.body["detail"] == f"body.number: {number['msg']}; body.name: {name['msg']}"


class OwnError(ConcurrencyError):
    """A service's own kind of conflict."""


@pytest.mark.parametrize(
    ("error", "status", "code", "detail"),
    [
        (ProblemError(HTTPStatus.GONE, "gone", "it was here"), 410, "gone", "it was here"),
        (not_found("item", "7"), 404, "not-found", "item 7 not found"),
        (ConcurrencyError("stream x"), 409, "conflict", "it was changed meanwhile; read it again"),
        (OwnError("stream x"), 409, "conflict", "it was changed meanwhile; read it again"),
        (MalformedCursorError("too long"), 400, "malformed-cursor", "too long"),
        (TransientError("db"), 503, "unavailable", "a dependency does not answer; try again"),
        (
            CommitUnknownError("db"),
            503,
            "outcome-unknown",
            "the connection to the database was lost while the request was being stored: it may have taken effect or"
            " not; look before you send it again",
        ),
        (BadRequestError("no such thing"), 400, "bad-request", "no such thing"),
        (ServiceError(413, "too much"), 413, HTTPStatus(413).phrase.lower().replace(" ", "-"), "too much"),
        (PermanentError("code", "secret"), 500, "internal", "an unexpected error; it has been logged"),
        (ChassisError("secret"), 500, "internal", "an unexpected error; it has been logged"),
        (KeyError("secret"), 500, "internal", "an unexpected error; it has been logged"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_is_a_problem_with_a_stable_code(
    error: Exception, status: int, code: str, detail: str, failing: Callable[[Exception], Answer]
) -> None:
    answer = failing(error)
    assert answer.status == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.body == {
        "type": f"urn:collections:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    assert answer.headers.get("Retry-After") == ("5" if status in (409, 503) else None)


@pytest.mark.parametrize("status", [status for status in HTTPStatus if status >= 400])
def test_what_may_pass_says_when_to_try_again(status: HTTPStatus) -> None:
    assert problem(status, "code", "detail").headers.get("Retry-After") == ("5" if status in (409, 503) else None)


def test_a_route_that_is_not_there(api: APIGatewayHttpResolver) -> None:
    answer = call(HttpEntry(api), "GET", "/nowhere")
    assert answer.status == 404
    assert (answer.body["type"], answer.body["detail"]) == (
        "urn:collections:problem:no-route",
        "there is no such route",
    )


def test_a_problem_may_say_more() -> None:
    answer: Response[str] = problem(HTTPStatus.CONFLICT, "busy", "wait", until="noon", errors=[1])
    assert (answer.status_code, answer.content_type) == (409, "application/problem+json")
    assert json.loads(answer.body or "") == {
        "type": "urn:collections:problem:busy",
        "title": "Conflict",
        "status": 409,
        "detail": "wait",
        "until": "noon",
        "errors": [1],
    }


def test_what_a_problem_says_more_reaches_the_caller(failing: Callable[[Exception], Answer]) -> None:
    answer = failing(ProblemError(HTTPStatus.CONFLICT, "busy", "wait", headers={"Allow": "GET"}, until="noon"))
    assert (answer.body["until"], "headers" in answer.body) == ("noon", False)
    assert (answer.headers["Allow"], answer.headers["Retry-After"]) == ("GET", "5")


def test_an_unexpected_error_is_logged_with_its_traceback_and_counted(
    failing: Callable[[Exception], Answer], log_lines: LogLines, measured: Measured
) -> None:
    failing(KeyError("a bug of ours"))
    fault, request = log_lines()
    assert (fault["level"], fault["message"], fault["exception_name"]) == ("ERROR", "unhandled fault", "KeyError")
    assert request["status"] == 500
    assert measured()["HttpFaults"] == ("Count", [1])


def test_what_is_unavailable_is_logged_and_is_no_fault_of_ours(
    failing: Callable[[Exception], Answer], log_lines: LogLines, measured: Measured
) -> None:
    failing(TransientError("the database does not answer"))
    warning, request = log_lines()
    assert (warning["level"], warning["message"]) == ("WARNING", "unavailable")
    assert warning["error"] == "the database does not answer"
    assert request["status"] == 503
    assert "HttpFaults" not in measured()
