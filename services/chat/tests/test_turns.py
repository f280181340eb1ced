"""Conversations through the entry points: real SDKs, real Postgres, the AWS and AI provider emulators."""

import json
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from retrieval.filters import FILTERS
from testkit import Providers

pytestmark = pytest.mark.integration

AddItem = Callable[..., str]


def test_the_second_turn_needs_the_first(running: Any, add_item: AddItem, session: str, real_models: Providers) -> None:
    tokyo = add_item("ann", "A bowl of ramen in Shinjuku", place="Tokyo")
    osaka = add_item("ann", "Ramen shop with red lanterns", place="Osaka")
    add_item("ann", "Mountains above a lake", place="Zurich", category="landscape")

    first = running.chat("ann", session, "Which pictures of ramen do I have?")
    assert first.status == 200
    assert (first.body["session_id"], first.body["conversation_turn"]) == (session, 1)
    assert first.body["message"]["role"] == "assistant"
    assert tokyo in first.body["message"]["content"]
    assert osaka in first.body["message"]["content"]
    assert {tokyo, osaka} <= {result["item_id"] for result in first.body["search_results"]}
    assert [result["rank"] for result in first.body["search_results"]] == [1, 2, 3]
    assert set(first.body["search_results"][0]) == {
        "item_id", "rank", "score", "score_type", "category", "headline", "summary", "image_url", "metadata",
    }  # fmt: skip
    assert first.body["search_results"][0]["score_type"] == "hybrid_rrf"
    assert first.body["tools_used"][0]["name"] == "search_collection"
    assert first.body["agent_reasoning"]
    assert first.body["message"]["search_results"] == first.body["search_results"]

    second = running.chat("ann", session, "and which of those are in Tokyo?")
    assert second.status == 200
    assert second.body["conversation_turn"] == 2
    assert tokyo in second.body["message"]["content"]
    assert osaka not in second.body["message"]["content"]

    recorded = running.recorded("ann", session)
    assert [event.data.turn for event in recorded] == [1, 2]
    assert set(recorded[0].data.citations) == {tokyo, osaka}
    assert recorded[1].data.citations == (tokyo,)
    assert recorded[1].data.question.content == "and which of those are in Tokyo?"
    assert recorded[1].data.answer.content == second.body["message"]["content"]
    assert recorded[0].data.tools_used == ("search_collection",)
    assert recorded[0].data.input_tokens > 0
    assert recorded[0].data.cost_usd > 0
    sent = [request["body"] for request in real_models.requests("anthropic")]
    assert {(body["temperature"], body["max_tokens"], body["model"]) for body in sent} == {
        (0.1, 2048, "claude-sonnet-4-6")
    }
    assert all("tenant" not in json.dumps(body["tools"]) for body in sent)


def test_a_turn_writes_two_items(running: Any, add_item: AddItem, session: str) -> None:
    add_item("ann", "A bowl of ramen", place="Tokyo")
    assert running.chat("ann", session, "hello").status == 200
    agent = running.service.agent
    puts: list[str] = []
    agent._saver.client.meta.events.register("before-call.dynamodb.PutItem", lambda **_: puts.append("put"))
    for question in ("Which pictures of ramen do I have?", "thanks"):
        puts.clear()
        assert running.chat("ann", session, question).status == 200
        assert puts == ["put", "put"]


def test_the_same_session_id_of_two_users_is_two_conversations(
    running: Any, add_item: AddItem, session: str, providers: Any
) -> None:
    anns, bobs = add_item("ann", "Secret ramen of Ann"), add_item("bob", "Secret ramen of Bob")
    question = "Which pictures of ramen do I have?"
    for tenant, own, foreign in (("ann", anns, bobs), ("bob", bobs, anns)):
        answer = running.chat(tenant, session, question)
        assert answer.body["conversation_turn"] == 1
        assert own in answer.body["message"]["content"]
        assert foreign not in json.dumps(answer.body)
    providers.calm()
    assert running.chat("bob", session, "and which of those are secret?").status == 200
    assert anns not in json.dumps([request["body"] for request in providers.requests("anthropic")])
    assert len(running.recorded("ann", session)) == 1


def test_the_filters_of_the_caller_apply(running: Any, add_item: AddItem, session: str) -> None:
    food = add_item("ann", "Ramen in a bowl", category="food")
    add_item("ann", "Ramen poster", category="poster")
    answer = running.chat("ann", session, "Find my ramen", category_filter="food")
    assert [result["item_id"] for result in answer.body["search_results"]] == [food]
    for _ in range(3):
        add_item("ann", "Another ramen in a bowl")
    assert len(running.chat("ann", session, "Find my ramen", top_k=2).body["search_results"]) == 2


