"""Compressed bodies, compressed answers, and answers without a body: HEAD."""

import base64
import gzip
import json
import zlib
from http import HTTPStatus
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from chassis.http import HttpEntry, ProblemError, Response, create_api, raw_body, weights
from chassis.http.codings import MAX_DECODED_BYTES, compressed, decoded
from testkit.invoking import CONTEXT, http_event

LONG = "é" * 512  # 1,024 bytes
SHORT = LONG[1:] + "e"  # 1,023


def ask(api: APIGatewayHttpResolver, accepted: str | None = None, method: str = "GET", **headers: str) -> Any:
    """The answer as the gateway gets it."""
    given = headers if accepted is None else headers | {"Accept-Encoding": accepted}
    return HttpEntry(api)(http_event(method, "/text", headers=given), CONTEXT)


def texts(text: str, headers: dict[str, Any] | None = None, status: int = 200) -> APIGatewayHttpResolver:
    """An API that answers with this."""
    api = create_api()

    @api.get("/text")
    def route() -> Response[str]:
        return Response(status, "text/plain", text, headers or {})

    return api


def content(answer: dict[str, Any]) -> str:
    body: str = answer["body"]
    if not answer["isBase64Encoded"]:
        return body
    assert answer["headers"]["Content-Encoding"] == "gzip"
    return gzip.decompress(base64.b64decode(body)).decode()


@pytest.mark.parametrize(
    ("accepted", "is_compressed"),
    [
        (None, False),
        ("", False),
        ("gzip", True),
        ("GZIP", True),
        ("x-gzip", True),
        ("br, gzip;q=0.1", True),
        ("deflate, br", False),
        ("*", True),
        ("*;q=0", False),
        ("gzip;q=0", False),
        ("gzip;q=0.000", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("identity;q=0", False),
        ("gzip, identity", True),
        ("gzip;q=0.5, identity", False),
        ("gzip;q=0.5, identity;q=0.5", True),
        ("gzip;q=0.5, identity;q=0.6", False),
        ("gzip;q=0.5, *;q=0.6", False),
        ("x-gzip;q=0.2, gzip;q=0.7, identity;q=0.5", True),
        ("gzip;q=much", False),
        ("gzipped", False),
    ],
)
def test_an_answer_is_compressed_for_those_who_prefer_it(accepted: str | None, *, is_compressed: bool) -> None:
    answer = ask(texts(LONG), accepted)
    assert (answer["statusCode"], content(answer), answer["isBase64Encoded"]) == (200, LONG, is_compressed)
    assert answer["headers"].get("Content-Encoding") == ("gzip" if is_compressed else None)
    assert answer["headers"]["Vary"] == "Accept-Encoding"
    assert answer["headers"]["Content-Type"] == "text/plain"


def test_a_short_answer_stays_as_it_is() -> None:
    for text in (SHORT, ""):
        answer = ask(texts(text), "gzip")
        assert (answer["body"], answer["isBase64Encoded"]) == (text, False)
        assert {"Content-Encoding", "Vary"}.isdisjoint(answer["headers"])


def test_what_depends_on_more_than_the_coding_says_so() -> None:
    assert ask(texts(LONG, {"Vary": "Accept"}))["headers"]["Vary"] == "Accept, Accept-Encoding"


def test_bytes_are_not_compressed() -> None:
    answer = {"statusCode": 200, "headers": {}, "body": LONG, "isBase64Encoded": True}
    assert compressed({"headers": {"accept-encoding": "gzip"}}, answer) is answer


def test_problems_are_compressed_too() -> None:
    api = create_api()

    @api.get("/text")
    def route() -> str:
        raise ProblemError(HTTPStatus.CONFLICT, "busy", LONG)

    answer = ask(api, "gzip")
    assert (answer["statusCode"], json.loads(content(answer))["detail"]) == (409, LONG)
    assert answer["headers"]["Content-Type"] == "application/problem+json"


def test_each_coding_has_its_tag_and_304_varies_as_200_does() -> None:
    api = texts(LONG)
    tags = {accepted: ask(api, accepted)["headers"]["ETag"] for accepted in ("gzip", "identity")}
    assert tags["gzip"] != tags["identity"]
    assert base64.b64decode(ask(api, "gzip")["body"])[4:8] == bytes(4), "no time: the same answer keeps its tag"
    for accepted, tag in tags.items():
        same = ask(api, accepted, **{"if-none-match": tag})
        assert (same["statusCode"], same["body"], same["headers"]["Vary"]) == (304, "", "Accept-Encoding")
        assert same["headers"]["ETag"] == tag
        assert {"Content-Encoding", "Content-Length"}.isdisjoint(same["headers"])
    other = ask(api, "gzip", **{"if-none-match": tags["identity"]})
    assert (other["statusCode"], content(other)) == (200, LONG)


@pytest.mark.parametrize("accepted", ["", "gzip"])
@pytest.mark.parametrize("text", [SHORT, LONG, ""])
@pytest.mark.parametrize("status", [200, 404])
def test_head_is_get_without_the_body(status: int, text: str, accepted: str) -> None:
    api = texts(text, {"Cache-Control": "max-age=9"}, status)
    given = {"x-correlation-id": "12345678"}
    get, head = (ask(api, accepted, method, **given) for method in ("GET", "HEAD"))
    body = base64.b64decode(get["body"]) if get["isBase64Encoded"] else get["body"].encode()
    assert (head["statusCode"], head["body"], head["isBase64Encoded"]) == (status, "", False)
    length = {"Content-Length": str(len(body))} if text else {}
    assert head["headers"] == get["headers"] | length


def test_head_is_conditional_as_get_is() -> None:
    api = texts(SHORT)
    tag = ask(api)["headers"]["ETag"]
    for method in ("GET", "HEAD"):
        answer = ask(api, method=method, **{"if-none-match": tag})
        assert (answer["statusCode"], answer["body"]) == (304, "")
        assert "Content-Length" not in answer["headers"]


def test_head_is_there_where_get_is(log_lines: Any) -> None:
    api = create_api()

    @api.post("/text")
    def route() -> dict[str, str]:
        return {}

    answer = ask(api, method="HEAD")
    assert (answer["statusCode"], answer["body"]) == (404, "")
    (line,) = log_lines()
    assert (line["method"], line["status"]) == ("HEAD", 404)


def event(body: bytes, coding: str) -> dict[str, Any]:
    return {
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
        "headers": {"Content-Encoding": coding},
    }


@pytest.mark.parametrize("coding", ["gzip", "GZIP", " x-gzip "])
def test_a_compressed_body_is_what_was_compressed(coding: str) -> None:
    for text in (b"", b"{}", bytes(100_000)):
        assert raw_body(event(gzip.compress(text), coding)) == text
    assert raw_body(event(gzip.compress(b"a") + gzip.compress(b"b"), coding)) == b"ab", "members follow each other"
    assert raw_body(event(b"", coding)) == b""


def test_what_is_not_compressed_is_as_it_was_sent() -> None:
    assert raw_body(event(b"{}", "identity")) == raw_body(event(b"{}", " ")) == b"{}"


@pytest.mark.parametrize(
    "damaged",
    [
        b"{}",
        b"\x1f\x8b\x08",
        gzip.compress(b"{}")[:-1],
        gzip.compress(b"{}")[:-9],
        gzip.compress(b"{}")[:-8] + bytes(8),
        gzip.compress(b"{}") + b"and more",
        gzip.compress(b"{}")[:10] + b"\xff" * 20,
        zlib.compress(b"{}"),
    ],
    ids=range(8),
)
def test_damaged_gzip_is_the_callers_fault(damaged: bytes) -> None:
    with pytest.raises(ProblemError) as refused:
        raw_body(event(damaged, "gzip"))
    assert (refused.value.status, refused.value.code) == (400, "damaged-body")


def test_a_body_may_become_as_large_as_one_that_is_not_compressed() -> None:
    assert len(decoded(gzip.compress(bytes(6 * 1024 * 1024)), "gzip")) == MAX_DECODED_BYTES == 6 * 1024 * 1024
    with pytest.raises(ProblemError) as refused:
        decoded(gzip.compress(bytes(6 * 1024 * 1024 + 1)), "gzip")
    assert (refused.value.status, refused.value.code) == (413, "too-large")
    assert refused.value.extensions == {"max_bytes": 6 * 1024 * 1024}


def test_a_bomb_is_not_unpacked() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packer.compress(bytes(1024 * 1024)) for _ in range(1024)) + packer.flush()
    with pytest.raises(ProblemError) as refused:
        decoded(bomb, "gzip")
    assert refused.value.status == 413


