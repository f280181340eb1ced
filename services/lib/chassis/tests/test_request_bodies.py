"""Bodies, queries and paths as no client should send them: each is a problem of the caller's, and no route sees it."""

import base64
import gzip
import json
from itertools import count
from typing import Any

import pytest
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from pydantic import BaseModel, Field

from chassis.http import HttpEntry, ProblemError, create_api, header, raw_body
from testkit.invoking import CONTEXT, http_event


class Wanted(BaseModel):
    """What the route takes."""

    number: int = 0
    ratio: float = 0
    name: str = ""
    things: list[Any] = Field(default_factory=list)


@pytest.fixture
def seen() -> list[Any]:
    """What the routes were called with."""
    return []


@pytest.fixture
def api(seen: list[Any]) -> APIGatewayHttpResolver:
    api = create_api(with_slashes=frozenset({"name"}))

    @api.post("/wanted")
    def wanted(body: Wanted) -> dict[str, Any]:
        seen.append(body)
        return {}

    @api.post("/optional")
    def optional(body: Wanted | None = None) -> dict[str, Any]:
        seen.append(body)
        return {}

    @api.get("/names/<name>/end")
    def named(name: str, q: str = "") -> dict[str, Any]:
        seen.append((name, q))
        return {}

    @api.get("/things/<thing>")
    def thing(thing: str) -> dict[str, Any]:
        seen.append(thing)
        return {}

    return api


def post(
    api: APIGatewayHttpResolver,
    body: str | bytes | None,
    content_type: str | None = "application/json",
    path: str = "/wanted",
    **headers: str,
) -> tuple[int, Any]:
    """Status and problem; text is handed over as text, bytes as base64, as the gateway does."""
    event = http_event("POST", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    if content_type is not None:
        event["headers"]["content-type"] = content_type
    if body is not None:
        event["isBase64Encoded"] = isinstance(body, bytes)
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return answer(api, event)


def answer(api: APIGatewayHttpResolver, event: dict[str, Any]) -> tuple[int, Any]:
    given = HttpEntry(api)(event, CONTEXT)
    if given["statusCode"] >= 400:
        assert given["headers"]["Content-Type"] == "application/problem+json"
    document = json.loads(given["body"])
    json.dumps(document, ensure_ascii=False).encode()
    return given["statusCode"], document


@pytest.mark.parametrize(
    "body",
    [
        "[" * 100_000,
        '{"things":' * 100_000,
        '{"things": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"number": ' + "9" * 5_000 + "}",
        '{"ratio": NaN}',
        '{"ratio": Infinity}',
        '{"ratio": -Infinity}',
        '{"ratio": 1e400}',
        '{"unknown": 1e400}',
        '{"name": "a\\u0000b"}',
        '{"unknown": ["a\\u0000b"]}',
        '{"things": [{"deep": [{"\\u0000": 1}]}]}',
        '{"name": "\\ud800"}',
        '{"name": "\\udc00\\ud800"}',
        '{"\\ud83d": 1}',
        '{"name": "a\x00b"}',
        "{",
        "{}{}",
        "{'number': 1}",
        '{"number": 01}',
        '{"number": 1,}',
        " ",
        "[]",
        '[{"number": 1}]',
        "[[1]]",
        "1",
        "true",
        '"text"',
        b"\xef\xbb\xbf\xef\xbb\xbf{}",
        b"\xff\xfe{\x00}\x00",
        b'{"name": "\xe4"}',
        b'{"name": "\xed\xa0\x80"}',
        b"\x1f\x8b\x08",
    ],
    ids=count(),  # their text names no test to a program that selects tests
)
@pytest.mark.parametrize("path", ["/wanted", "/optional"])
def test_what_is_no_json_object_is_refused(
    path: str, body: str | bytes, api: APIGatewayHttpResolver, seen: list[Any]
) -> None:
    status, problem = post(api, body, path=path)
    assert (status, problem["type"]) == (422, "urn:collections:problem:invalid-request")
    assert problem["errors"][0]["loc"][0] == "body"
    assert seen == []


def test_unstorable_text_is_told_where(api: APIGatewayHttpResolver) -> None:
    _, problem = post(api, json.dumps({"things": [1, {"of": "a\x00"}]}))
    assert problem["errors"] == [
        {
            "loc": ["body", "things", 1, "of"],
            "type": "string_characters",
            "msg": "Input should be text without U+0000 and lone surrogates",
        }
    ]


@pytest.mark.parametrize(("length", "shown"), [(100, 100), (101, 100), (5_000_000, 100)])
def test_an_answer_does_not_grow_with_the_names_in_a_body(
    length: int, shown: int, api: APIGatewayHttpResolver, seen: list[Any]
) -> None:
    """Lambda passes on six megabytes."""
    status, problem = post(api, json.dumps({"n" * length: ["a\x00b"]}))
    assert (status, problem["errors"][0]["loc"]) == (422, ["body", "n" * shown, 0])
    assert len(json.dumps(problem)) < 1000
    assert seen == []


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=frontier",
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/json",
        "application/jsonp",
        "application/octet-stream",
        "application",
        "json",
        ";",
        "application/json; charset=utf-16",
        "application/json; charset=ISO-8859-1",
        f"application/json; charset*{'9' * 5000}=utf-8",
        "application/json; charset=\ud800",
        "\ud800",
    ],
    ids=count(),  # some are long, or have characters that a program which selects tests does not find again
)
def test_what_is_declared_as_something_else_is_refused(
    content_type: str, api: APIGatewayHttpResolver, seen: list[Any]
) -> None:
    status, problem = post(api, '{"number": 1}', content_type)
    assert (status, problem["type"]) == (415, "urn:collections:problem:unsupported-media-type")
    assert problem["detail"].startswith("the body must be application/json")
    assert seen == []


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "APPLICATION/JSON; charset=UTF-8",
        'application/json;charset="utf-8"',
        " Application/Json ",
        "application/json; charset=us-ascii",
        "application/merge-patch+json",
    ],
)
@pytest.mark.parametrize(
    "body", ['{"number": 1}', b'{"number": 1}', b'\xef\xbb\xbf{"number": 1}', '\ufeff{"number":1}']
)
def test_json_is_json_however_it_is_written(
    body: str | bytes, content_type: str | None, api: APIGatewayHttpResolver, seen: list[Any]
) -> None:
    assert post(api, body, content_type) == (200, {})
    assert seen == [Wanted(number=1)]


