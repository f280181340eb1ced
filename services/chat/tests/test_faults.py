"""Failures of providers and stores: clear errors, no partial writes, and the same message succeeds afterwards."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from testkit import eventually, make_table_again
from testkit.model_faults import FAULTS_OF_MODELS, FaultOfModel

pytestmark = pytest.mark.integration

AddItem = Callable[..., str]
QUESTION = "Which pictures of ramen do I have?"


@pytest.mark.parametrize("fault", FAULTS_OF_MODELS, ids=str)
def test_a_failing_model_leaves_nothing_behind(
    running: Any, add_item: AddItem, session: str, providers: Any, fault: FaultOfModel
) -> None:
    item = add_item("ann", "A bowl of ramen")
    for turn in (1, 2):
        providers.calm()
        providers.fault(provider="anthropic", **fault.fault)
        failed = running.chat("ann", session, QUESTION)
        assert (failed.status, failed.body["type"].rpartition(":")[2]) == (fault.status, fault.code)
        assert failed.body["detail"]
        assert providers.faults_applied() >= 1
        assert len(running.recorded("ann", session)) == turn - 1

        providers.calm()
        again = running.chat("ann", session, QUESTION)
        assert (again.status, again.body["conversation_turn"]) == (200, turn)
        assert item in again.body["message"]["content"]
        # The question that failed is not in memory: the model sees each question once.
        shown = providers.requests("anthropic")[-1]["body"]["messages"]
        assert json.dumps(shown).count(QUESTION) == turn


def test_a_fault_between_the_tools_and_the_answer(
    running: Any, add_item: AddItem, session: str, providers: Any
) -> None:
    item = add_item("ann", "A bowl of ramen")
    providers.fault(provider="anthropic", kind="status", status=500, match="tool_result")
    assert running.chat("ann", session, QUESTION).status == 503
    assert running.recorded("ann", session) == []
    providers.calm()
    again = running.chat("ann", session, QUESTION)
    assert item in again.body["message"]["content"]
    assert again.body["conversation_turn"] == 1


def test_a_transient_fault_is_retried(running: Any, session: str, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="status", status=529, count=2)
    assert running.chat("ann", session, "hello").status == 200
    assert providers.faults_applied() == 2


def test_a_model_timeout_ends_before_the_gateways(
    running: Any, session: str, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = running.service.settings.model_copy(update={"turn_budget_s": 2.0})
    monkeypatch.setitem(running.service.__dict__, "settings", settings)
    assert running.service.settings.turn_budget_s == 2
    providers.fault(provider="anthropic", kind="timeout", delay_s=20)
    started = time.monotonic()
    assert running.chat("ann", session, "hello").status == 503
    assert time.monotonic() - started < 6
    providers.calm()
    assert running.chat("ann", session, "hello").status == 200


def test_a_cold_start_counts_in_the_gateways_time(
    running: Any, session: str, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = running.service.settings.model_copy(update={"turn_budget_s": 10.0})
    monkeypatch.setitem(running.service.__dict__, "settings", settings)
    monkeypatch.setattr("chassis.http.caller._waited_s", lambda _: 8.0)
    providers.fault(provider="anthropic", kind="timeout", delay_s=20)
    started = time.monotonic()
    assert running.chat("ann", session, "hello").status == 503
    assert time.monotonic() - started < 6


def test_after_the_last_round_the_model_must_answer(running: Any, session: str, providers: Any) -> None:
    settings = running.service.settings.model_copy(update={"max_tool_rounds": 0})
    running.service.__dict__["settings"] = settings
    assert running.chat("ann", session, QUESTION).status == 200
    (request,) = providers.requests("anthropic")
    assert request["body"]["tool_choice"] == {"type": "none"}
    assert [tool["name"] for tool in request["body"]["tools"]] == [
        "search_collection",
        "list_items",
        "count_items",
        "read_item",
        "search_web",
    ]


def test_without_embeddings_keywords_are_searched(
    running: Any, add_item: AddItem, session: str, providers: Any
) -> None:
    item = add_item("ann", "A bowl of ramen")
    providers.fault(provider="voyage", kind="status", status=401)
    answer = running.chat("ann", session, QUESTION)
    assert providers.faults_applied() >= 1
    assert item in answer.body["message"]["content"]
    assert answer.body["search_results"][0]["score_type"] == "bm25"


def test_a_tools_error_is_shown_to_the_model(running: Any, session: str, providers: Any) -> None:
    providers.fault(provider="tavily", kind="status", status=432)
    answer = running.chat("ann", session, "Look up on the web: the latest news about ramen")
    assert answer.status == 200
    (use,) = answer.body["tools_used"]
    assert use["error"] == "the web search does not answer at the moment"
    results = [
        block
        for message in providers.requests("anthropic")[-1]["body"]["messages"]
        for block in message["content"]
        if isinstance(block, dict) and block["type"] == "tool_result"
    ]
    assert [block["is_error"] for block in results] == [True]


def test_one_turn_at_a_time(running: Any, session: str, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="slow", delay_s=20, count=1)
    with ThreadPoolExecutor(1) as worker:
        slow = worker.submit(running.chat, "ann", session, "hello")
        eventually(providers.faults_applied)
        busy = running.chat("ann", session, "hello")
        assert (busy.status, busy.body["type"].rpartition(":")[2]) == (409, "conversation-busy")
        providers.release()
        assert slow.result().status == 200
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 2


def test_a_turn_that_died_blocks_only_its_conversation_and_only_until_its_lease_ends(
    running: Any, session: str
) -> None:
    connection = running.service.database.connection()
    connection.execute(
        "INSERT INTO agent_memory (tenant_id, session_id, lease, lease_until)"
        " VALUES ('ann', %s, 'dead', now() + interval '1 hour')",
        (session,),
    )
    assert running.chat("ann", session, "hello").status == 409
    assert running.chat("bob", session, "hello").status == 200
    connection.execute("UPDATE agent_memory SET lease_until = now() - interval '1 second' WHERE tenant_id = 'ann'")
    assert running.chat("ann", session, "hello").status == 200


def test_memory_that_nobody_uses_is_pruned_and_that_of_conversations_is_not(running: Any, providers: Any) -> None:
    """Of a first turn that failed or died there is no conversation, whose end would delete it."""
    connection = running.service.database.connection()
    assert running.chat("ann", "goes-on", "hello").status == 200
    assert running.chat("ann", "long-ago", "hello").status == 200
    providers.fault(provider="anthropic", kind="status", status=400, count=1)
    assert running.chat("ann", "failed", "hello").status == 502
    connection.execute(
        "INSERT INTO agent_memory (tenant_id, session_id, lease, lease_until) VALUES ('ann', 'died', 'dead', now())"
    )

    def age(hours: int) -> None:
        connection.execute(
            "UPDATE agent_memory SET lease_until = lease_until - make_interval(hours => %s)"
            " WHERE session_id <> 'goes-on'",
            (hours,),
        )

    age(28 - 1)
    assert running.service.prune() == {}, "memory lives for four hours, and is kept for a day longer"
    age(2)
    assert running.service.prune() == {"agent_memory": 3}
    assert connection.execute("SELECT session_id FROM agent_memory").fetchall() == [{"session_id": "goes-on"}]
    assert running.chat("ann", "goes-on", "hello").body["conversation_turn"] == 2


def test_an_unavailable_table_is_a_503(running: Any, session: str) -> None:
    assert running.chat("ann", session, "hello").status == 200
    running.dynamodb.delete_table(TableName=running.table)
    try:
        answer = running.chat("ann", session, "hello")
        assert answer.status == 503
        assert len(running.recorded("ann", session)) == 1
    finally:
        make_table_again(running.service.aws, "chat", "checkpoints", running.table)
