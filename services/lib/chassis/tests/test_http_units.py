"""Parts of HTTP answers one by one: what each problem says, entity tags, codings, and who the caller is."""

import base64
import gzip
import json
import uuid
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError
from pydantic import BaseModel

from chassis.errors import (
    CommitUnknownError,
    ConcurrencyError,
    MalformedCursorError,
    ProblemError,
    TenantForgottenError,
    TransientError,
)
from chassis.http import once
from chassis.http.bodies import json_object, raw_body
from chassis.http.caller import Caller, _fingerprint, _signed_in_at, verified_tenant
from chassis.http.codings import MAX_DECODED_BYTES, compressed, decoded
from chassis.http.correlation import correlated
from chassis.http.head import as_get, without_body
from chassis.http.headers import header
from chassis.http.problems import answered, not_yet
from chassis.http.validators import conditional
from chassis.idempotency import Kept

INVALID = RequestValidationError(
    [{"type": "t", "loc": ("body", 1, "x"), "msg": "no"}, {"type": "u", "loc": (), "msg": "n"}]
)
PASSING = {"Retry-After": "5"}
UNKNOWN = (
    "the connection to the database was lost while the request was being stored: it may have taken effect or not;"
    " look before you send it again"
)


@pytest.mark.parametrize(
    ("error", "status", "code", "detail", "more"),
    [
        (ProblemError(HTTPStatus.GONE, "gone", "it is", headers={"A": "b"}, left=1), 410, "gone", "it is", {"A": "b"}),
        (
            not_yet("item", "7"),
            409,
            "not-processed-yet",
            "item 7 is not processed yet; try again",
            {"Retry-After": "5"},
        ),
        (MalformedCursorError("what"), 400, "malformed-cursor", "what", {}),
        (INVALID, 422, "invalid-request", "body.1.x: no; : n", {}),
        (ConcurrencyError("x"), 409, "conflict", "it was changed meanwhile; read it again", PASSING),
        (
            TenantForgottenError("x"),
            410,
            "forgotten",
            "this account is deleted, with everything that belonged to it",
            {},
        ),
        (CommitUnknownError("x"), 503, "outcome-unknown", UNKNOWN, PASSING),
        (TransientError("x"), 503, "unavailable", "a dependency does not answer; try again", PASSING),
        (NotFoundError("x"), 404, "no-route", "there is no such route", {}),
        (ServiceError(405, "not so"), 405, "method-not-allowed", "not so", {}),
        (KeyError("secret"), 500, "internal", "an unexpected error; it has been logged", {}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_is_a_problem_of_its_own(
    error: Exception, status: int, code: str, detail: str, more: dict[str, str]
) -> None:
    answer = answered(error)
    body = json.loads(answer["body"])
    assert (answer["statusCode"], body["status"], body["title"]) == (status, status, HTTPStatus(status).phrase)
    assert (body["type"], body["detail"]) == (f"urn:collections:problem:{code}", detail)
    assert answer["headers"] == {"Content-Type": "application/problem+json", **more}
    assert (answer["isBase64Encoded"], answer["cookies"]) == (False, [])
    assert body.get("left") == (1 if code == "gone" else None)
    assert body.get("errors") == (
        [{"loc": ["body", 1, "x"], "type": "t", "msg": "no"}, {"loc": [], "type": "u", "msg": "n"}]
        if code == "invalid-request"
        else None
    )


def get(method: str = "GET", **headers: str) -> dict[str, Any]:
    return {"headers": headers, "requestContext": {"http": {"method": method, "path": "/"}}}


OK: dict[str, Any] = {"statusCode": 200, "headers": {"Content-Type": "text", "Vary": "x"}, "body": "text"}


def test_what_the_caller_has_already_is_not_sent_again() -> None:
    tagged = conditional(get(), OK)
    tag = tagged["headers"]["ETag"]
    assert tagged == OK | {"headers": {**OK["headers"], "ETag": tag}}
    assert len(tag) == 34
    for asked in (tag, f"W/{tag}", f'"other", {tag}', " * "):
        for name in ("if-none-match", "If-None-Match"):
            assert conditional(get(**{name: asked}), OK) == {
                "statusCode": 304,
                "headers": {"Vary": "x", "ETag": tag},
                "body": "",
                "isBase64Encoded": False,
            }
    for asked in ('"other"', tag.strip('"'), ""):
        assert conditional(get(**{"if-none-match": asked}), OK) == tagged
    assert conditional({"requestContext": get()["requestContext"]}, {"statusCode": 200})["headers"].keys() == {"ETag"}
    kept = {"Cache-Control": "private", "Content-Location": "/", "Expires": "0", "Vary": "y"}
    some = conditional(get(**{"if-none-match": "*"}), OK | {"headers": kept | {"Content-Encoding": "gzip"}})
    assert some["headers"].keys() == kept.keys() | {"ETag"}


@pytest.mark.parametrize(
    ("event", "answer"),
    [
        (get("POST"), OK),
        (get(), OK | {"statusCode": 201}),
        (get(), OK | {"headers": {"Cache-Control": "private, no-store"}}),
    ],
    ids=["no GET", "no success", "not to be stored"],
)
def test_other_answers_have_no_tag(event: dict[str, Any], answer: dict[str, Any]) -> None:
    assert conditional(event, answer) is answer


def test_an_answer_is_compressed_where_that_is_worthwhile_and_wanted() -> None:
    short, long = OK | {"body": "x" * 1023}, OK | {"body": "x" * 1024}
    wants = get(**{"accept-encoding": "gzip"})
    assert compressed(wants, short) is short
    assert compressed(wants, encoded := long | {"isBase64Encoded": True}) is encoded
    assert compressed(get(), long) == long | {"headers": {**OK["headers"], "Vary": "x, Accept-Encoding"}}
    found = compressed(wants, long | {"headers": {}})
    assert found["headers"] == {"Vary": "Accept-Encoding", "Content-Encoding": "gzip"}
    assert found["isBase64Encoded"] is True
    assert gzip.decompress(base64.b64decode(found["body"])) == b"x" * 1024
    assert found == compressed(wants, long | {"headers": {}}), "the same bytes, whatever the time is"


def test_a_body_that_cannot_be_taken_says_why() -> None:
    assert decoded(b"raw", " Identity ") == b"raw"
    packed = gzip.compress(b"raw")
    assert {decoded(packed, coding) for coding in ("gzip", "X-GZIP")} == {b"raw"}
    with pytest.raises(ProblemError) as refused:
        decoded(b"raw", "br")
    assert (refused.value.status, refused.value.code) == (415, "unsupported-coding")
    assert refused.value.detail == "the body must not be encoded with br; gzip is taken"
    assert refused.value.headers == {"Accept-Encoding": "gzip, identity"}
    for event in ({"body": "no base64!", "isBase64Encoded": True}, {"body": "\ud800"}):
        with pytest.raises(ProblemError) as refused:
            raw_body(event)
        assert (refused.value.status, refused.value.code) == (400, "damaged-body")
        assert refused.value.detail == "the request body is damaged"
    with pytest.raises(ProblemError) as refused:
        decoded(packed[:-4], "gzip")
    assert (refused.value.code, refused.value.detail) == ("damaged-body", "the request body is damaged gzip")
    assert raw_body({}) == b""
    assert len(decoded(gzip.compress(b"x" * MAX_DECODED_BYTES, 1), "gzip")) == MAX_DECODED_BYTES
    with pytest.raises(ProblemError) as refused:
        decoded(gzip.compress(b"x" * (MAX_DECODED_BYTES + 1), 1), "gzip")
    assert (refused.value.status, refused.value.code) == (413, "too-large")
    assert refused.value.extensions == {"max_bytes": MAX_DECODED_BYTES}


def test_a_body_is_json_whatever_it_is_called() -> None:
    def read(body: str, kind: str = "") -> dict[str, Any] | None:
        return json_object({"body": body, "headers": {"Content-Type": kind}})

    for kind in (
        "",
        " ",
        "application/json",
        "application/problem+JSON; charset=UTF8",
        "application/json;charset=us-ascii",
    ):
        assert read('\ufeff{"a": 1}', kind) == {"a": 1}
    assert read("") is read("null") is None
    for kind, detail in (
        ("text/json", "the body must be application/json"),
        ("application/jsonx", "the body must be application/json"),
        ("application/json; charset=latin-1", "the body must be application/json in UTF-8"),
    ):
        with pytest.raises(ProblemError) as refused:
            read("{}", kind)
        assert (refused.value.status, refused.value.code) == (415, "unsupported-media-type")
        assert refused.value.detail == detail
    long = "x" * 101
    for body, fault in (
        ("[]", {"type": "dict_type", "loc": ("body",), "msg": "Input should be an object"}),
        ('{"a": 1e999}', {"type": "finite_number", "loc": ("body", "a"), "msg": "Input should be a finite number"}),
        (
            f'{{"{long}": [1, "\\u0000"]}}',
            {
                "type": "string_characters",
                "loc": ("body", "x" * 100, 1),
                "msg": "Input should be text without U+0000 and lone surrogates",
            },
        ),
    ):
        with pytest.raises(RequestValidationError) as invalid:
            read(body)
        assert list(invalid.value.errors()) == [fault]
    with pytest.raises(RequestValidationError) as invalid:
        read("{")
    (fault,) = invalid.value.errors()
    assert (fault["type"], fault["loc"], fault["msg"][:18]) == ("json_invalid", ("body",), "JSON decode error:")


@pytest.mark.parametrize("given", ["a" * 8, "A.b_c-" + "9" * 58])
def test_a_correlation_id_is_the_callers_or_the_requests(given: str) -> None:
    event = {"headers": {"x-CORRELATION-id": given, "a": "b"}, "requestContext": {"requestId": "the request"}}
    assert correlated(event) == (given, event | {"headers": {"x-correlation-id": given, "a": "b"}})
    for wrong in (given[:7], given[:7] + " ", "a" * 65):
        event = {"headers": {"X-Correlation-Id": wrong}, "requestContext": {"requestId": "the request"}}
        assert correlated(event)[0] == "the request"
    found, event = correlated({"headers": None, "requestContext": {}})
    assert str(uuid.UUID(found)) == found
    assert event["headers"] == {"x-correlation-id": found}


def test_a_head_has_the_length_of_the_body() -> None:
    assert as_get(get("HEAD")) == get("GET")
    for body, is_encoded in (("täxt", False), (base64.b64encode("täxt".encode()).decode(), True)):
        answer = OK | {"body": body, "isBase64Encoded": is_encoded}
        headers = {**OK["headers"], "Content-Length": "5"}
        assert without_body(answer) == OK | {"headers": headers, "body": "", "isBase64Encoded": False}
    assert without_body(OK | {"body": None})["headers"] == OK["headers"]


def claims(**given: Any) -> dict[str, Any]:
    return {"requestContext": {"authorizer": {"jwt": {"claims": given}}}}


def test_the_caller_is_who_the_verified_token_says() -> None:
    assert verified_tenant(claims(sub="ann")) == "ann"
    assert verified_tenant(claims()) is verified_tenant({}) is None
    assert [_signed_in_at(claims(auth_time=given)) for given in ("17", 17, "x", "", "-1")] == [17, 17, 0, 0, 0]
    assert _signed_in_at({}) == 0
    asked = {"rawPath": "/a", "rawQueryString": "b=c", "body": "d"}
    others = [asked, asked | {"rawPath": "/ab"}, asked | {"rawQueryString": ""}, asked | {"body": "e"}]
    assert len({_fingerprint(each) for each in others}) == 4
    assert len(_fingerprint(asked | {"rawPath": "\ud800"})) == 64
    assert header({"headers": {"A-b": "c"}}, "a-b") == "c"
    assert header({"headers": None}, "a") == header({}, "a") == ""


class Thing(BaseModel):
    """What a route makes."""

    id: str


@pytest.mark.parametrize(
    ("kept", "status", "code", "detail"),
    [
        (
            Kept("other", is_answered=True, answer="{}"),
            422,
            "idempotency-key-reused",
            "this Idempotency-Key was sent with another request before",
        ),
        (
            Kept("f", is_answered=False, answer=None),
            409,
            "request-under-way",
            "the same request is still being answered",
        ),
        (Kept("f", is_answered=True, answer=None), 410, "gone", "what this request made is deleted"),
    ],
)
def test_a_request_that_cannot_be_repeated_says_why(
    kept: Kept, status: int, code: str, detail: str, fakes: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chassis.idempotency.claim", lambda *_, **__: kept)
    caller = Caller("ann", "c", "00-0-0-01", idempotency_key="k", route="POST /", fingerprint="f")
    with pytest.raises(ProblemError) as refused:
        once(fakes.database, caller, Thing, lambda keep: pytest.fail("it is done again"))
    assert (refused.value.status, refused.value.code, refused.value.detail) == (status, code, detail)
