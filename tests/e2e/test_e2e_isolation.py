"""Two users never see each other's items, by any route.

The routes are those of the manifests: a new one is attacked without being listed here. Only what no document says is
declared, in the fixtures `victim` and `requests`: the victim's id of a new kind of thing, a request with a body. A
route that was scaffolded and does nothing yet is left out: it has nothing to tell.
"""

import base64
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from manifests import Route
from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh
from testkit.operator.routes import (
    does_nothing_yet,
    named_by,
    needs_declaration,
    path_of,
    query_choices,
    routes_with_token,
)

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]
ROUTES = [route for route in routes_with_token() if not does_nothing_yet(route)]
SECRET = "secret zeppelin plans"


@dataclass(frozen=True)
class Victim:
    """A user with a searchable item and a conversation about it."""

    api: Api
    #: Her id of everything that a path can name, by the path that names it.
    ids: dict[str, str]
    #: What her item's description says: words by which she finds it, whatever the vectors are like.
    words: str

    def sees_all_of_it(self) -> bool:
        """Whether everything that can be read by its id is still there for her."""
        readable = [route for route in ROUTES if route.method == "GET" and named_by(route)]
        assert readable
        return all(self.api.request("GET", path_of(route, self.ids)).is_success for route in readable)


@pytest.fixture(scope="module")
def victim(mesh: RunningMesh, draw: Draw) -> Iterator[Victim]:
    mesh.providers.mode("instant")
    with mesh.new_user() as api:
        item = api.upload(draw(SECRET))
        final = api.follow([item["id"]])[item["id"]]
        assert final["status"] == "searchable"
        session = str(uuid.uuid4())
        api.chat(session, "Which screenshots do I have?")
        ids = {
            "/items/{id}": item["id"],
            "/analyses/{id}": final["latest_analysis"]["id"],
            "/images/{filename}": item["filename"],
            "/chat/{session_id}": session,
            "/chat/sessions/{session_id}": session,
        }
        undeclared = {resource for route in ROUTES for resource in named_by(route)} - set(ids)
        assert not undeclared, f"routes name {undeclared}: declare her ids of them here"
        victim = Victim(api, ids, final["latest_analysis"]["raw_response"]["headline"])
        eventually(victim.sees_all_of_it)
        yield victim


@pytest.fixture(scope="module")
def requests(draw: Draw, victim: Victim) -> dict[str, dict[str, Any]]:
    """Valid requests to the routes that need more than a path, as arguments of `Api.request`; made to find much."""
    image = draw(SECRET).read_bytes()
    session = str(uuid.uuid4())
    return {
        "POST /items": {"files": {"file": ("mine.png", image, "image/png")}},
        "POST /items/uploads": {"json": {"filename": "mine.png", "media_type": "image/png", "bytes": len(image)}},
        "POST /search": {"json": {"query": victim.words, "top_k": 50}},
        "POST /search/picture": {"json": {"picture": base64.b64encode(image).decode(), "top_k": 50}},
        "POST /chat": {"json": {"message": f"Show me: {victim.words}", "session_id": session, "top_k": 50}},
    }


