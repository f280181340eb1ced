"""The shortest way through everything: what is tried of a back end on a push that does not run the whole suite."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.smoke]


@pytest.mark.scheduled
def test_a_picture_is_found_talked_about_and_deleted(
    mesh: RunningMesh, alice: Api, bob: Api, picture: Callable[..., Path]
) -> None:
    item = str(alice.upload(picture("Ferry to Naxos\ndeparts 07:45\nPier 4"))["id"])
    assert alice.follow([item], timeout_s=240)[item]["status"] == "searchable"
    found = alice.search("when does the ferry to Naxos depart", search_type="hybrid", top_k=3)
    assert [result["item_id"] for result in found["results"]] == [item]
    assert bob.search("ferry to Naxos", search_type="hybrid")["results"] == []
    turn = alice.chat(str(uuid.uuid4()), "Which ferry do I take?")
    assert item in turn["message"]["content"]
    assert [tool["name"] for tool in turn["tools_used"]] == ["search_collection"]
    eventually(lambda: len(alice.json("GET", "/chat/sessions")["sessions"]) == 1, timeout_s=60)
    alice.delete(item)
    eventually(lambda: alice.search("ferry to Naxos", search_type="bm25")["results"] == [], timeout_s=60)
    assert alice.request("GET", f"/items/{item}").status_code == 404
    assert mesh.dead_letters() == {}


def test_the_gateway_refuses_who_has_no_token(mesh: RunningMesh) -> None:
    for token in (None, "not.a.token"):
        answer = Api(mesh.provisioned.api_url, token).request("GET", "/items")
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"})
    assert Api(mesh.provisioned.api_url, None).request("GET", "/nothing-here").status_code == 404