@pytest.mark.parametrize("coding", ["br", "deflate", "gzip, gzip", "gzip, identity", "none"])
def test_another_coding_is_refused_with_those_that_are_taken(coding: str) -> None:
    api = create_api()

    @api.post("/wanted")
    def wanted(body: dict[str, Any]) -> dict[str, Any]:
        return body

    headers = {"content-type": "application/json", "content-encoding": coding}
    answer = HttpEntry(api)(http_event("POST", "/wanted", body=b"{}", headers=headers), CONTEXT)
    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["type"]) == (415, "urn:collections:problem:unsupported-coding")
    assert (answer["headers"]["Accept-Encoding"], coding in problem["detail"]) == ("gzip, identity", True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a", {"a": 1}),
        ("A;q=0.5, b ; Q = 0.25", {"a": 0.5, "b": 0.25}),
        ("a;q=1.000,b;q=0.,c;q=1.", {"a": 1, "b": 0, "c": 1}),
        ("a;level=1;q=0.3", {"a": 0.3}),
        ("a;q=0.3, a;q=0.7, a;q=0.5", {"a": 0.7}),
        ("a;q=1.1, b;q=2, c;q=-0.5, d;q=, e;q=x", dict.fromkeys("abcde", 0)),
    ],
)
def test_weights_are_those_of_the_header(text: str, found: dict[str, float]) -> None:
    assert weights(text) == found
