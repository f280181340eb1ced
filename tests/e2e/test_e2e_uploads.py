"""Bad input at the API and behind it: a clear answer, and nothing half-written."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("picture.png", b"this is text, whatever its name says"),
        ("picture.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        ("picture.jpg", b"%PDF-1.7 a document"),
        ("empty.png", b""),
    ],
)
def test_what_is_no_picture_is_refused_whatever_it_is_called(name: str, body: bytes, alice: Api) -> None:
    answer = alice.request("POST", "/items", files={"file": (name, body, "image/png")})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"]
    assert alice.json("GET", "/items")["total"] == 0


def test_a_picture_over_the_limit_is_referred_to_direct_uploads(alice: Api) -> None:
    body = b"\x89PNG\r\n\x1a\n" + bytes(7_000_000)
    answer = alice.request("POST", "/items", files={"file": ("large.png", body, "image/png")})
    assert answer.status_code == 413
    if answer.headers["content-type"] == "application/problem+json":
        assert "/items/uploads" in answer.json()["detail"]
    assert alice.json("GET", "/items")["total"] == 0


def test_a_direct_upload_over_the_limit_gets_no_form(alice: Api) -> None:
    asked = {"filename": "huge.png", "media_type": "image/png", "bytes": 60_000_000}
    assert alice.request("POST", "/items/uploads", json=asked).status_code in {413, 422}


def test_a_truncated_picture_is_rejected_with_a_reason(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    path = picture("cut off")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    item = alice.upload(path)
    final = alice.follow([item["id"]])[item["id"]]
    assert final["status"] == "rejected"
    assert final["status_reason"]
    assert mesh.dead_letters() == {}
    assert not [key for key in mesh.keys(item["id"]) if "/renditions/" in key or "/thumbnails/" in key]


def test_a_direct_upload_that_is_no_picture_is_rejected_and_removed(alice: Api, mesh: RunningMesh) -> None:
    body = b"not a picture at all, just words" * 10
    asked = {"filename": "fake.png", "media_type": "image/png", "bytes": len(body)}
    form = alice.json("POST", "/items/uploads", json=asked)
    assert alice.request("GET", f"/items/{form['item_id']}").status_code == 409
    sent = httpx.post(form["url"], data=form["fields"], files={"file": body})
    assert sent.status_code in {200, 201, 204}
    eventually(lambda: alice.request("GET", f"/items/{form['item_id']}").status_code == 200)
    item = alice.item(form["item_id"])
    assert (item["status"], bool(item["status_reason"])) == ("rejected", True)
    eventually(lambda: not mesh.keys(form["item_id"]))


def test_a_form_serves_its_own_key_and_size_only(alice: Api) -> None:
    asked = {"filename": "small.png", "media_type": "image/png", "bytes": 1000}
    form = alice.json("POST", "/items/uploads", json=asked)
    elsewhere = {**form["fields"], "key": "somebody-else/images/x.png"}
    assert httpx.post(form["url"], data=elsewhere, files={"file": b"x" * 100}).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/search", {"query": ""}),
        ("POST", "/search", {"query": "abc", "top_k": 0}),
        ("POST", "/search", {"query": "abc", "search_type": "psychic"}),
        ("POST", "/search", {}),
        ("POST", "/chat", {"message": "hello", "session_id": ""}),
        ("POST", "/chat", {"message": "", "session_id": "5f0f7a1c-7f0b-4c7d-8a5e-3f1f2b9f4c02"}),
        ("POST", "/items/uploads", {"filename": "x.png"}),
        ("GET", "/items?limit=1000", None),
        ("GET", "/items?cursor=nonsense", None),
        ("GET", "/items?status=lost", None),
    ],
)
def test_invalid_requests_get_problem_details(
    method: str, path: str, body: dict[str, object] | None, alice: Api
) -> None:
    answer = alice.request(method, path, json=body) if body is not None else alice.request(method, path)
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"type", "title", "status", "detail"} <= set(answer.json())


def test_a_broken_body_is_no_server_error(alice: Api) -> None:
    for content, media_type in [(b"{", "application/json"), (b"--x\r\n", "multipart/form-data; boundary=x")]:
        for path in ("/items", "/search", "/chat"):
            answer = alice.request("POST", path, content=content, headers={"content-type": media_type})
            assert answer.status_code in {400, 415, 422}, f"{path} {media_type}: {answer.text}"
