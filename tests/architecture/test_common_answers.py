"""What every route may answer: nobody unknown, malformed requests, compressed bodies, keys of others, faults of ours.

Each answer is compared with the OpenAPI document, as everything that `testkit.call` gets; a new route is tried without
being listed here.
"""

import gzip
import importlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis import idempotency
from chassis.errors import TransientError
from chassis.http import HttpEntry
from chassis.http.codings import MAX_DECODED_BYTES
from chassis.idempotency import Kept
from chassis.settings import Settings
from manifests import Route, RouteAuth, load_manifests
from manifests.model import Method
from registry.openapi import TARGET
from testkit import Answer, Fakes, call
from testkit.fakes import SETTINGS
from testkit.operator.routes import example_body
from workspace import REPOSITORY

ROUTES = [
    (ref.service.service, route)
    for ref in load_manifests(REPOSITORY).functions
    for route in ref.function.gateway_routes
    if not route.is_greedy
]
DOCUMENT = json.loads((REPOSITORY / TARGET).read_text(encoding="utf-8"))
#: The one body that is no JSON.
FORM = {"content-type": "multipart/form-data; boundary=b"}
PICTURE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n\x89PNG\r\n\x1a\n\r\n--b--\r\n'


def operation_of(route: Route) -> dict[str, Any]:
    """HEAD is documented with GET."""
    method = Method.GET if route.method is Method.HEAD else route.method
    found: dict[str, Any] = DOCUMENT["paths"][route.path][method.lower()]
    return found


def names(routes: list[tuple[str, Route]]) -> list[str]:
    return [route.key for _, route in routes]


CLOSED = [(service, route) for service, route in ROUTES if route.auth is RouteAuth.JWT]
WITH_BODY = [(service, route) for service, route in ROUTES if "requestBody" in operation_of(route)]
WITH_KEY = [
    (service, route)
    for service, route in ROUTES
    if any(entry["name"].lower() == "idempotency-key" for entry in operation_of(route).get("parameters", []))
]


@pytest.fixture
def entry(fakes: Fakes, request: pytest.FixtureRequest) -> HttpEntry:
    """The HTTP function of the service of the case, in memory."""
    service, _ = request.node.callspec.params["case"]
    kinds = [each for each in vars(importlib.import_module(f"{service}.settings")).values() if isinstance(each, type)]
    (settings,) = [each for each in kinds if issubclass(each, Settings) and each is not Settings]
    built = importlib.import_module(f"{service}.bootstrap").bootstrap(settings(**SETTINGS), fakes.aws)
    entry_points = importlib.import_module(f"{service}.handler").ENTRY_POINTS
    http: HttpEntry = entry_points.build("http", fakes.under(built))
    return http


def ask(entry: HttpEntry, route: Route, tenant: str | None = "alice", **request: Any) -> Answer:
    """A request to the route; what names something in the path is `x`."""
    path = "/".join("x" if part.startswith("{") else part for part in route.path.split("/"))
    return call(entry, route.method, path, tenant, **request)


def valid(route: Route, **headers: str) -> dict[str, Any]:
    """A request that is accepted, as arguments of `call`: of the examples of the fields that are required."""
    if "requestBody" not in operation_of(route):
        return {"headers": headers}
    if "multipart/form-data" in operation_of(route)["requestBody"]["content"]:
        return {"body": PICTURE, "headers": headers | FORM}
    return {"body": example_body(route) or {}, "headers": headers}


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["type"].rpartition(":")[2] if answer.text else ""


@pytest.mark.parametrize("case", CLOSED, ids=names(CLOSED))
def test_a_route_answers_nobody_without_a_token(case: tuple[str, Route], entry: HttpEntry, fakes: Fakes) -> None:
    """Behind the gateway, which checks tokens first: a route that was opened by mistake answers nobody either."""
    assert ask(entry, case[1], None, body=example_body(case[1])).status == 401
    assert fakes.store.locks == []


@pytest.mark.parametrize("case", CLOSED, ids=names(CLOSED))
def test_a_route_answers_nobody_who_is_forgotten(case: tuple[str, Route], entry: HttpEntry, fakes: Fakes) -> None:
    _, route = case
    fakes.forgotten.at["alice"] = datetime.now(UTC)
    if (route.method, route.path) == ("DELETE", "/me"):  # which may have to be sent again
        assert problem(ask(entry, route)) == (403, "sign-in-again")
    else:
        assert ask(entry, route, **valid(route)).status == 410
        assert fakes.store.locks == []


@pytest.mark.parametrize("case", ROUTES, ids=names(ROUTES))
def test_text_that_no_store_can_hold_is_refused(case: tuple[str, Route], entry: HttpEntry) -> None:
    answer = ask(entry, case[1], query={"unknown": "\x00"})
    assert problem(answer)[0] == 422


@pytest.mark.parametrize(
    ("fault", "status"), [(KeyError("secret"), 500), (TransientError("secret"), 503)], ids=[500, 503]
)
@pytest.mark.parametrize("case", ROUTES, ids=names(ROUTES))
def test_a_fault_says_nothing_of_itself(
    case: tuple[str, Route], fault: Exception, status: int, entry: HttpEntry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised where every request passes."""

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("chassis.http.entry.OpenAPIRequestValidationMiddleware.handler", fail)
    answer = ask(entry, case[1])
    assert answer.status == status
    assert "secret" not in answer.text


@pytest.mark.parametrize(
    ("coding", "sent", "status"),
    [
        ("br", b"", 415),
        ("gzip", b"damaged", 400),
        ("gzip", gzip.compress(bytes(MAX_DECODED_BYTES + 1)), 413),
    ],
    ids=[415, 400, 413],
)
@pytest.mark.parametrize("case", WITH_BODY, ids=names(WITH_BODY))
def test_a_body_may_be_compressed_if_it_is_done_right(
    case: tuple[str, Route], coding: str, sent: bytes, status: int, entry: HttpEntry
) -> None:
    request = valid(case[1], **{"content-encoding": coding})
    assert problem(ask(entry, case[1], **{**request, "body": sent}))[0] == status


@pytest.mark.parametrize(
    ("kept", "status", "code"),
    [
        ({"is_answered": False}, 409, "request-under-way"),
        ({"is_answered": True}, 410, "gone"),
        ({"is_answered": True, "fingerprint": "another"}, 422, "idempotency-key-reused"),
    ],
    ids=[409, 410, 422],
)
@pytest.mark.parametrize("case", WITH_KEY, ids=names(WITH_KEY))
def test_a_key_belongs_to_one_request(
    case: tuple[str, Route], kept: dict[str, Any], status: int, code: str, entry: HttpEntry, fakes: Fakes
) -> None:
    route = case[1]

    class Claimed:
        def claim(self, connection: object, request: object, *, fingerprint: str, claim: str) -> Kept:
            return Kept(**({"fingerprint": fingerprint, "answer": None} | kept))

    fakes.stand_in(idempotency, Claimed())
    assert problem(ask(entry, route, **valid(route, **{"idempotency-key": "key-1"}))) == (status, code)
