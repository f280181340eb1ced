"""Requests become events of payload format 2.0, results become answers."""

import base64
import gzip
from typing import Any

import pytest

from serving.payloads import Answer, MalformedResultError, Request, Routes, answer_of, event_of


def request(path: str = "/items", query: str = "", body: bytes = b"", **headers: str) -> Request:
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return Request("POST", path, query, named, body, "10.0.0.1")


def event(given: Request) -> dict[str, Any]:
    return event_of(given, "POST /items", {}, None)


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("text/plain", True),
        ("image/png", False),
        ("multipart/form-data; boundary=x", False),
        ("application/x-www-form-urlencoded", False),
        ("", False),
    ],
)
def test_text_stays_text_and_all_else_is_base64(content_type: str, is_text: bool) -> None:
    given = event(request(body=b'{"a": 1}', **({"content_type": content_type} if content_type else {})))
    assert given["isBase64Encoded"] is not is_text
    assert (given["body"] if is_text else base64.b64decode(given["body"]).decode()) == '{"a": 1}'


def test_what_is_compressed_is_binary() -> None:
    packed = gzip.compress(b"{}")
    given = event(request(body=packed, content_type="application/json", content_encoding="gzip"))
    assert (given["isBase64Encoded"], base64.b64decode(given["body"])) == (True, packed)


def test_a_request_without_body_or_query_has_no_such_keys() -> None:
    assert {"body", "queryStringParameters", "cookies", "pathParameters"}.isdisjoint(event(request()))


def test_queries_headers_and_cookies() -> None:
    several = Request(
        "GET", "/items", "tag=a&tag=b%20c&empty=", [("accept", "a"), ("accept", "b"), ("cookie", "x=1; y=2")], b"", ""
    )
    given = event(several)
    assert given["queryStringParameters"] == {"tag": "a,b c", "empty": ""}
    assert given["rawQueryString"] == "tag=a&tag=b%20c&empty="
    assert given["headers"] == {"accept": "a,b"}
    assert given["cookies"] == ["x=1", "y=2"]


def test_claims_are_those_of_an_authorizer() -> None:
    given = event_of(request(), "POST /items", {"id": "1"}, {"sub": "alice"})
    assert given["requestContext"]["authorizer"]["jwt"]["claims"] == {"sub": "alice"}
    assert (given["pathParameters"], given["routeKey"]) == ({"id": "1"}, "POST /items")
    assert "authorizer" not in event(request())["requestContext"]


def test_a_path_is_decoded_but_for_what_handlers_decode() -> None:
    assert request("/items/a%20b%2Fc").path == "/items/a b/c"
    assert request("/items/100%25%20").path == "/items/100%25 "
    assert request("/items/%ff").path == "/items/�"


ROUTES = Routes(["GET /items", "GET /items/{id}", "GET /items/mine", "GET /items/{id}/events", "GET /items/{id+}"])


@pytest.mark.parametrize(
    ("path", "key", "parameters"),
    [
        ("/items", "GET /items", {}),
        ("//items", "GET /items", {}),
        ("/items/1", "GET /items/{id}", {"id": "1"}),
        ("/items/mine", "GET /items/mine", {}),
        ("/items/1/events", "GET /items/{id}/events", {"id": "1"}),
        ("/items/a/b/c", "GET /items/{id+}", {"id": "a/b/c"}),
        ("/items/a\nb", "GET /items/{id}", {"id": "a\nb"}),
    ],
)
def test_the_most_specific_route_wins(path: str, key: str, parameters: dict[str, str]) -> None:
    assert ROUTES.match("GET", path) == (key, parameters)


@pytest.mark.parametrize(("method", "path"), [("POST", "/items"), ("GET", "/items/"), ("GET", "/item"), ("GET", "/")])
def test_what_no_route_matches(method: str, path: str) -> None:
    assert ROUTES.match(method, path) is None


def test_answers() -> None:
    packed = base64.b64encode(b"\x00\x01").decode()
    assert answer_of({"statusCode": 200, "body": packed, "isBase64Encoded": True}).body == b"\x00\x01"
    full = answer_of({"statusCode": 201, "headers": {"ETag": "x"}, "cookies": ["a=1", "b=2"], "body": "é"})
    assert full == Answer(201, (("etag", "x"), ("set-cookie", "a=1"), ("set-cookie", "b=2")), "é".encode())
    assert answer_of({"a": 1}) == Answer(200, (("content-type", "application/json"),), b'{"a": 1}')


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": "200"},
        {"statusCode": 99},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: b"}},
    ],
)
def test_what_is_no_answer(result: dict[str, Any]) -> None:
    with pytest.raises(MalformedResultError):
        answer_of(result)
