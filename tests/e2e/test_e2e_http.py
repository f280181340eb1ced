"""HTTP through the gateway as the RFCs say: HEAD, compression, entity tags, correlation ids, pages of other origins."""

import gzip
import json

import pytest

from mesh.client import Api
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration]

ORIGIN = {"Origin": "https://example.com"}


def test_head_is_get_without_the_body(alice: Api) -> None:
    for path in ("/version", "/items", "/items/unknown"):
        get, head = (alice.request(method, path, headers={"Accept-Encoding": "gzip"}) for method in ("GET", "HEAD"))
        assert (head.status_code, head.content) == (get.status_code, b"")
        for name in ("etag", "content-type", "content-length", "content-encoding", "vary"):
            assert head.headers.get(name) == get.headers.get(name), f"{path}: {name}"


def test_a_long_answer_is_compressed_for_those_who_want_it(mesh: RunningMesh) -> None:
    api = Api(mesh.provisioned.api_url, None)
    plain, packed = (api.request("GET", "/openapi.json", headers={"Accept-Encoding": c}) for c in ("identity", "gzip"))
    assert plain.json() == packed.json()
    assert ("content-encoding" in plain.headers, packed.headers["content-encoding"]) == (False, "gzip")
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert plain.headers["vary"] == packed.headers["vary"] == "Accept-Encoding"
    assert plain.headers["etag"] != packed.headers["etag"]
    headers = {"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]}
    assert api.request("GET", "/openapi.json", headers=headers).status_code == 304


def test_a_body_may_be_compressed(alice: Api) -> None:
    wanted = json.dumps({"filename": "a.png", "media_type": "image/png", "bytes": 9}).encode()

    def send(content: bytes, coding: str) -> int:
        headers = {"Content-Type": "application/json", "Content-Encoding": coding}
        return alice.request("POST", "/items/uploads", content=content, headers=headers).status_code

    assert send(gzip.compress(wanted), "gzip") == 200
    assert send(wanted, "gzip") == 400
    assert send(gzip.compress(bytes(7_000_000)), "gzip") == 413
    assert send(wanted, "br") == 415


def test_pages_of_other_origins_may_read_every_answer(alice: Api, mesh: RunningMesh) -> None:
    nobody = Api(mesh.provisioned.api_url, None)
    named = {"X-Correlation-Id": "of-a-page", **ORIGIN}
    ours = [alice.request("GET", path, headers=named) for path in ("/items", "/items/unknown")]
    gateways = [nobody.request("GET", "/items", headers=ORIGIN), alice.request("GET", "/nowhere", headers=ORIGIN)]
    assert [answer.status_code for answer in ours + gateways] == [200, 404, 401, 404]
    for answer in ours + gateways:
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = set(answer.headers["access-control-expose-headers"].split(","))
        assert {"etag", "location", "retry-after", "x-correlation-id"} <= exposed
    assert [answer.headers["x-correlation-id"] for answer in ours] == ["of-a-page"] * 2
    assert [set(answer.json()) for answer in gateways] == [{"message"}] * 2


def test_pages_may_ask_for_every_method_and_header(mesh: RunningMesh) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "HEAD", "Access-Control-Request-Headers": "content-encoding"}
    answer = Api(mesh.provisioned.api_url, None).request("OPTIONS", "/items", headers=asked)
    assert {"HEAD", "GET", "POST"} <= set(answer.headers["access-control-allow-methods"].split(","))
    assert {"content-encoding", "if-none-match"} <= set(answer.headers["access-control-allow-headers"].split(","))