def test_unknown_fields_are_ignored(api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    assert post(api, '{"unknown": {"more": [1]}, "name": "\\ud83c\\udf63"}') == (200, {})
    assert seen == [Wanted(name="🍣")]


@pytest.mark.parametrize(("body", "path", "status"), [(None, "/optional", 200), ("null", "/optional", 200)])
def test_a_body_may_be_missing_where_it_is_optional(
    body: str | None, path: str, status: int, api: APIGatewayHttpResolver, seen: list[Any]
) -> None:
    assert post(api, body, None, path) == (status, {})
    assert seen == [None]
    assert post(api, body, None)[0] == 422


def test_a_body_may_be_compressed(api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    assert post(api, gzip.compress(b'{"number": 7}'), content_encoding="gzip") == (200, {})
    assert seen == [Wanted(number=7)]
    assert post(api, b"{}", content_encoding="gzip")[0] == 400
    assert post(api, gzip.compress(b"["), content_encoding="gzip")[0] == 422


@pytest.mark.parametrize("body", ["not base64!", "e30", "e30=\n", "ü", "=", "e\x00=="])
def test_a_damaged_body_is_refused(body: str) -> None:
    with pytest.raises(ProblemError) as refused:
        raw_body({"body": body, "isBase64Encoded": True})
    assert (refused.value.status, refused.value.code) == (400, "damaged-body")


def test_a_body_is_the_bytes_that_were_sent() -> None:
    assert raw_body({"body": "aGk=", "isBase64Encoded": True}) == b"hi"
    assert raw_body({"body": "é", "isBase64Encoded": False}) == "é".encode()
    assert raw_body({"body": None}) == raw_body({}) == b""
    with pytest.raises(ProblemError):
        raw_body({"body": "\ud800"})


def test_names_of_headers_have_no_case() -> None:
    assert header({"headers": {"X-Name": "a"}}, "x-name") == "a"
    assert header({"headers": None}, "x-name") == header({}, "x-name") == ""


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/names/my-session-1/end", "my-session-1"),
        ("/names/with two blanks/end", "with two blanks"),
        ("/names/日本語 🍣/end", "日本語 🍣"),
        ("/names/a/b/end", "a/b"),
        ("/names/end/end/end", "end/end"),
        ("/names/..a../end", "..a.."),
        ("/names/50%25/end", "50%"),
        ("/names/50%2525/end", "50%25"),
        ('/names/#?"\\`\n\t;=&+/end', '#?"\\`\n\t;=&+'),
        ("/names/a\n/end", "a\n"),
    ],
    ids=count(),
)
def test_a_name_in_a_path_is_any_text(path: str, name: str, api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    """As the gateway hands it over: decoded, all but %25."""
    assert answer(api, http_event("GET", path)) == (200, {})
    assert seen == [(name, "")]


def test_only_some_names_may_have_slashes(api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    assert answer(api, http_event("GET", "/things/a b"))[0] == 200
    for path in ("/things/a/b", "/things/", "/things/a\n/", "/names//end/", "/Things/a"):
        status, problem = answer(api, http_event("GET", path))
        assert (status, problem["type"]) == (404, "urn:collections:problem:no-route")
    assert seen == ["a b"]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "a%00b"])
def test_unstorable_text_in_a_path_is_refused(text: str, api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    status, problem = answer(api, http_event("GET", f"/things/{text}"))
    assert (status, problem["errors"][0]["loc"]) == (422, ["path", "thing"])
    assert seen == []


def test_unstorable_text_in_a_query_is_refused(api: APIGatewayHttpResolver, seen: list[Any]) -> None:
    for name in ("q", "unknown"):
        status, problem = answer(api, http_event("GET", "/names/a/end", query={name: "a\x00b"}))
        assert (status, problem["errors"][0]["loc"]) == (422, ["query", name])
    assert seen == []