def request_to(route: Route, requests: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if needs_declaration(route) and route.key not in requests:
        pytest.fail(f"{route.key} needs more than its path: declare a valid request in the fixture `requests`")
    return requests.get(route.key, {})


def masked(text: str, ids: dict[str, str]) -> str:
    """The text without the ids, the longer first: a filename holds its item's id."""
    for known in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(known, "…")
    return text


@dataclass(frozen=True)
class Attack:
    """A request of another user's that names what is the victim's, and the same one that names nothing."""

    query: dict[str, str]
    foreign: Future[httpx.Response]
    absent: Future[httpx.Response]


@pytest.fixture(scope="module")
def missing(victim: Victim) -> dict[str, str]:
    """Ids like the victim's, of nothing."""
    return {resource: f"{uuid.uuid4()}{Path(known).suffix}" for resource, known in victim.ids.items()}


@pytest.fixture(scope="module")
def attacks(
    mesh: RunningMesh, victim: Victim, missing: dict[str, str], requests: dict[str, dict[str, Any]]
) -> Iterator[dict[str, list[Attack]]]:
    """Route -> the attacks on it, sent side by side: some routes wait for what may still be on its way."""
    with mesh.new_user() as api, ThreadPoolExecutor(8) as pool:

        def send(route: Route, query: dict[str, str], ids: dict[str, str]) -> Future[httpx.Response]:
            path, request = path_of(route, ids), requests.get(route.key, {})

            def answered() -> list[httpx.Response]:
                # A conversation is not called missing while turns, whoever's, wait in the queue.
                answer = api.request(route.method, path, params=query, **request)
                return [] if answer.status_code == 503 else [answer]

            return pool.submit(lambda: eventually(answered)[0])

        yield {
            route.key: [
                Attack(query, send(route, query, victim.ids), send(route, query, missing))
                for query in [{}, *query_choices(route)]
            ]
            for route in ROUTES
            if named_by(route)
        }


@pytest.mark.parametrize("route", [route for route in ROUTES if named_by(route)], ids=lambda route: route.key)
def test_another_users_id_answers_like_a_missing_one(
    route: Route,
    victim: Victim,
    missing: dict[str, str],
    attacks: dict[str, list[Attack]],
    requests: dict[str, dict[str, Any]],
) -> None:
    request_to(route, requests)
    assert attacks[route.key]
    for attack in attacks[route.key]:
        foreign, absent = attack.foreign.result(), attack.absent.result()
        assert (foreign.status_code, absent.status_code) == (404, 404), f"{route.key} {attack.query}: {foreign.text}"
        assert masked(foreign.text, victim.ids) == masked(absent.text, missing)
    assert victim.sees_all_of_it()
    assert victim.api.item(victim.ids["/items/{id}"])["status"] == "searchable"


@pytest.mark.parametrize("route", [route for route in ROUTES if not named_by(route)], ids=lambda route: route.key)
def test_what_names_nothing_names_nothing_of_anothers(
    route: Route, victim: Victim, bob: Api, requests: dict[str, dict[str, Any]]
) -> None:
    for query in [{}, *query_choices(route)]:
        answer = bob.request(route.method, route.path, params=query, **request_to(route, requests))
        assert answer.is_success, f"{route.key} {query}: {answer.text}"
        assert not [known for known in victim.ids.values() if known in answer.text]
    assert victim.sees_all_of_it()


def test_the_victim_finds_what_is_hidden_from_others(victim: Victim, requests: dict[str, dict[str, Any]]) -> None:
    """Without this the test before proves nothing: the same requests lead to her ids."""
    telling = ["GET /items", "GET /chat/sessions", "POST /search", "POST /search/picture", "POST /chat"]
    for key in telling:
        (route,) = (route for route in ROUTES if route.key == key)
        answer = victim.api.request(route.method, route.path, **request_to(route, requests))
        assert [known for known in victim.ids.values() if known in answer.text], f"{key}: {answer.text}"


def test_lists_searches_and_conversations_hold_ones_own_only(alice: Api, bob: Api, picture: Draw) -> None:
    words = "quarterly zebra budget"
    hers = alice.upload(picture(words))
    his = bob.upload(picture(words))
    alice.follow([hers["id"]])
    bob.follow([his["id"]])
    assert [item["id"] for item in bob.items()] == [his["id"]]
    assert bob.item(his["id"])["duplicate_of"] is None
    for search_type in ("bm25", "vector", "hybrid", "agentic"):
        for query in ("quarterly zebra budget", "picture", "screenshot document photo"):
            answer = bob.search(query, search_type=search_type, top_k=50)
            assert {result["item_id"] for result in answer["results"]} <= {his["id"]}
            assert hers["id"] not in str(answer)
    session = str(uuid.uuid4())
    alice.chat(session, "Which pictures of zebras do I have?")
    # The same session id in another's hands is another conversation.
    answer = bob.chat(session, "And which of those did I ask about?")
    assert answer["conversation_turn"] == 1
    assert hers["id"] not in str(answer)
    eventually(lambda: len(bob.json("GET", "/chat/sessions")["sessions"]) == 1)
    assert alice.json("GET", f"/chat/{session}/history")["messages"][0]["content"].startswith("Which pictures")
    assert bob.json("GET", f"/chat/{session}/history")["messages"][0]["content"].startswith("And which")
    assert bob.json("GET", "/vector-index/status")["embedded"] == 1
    assert bob.json("POST", "/vector-index/rebuild")["num_documents"] == 1


def test_the_same_picture_of_two_users_is_described_for_each(
    alice: Api, bob: Api, picture: Draw, mesh: RunningMesh
) -> None:
    """No result of one tenant is served to another from a cache."""
    path = picture("the very same bytes")
    mesh.providers.calm()
    for api in (alice, bob):
        item = api.upload(path)
        assert api.follow([item["id"]])[item["id"]]["status"] == "searchable"
    assert [entry["kind"] for entry in mesh.providers.requests("anthropic")].count("vision") == 2


def test_object_keys_and_links_name_their_tenant_only(alice: Api, bob: Api, picture: Draw, mesh: RunningMesh) -> None:
    hers, his = alice.upload(picture("one")), bob.upload(picture("two"))
    alice.follow([hers["id"]])
    bob.follow([his["id"]])
    owners = {key.split("/")[0] for key in mesh.keys(hers["id"])}
    assert len(owners) == 1
    assert owners.isdisjoint({key.split("/")[0] for key in mesh.keys(his["id"])})


def test_logs_do_not_name_tenants_or_contents(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    item = alice.upload(picture("unmentionable words"))
    alice.follow([item["id"]])
    alice.search("unmentionable words")
    (tenant,) = {key.split("/")[0] for key in mesh.keys(item["id"])}
    lines = 0
    for source, message in mesh.function_logs():
        lines += 1
        assert tenant not in message, source
        assert "unmentionable" not in message, source
    assert lines > 10
