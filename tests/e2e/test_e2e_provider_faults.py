"""AI providers fail in every way they do; the queue retries what may pass, and reports the reason of what does not."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]


@pytest.mark.parametrize("status", [429, 500, 529])
def test_a_busy_vision_model_is_retried_by_the_queue(status: int, alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    with mesh.providers.while_at_fault(provider="anthropic", kind="status", status=status, count=4, retry_after=1):
        item = alice.upload(picture(f"busy {status}"))
        assert alice.follow([item["id"]])[item["id"]]["status"] == "searchable"
        assert mesh.providers.faults_applied() >= 1, "the fault must have been applied"


def test_a_refusal_is_final_and_reported(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    with mesh.providers.while_at_fault(provider="anthropic", kind="refusal"):
        item = alice.upload(picture("refused"))
        final = alice.follow([item["id"]])[item["id"]]
    assert final["status"] == "failed"
    assert "refus" in final["status_reason"] or "declin" in final["status_reason"]


def test_malformed_output_fails_the_item_and_a_new_attempt_repairs_it(
    alice: Api, picture: Draw, mesh: RunningMesh
) -> None:
    with mesh.providers.while_at_fault(provider="anthropic", kind="malformed"):
        item = alice.upload(picture("malformed"))
        assert alice.follow([item["id"]])[item["id"]]["status"] == "failed"
    analysis = alice.json("POST", f"/items/{item['id']}/analyze", params={"force_reanalyze": "true"})
    assert analysis["version"] == 1
    eventually(lambda: alice.item(item["id"])["status"] == "searchable")


def test_a_busy_embedding_model_is_retried(alice: Api, picture: Draw, mesh: RunningMesh) -> None:
    with mesh.providers.while_at_fault(provider="voyage", kind="status", status=429, count=5):
        item = alice.upload(picture("busy voyage"))
        assert alice.follow([item["id"]])[item["id"]]["status"] == "searchable"


def test_search_and_chat_report_an_unavailable_provider_and_work_again_after(
    alice: Api, picture: Draw, mesh: RunningMesh
) -> None:
    item = alice.upload(picture("resilient"))
    final = alice.follow([item["id"]])[item["id"]]
    headline = final["latest_analysis"]["raw_response"]["headline"]
    session = str(uuid.uuid4())
    with mesh.providers.while_at_fault(provider="*", kind="status", status=500):
        keyword = alice.search(headline, search_type="bm25", min_relevance_score=0, include_answer=False)
        assert keyword["results"], "keyword search needs no provider"
        chat = alice.request("POST", "/chat", json={"session_id": session, "message": "Which pictures do I have?"})
        assert chat.status_code in {502, 503}
        assert chat.headers["content-type"] == "application/problem+json"
    answer = alice.chat(session, "Which pictures do I have?")
    assert answer["conversation_turn"] == 1, "the failed turn left nothing behind"
