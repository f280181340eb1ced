"""Two users never see each other's items, by any route."""

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]


def test_another_users_id_answers_like_a_missing_one(alice: Api, bob: Api, picture: Draw, mesh: RunningMesh) -> None:
    item = alice.upload(picture("secret plans"))
    final = alice.follow([item["id"]])[item["id"]]
    assert final["status"] == "searchable"
    analysis_id = final["latest_analysis"]["id"]
    session = str(uuid.uuid4())
    alice.chat(session, "Which screenshots do I have?")
    eventually(lambda: alice.request("GET", f"/chat/{session}/history").status_code == 200)

    missing, missing_file = str(uuid.uuid4()), f"{uuid.uuid4()}.png"
    routes = [
        ("GET", f"/items/{item['id']}", f"/items/{missing}"),
        ("DELETE", f"/items/{item['id']}", f"/items/{missing}"),
        ("GET", f"/items/{item['id']}/events", f"/items/{missing}/events"),
        ("GET", f"/items/{item['id']}/analyses", f"/items/{missing}/analyses"),
        ("POST", f"/items/{item['id']}/analyze", f"/items/{missing}/analyze"),
        ("POST", f"/items/{item['id']}/resize-only", f"/items/{missing}/resize-only"),
        ("GET", f"/analyses/{analysis_id}", f"/analyses/{missing}"),
        ("GET", f"/images/{item['filename']}", f"/images/{missing_file}"),
        ("GET", f"/images/{item['filename']}?size=thumbnail", f"/images/{missing_file}?size=thumbnail"),
        ("GET", f"/images/{item['filename']}?size=large", f"/images/{missing_file}?size=large"),
        ("GET", f"/chat/{session}/history", f"/chat/{missing}/history"),
        ("DELETE", f"/chat/{session}", f"/chat/{missing}"),
        ("DELETE", f"/chat/sessions/{session}", f"/chat/sessions/{missing}"),
    ]
    for method, theirs, nobodys in routes:
        # At once: the route that analyses waits for a picture that may still be on its way.
        with ThreadPoolExecutor(2) as both:
            foreign, absent = both.map(partial(bob.request, method), (theirs, nobodys))
        assert (foreign.status_code, absent.status_code) == (404, 404), f"{method} {theirs}: {foreign.text}"
        assert set(foreign.json()) == set(absent.json())
    assert alice.item(item["id"])["status"] == "searchable"
    assert alice.request("GET", f"/chat/{session}/history").status_code == 200


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
    logs = mesh.aws("logs")
    lines = 0
    for function in mesh.provisioned.functions.values():
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=function.log_group):
            for event in page["events"]:
                lines += 1
                assert tenant not in event["message"], function.name
                assert "unmentionable" not in event["message"], function.name
    assert lines > 10