def test_the_model_may_use_every_filter(running: Any, session: str, providers: Any) -> None:
    assert running.chat("ann", session, "Find my ramen").status == 200
    tools = {tool["name"]: tool["input_schema"] for tool in providers.requests("anthropic")[0]["body"]["tools"]}
    assert set(tools["search_collection"]["properties"]) == {"query", *FILTERS}
    assert tools["search_collection"]["required"] == ["query"]
    assert set(tools["list_items"]["properties"]) == {"query", "sort", "page", *FILTERS}
    assert set(tools["read_item"]["properties"]) == {"item_id", "page"}
    assert set(tools["count_items"]["properties"]) == {"query", "by", *FILTERS}
    assert "required" not in tools["count_items"]


def test_a_fact_at_the_end_of_a_long_item_is_read(
    running: Any, add_item: AddItem, session: str, providers: Any
) -> None:
    """Of 3,000 characters; and the model is told of the caller's categories alone."""
    lines = ("The quick brown fox jumps over the lazy dog again.",) * 60
    item = add_item("ann", "Notes of a weekend", text=(*lines, "The wifi password of the cabin is hunter-77."))
    add_item("bob", "Poster", category="zebra")
    providers.calm()
    answer = running.chat("ann", session, "What is the wifi password of my cabin?")
    sent = [request["body"] for request in providers.requests("anthropic")]
    assert "hunter-77" in json.dumps(sent[-1]["messages"])
    assert (answer.body["citations"], answer.body["confident"]) == ([item], True)
    assert 0 < answer.body["answer_confidence"] <= 1
    assert "food" in json.dumps(sent[0]["system"])
    assert "zebra" not in json.dumps(sent)


def test_how_many_the_newest_and_not_from_a_place(running: Any, add_item: AddItem) -> None:
    """What no search answers."""
    add_item("ann", "Receipt of a taxi", place="Lisbon", category="receipt")
    porto = add_item("ann", "Receipt of a lunch", place="Porto", category="receipt")
    lisbon = add_item("ann", "Receipt of a hotel", place="Lisbon", category="receipt")
    add_item("bob", "Receipt of a book", category="receipt")
    month = datetime.now(UTC).strftime("%B")

    def ask(question: str) -> dict[str, Any]:
        return dict(running.chat("ann", str(uuid.uuid4()), question).body)

    counted = ask(f"How many receipts did I add in {month}?")
    assert "has 3 of them" in counted["message"]["content"]
    assert [use["results"] for use in counted["tools_used"]] == [3]
    newest = ask("What is my newest receipt?")
    assert newest["citations"][0] == newest["search_results"][0]["item_id"] == lisbon
    without = ask("What is my newest receipt that is not from Lisbon?")
    assert (without["citations"], without["answer_confidence"]) == ([porto], 1.0)


def test_the_web_is_searched_when_there_is_a_key(running: Any, deployment: Any, session: str, providers: Any) -> None:
    question = "Look up on the web: the latest news about ramen"
    answer = running.chat("ann", session, question)
    assert answer.body["tools_used"][0]["name"] == "search_web"
    (search,) = providers.requests("tavily")
    assert search["body"]["max_results"] == 5
    assert search["body"]["search_depth"] == "basic"

    deployment.delete_secret("tavily-api-key")
    providers.calm()
    assert running.chat("ann", str(uuid.uuid4()), question).status == 200
    assert providers.requests("tavily") == []
    declared = [tool["name"] for tool in providers.requests("anthropic")[0]["body"]["tools"]]
    assert declared == ["search_collection", "list_items", "count_items", "read_item"]


def test_a_deleted_item_is_no_longer_found(running: Any, add_item: AddItem, session: str) -> None:
    from contracts import new_event
    from contracts.ingest import ItemDeleted

    item = add_item("ann", "A bowl of ramen")
    running.apply(new_event(ItemDeleted(), subject=item, tenant_id="bob"))
    assert item in running.chat("ann", session, "Find my ramen").body["message"]["content"]
    running.apply(new_event(ItemDeleted(), subject=item, tenant_id="ann"))
    answer = running.chat("ann", str(uuid.uuid4()), "Find my ramen")
    assert answer.status == 200
    assert item not in json.dumps(answer.body)
    assert answer.body.get("search_results") is None


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"message": "  "}, "message"),
        ({"message": "x" * 8001}, "message"),
        ({"session_id": ""}, "session_id"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 51}, "top_k"),
        ({"min_similarity_score": 1.5}, "min_similarity_score"),
        ({"category_filter": "a" * 201}, "category_filter"),
    ],
)
def test_an_invalid_request_is_rejected(
    running: Any, session: str, changes: dict[str, Any], where: str, providers: Any
) -> None:
    body = {"message": "hello", "session_id": session, **changes}
    answer = running.chat("ann", body.pop("session_id"), body.pop("message"), **body)
    assert answer.status == 422
    assert [error["loc"][-1] for error in answer.body["errors"]] == [where]
    assert providers.requests("anthropic") == []
