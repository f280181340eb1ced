"""The lifetime of the agent's memory: expiry, deletion, and the remaining items in the table."""

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import new_event, replayed
from contracts.ingest import ItemDeleted
from contracts.sessions import CrowdedOut, Idle, SessionDeleted, SessionExpired
from testkit import eventually
from testkit.refolding import assert_refolds

AddItem = Callable[..., str]
QUESTION = "Which pictures of ramen do I have?"


def remembers(providers: Any) -> bool:
    """Whether the latest request showed the model the first question."""
    return QUESTION in json.dumps(providers.requests("anthropic")[-1]["body"]["messages"])


@pytest.mark.integration
def test_an_expired_conversation_begins_again(
    running: Any, session: str, providers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running.chat("ann", session, QUESTION).status == 200
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 2
    assert remembers(providers)
    before = running.stored("ann", session)
    settings = running.service.settings
    monkeypatch.setitem(running.service.__dict__, "settings", settings.model_copy(update={"session_ttl_s": 1}))
    recorded = running.recorded("ann", session)[-1].time
    eventually(lambda: datetime.now(UTC) >= recorded + timedelta(seconds=1))
    # DynamoDB still has the items: it removes expired ones with a delay.
    assert running.stored("ann", session) == before
    answer = running.chat("ann", session, "hello")
    assert answer.body["conversation_turn"] == 1
    assert not remembers(providers)
    assert not set(before) & {key for key in running.stored("ann", session) if key.startswith("CHUNK")}


@pytest.mark.integration
def test_checkpoints_carry_the_time_to_live(running: Any, session: str) -> None:
    assert running.chat("ann", session, "hello").status == 200
    items = running.dynamodb.scan(TableName=running.table)["Items"]
    assert len(items) == 2
    for item in items:
        left = int(item["ttl"]["N"]) - time.time()
        assert 4 * 3600 - 60 < left <= 4 * 3600 + 1


@pytest.mark.integration
def test_a_removed_checkpoint_begins_again(running: Any, session: str, providers: Any) -> None:
    assert running.chat("ann", session, QUESTION).status == 200
    for item in running.dynamodb.scan(TableName=running.table)["Items"]:
        running.dynamodb.delete_item(TableName=running.table, Key={"PK": item["PK"], "SK": item["SK"]})
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 1
    assert not remembers(providers)


@pytest.mark.integration
def test_the_memory_of_a_deleted_session_is_deleted(running: Any, session: str, providers: Any) -> None:
    for tenant in ("ann", "bob"):
        assert running.chat(tenant, session, QUESTION).status == 200
    deletion = new_event(SessionDeleted(), subject=session, tenant_id="ann")
    running.apply(deletion)
    assert running.stored("ann", session) == []
    assert running.stored("bob", session) != []
    answer = running.chat("ann", session, "hello")
    assert answer.body["conversation_turn"] == 1
    assert not remembers(providers)
    # A duplicate and a late deletion: they refer to the old conversation.
    running.apply(deletion, replace(deletion, id="another"))
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 2
    assert running.chat("bob", session, "hello").body["conversation_turn"] == 2
    assert remembers(providers)


@pytest.mark.integration
@pytest.mark.parametrize("cause", [Idle(kind="idle", after_s=14400), CrowdedOut(kind="crowded-out", allowed=100)])
def test_the_memory_of_an_expired_session_is_deleted_unless_continued(running: Any, session: str, cause: Any) -> None:
    assert running.chat("ann", session, "hello").status == 200
    first = running.recorded("ann", session)[0].time
    assert running.chat("ann", session, "hello").status == 200
    second = running.recorded("ann", session)[1].time

    def expire(last_turn_at: datetime) -> None:
        data = SessionExpired(cause=cause, last_turn_at=last_turn_at)
        running.apply(new_event(data, subject=session, tenant_id="ann"))

    expire(first)
    assert running.stored("ann", session) != []
    expire(second)
    assert running.stored("ann", session) == []
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 1


@pytest.mark.integration
def test_a_deletion_during_a_turn_wins(running: Any, session: str, providers: Any) -> None:
    assert running.chat("ann", session, "hello").status == 200
    providers.fault(provider="anthropic", kind="slow", delay_s=20, count=1)
    with ThreadPoolExecutor(1) as worker:
        slow = worker.submit(running.chat, "ann", session, "hello")
        eventually(providers.faults_applied)
        running.apply(new_event(SessionDeleted(), subject=session, tenant_id="ann"))
        providers.release()
        answer = slow.result()
    assert (answer.status, answer.body["type"].rpartition(":")[2]) == (409, "conversation-ended")
    assert len(running.recorded("ann", session)) == 1
    assert running.stored("ann", session) == []
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 1


@pytest.mark.integration
def test_an_expiry_during_a_turn_spares_it(running: Any, session: str, providers: Any) -> None:
    assert running.chat("ann", session, QUESTION).status == 200
    data = SessionExpired(cause=Idle(kind="idle", after_s=14400), last_turn_at=running.recorded("ann", session)[0].time)
    providers.fault(provider="anthropic", kind="slow", delay_s=20, count=1)
    with ThreadPoolExecutor(1) as worker:
        slow = worker.submit(running.chat, "ann", session, "hello")
        eventually(providers.faults_applied)
        running.apply(new_event(data, subject=session, tenant_id="ann"))
        providers.release()
        assert slow.result().body["conversation_turn"] == 2
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 3
    assert remembers(providers)


@pytest.mark.integration
def test_a_long_conversation_stays_within_an_item(running: Any, add_item: AddItem, session: str) -> None:
    for number in range(20):
        add_item(
            "ann", f"Ramen number {number}: " + "".join(chr(0x3041 + (number * 7 + n * n) % 80) for n in range(350))
        )
    turns = 14
    for turn in range(turns):
        noise = "".join(chr(0x4E00 + (turn * 7919 + n * n * 31) % 20000) for n in range(7900))
        answer = running.chat("ann", session, f"Find my ramen {noise}", top_k=50)
        assert (answer.status, answer.body["conversation_turn"]) == (200, turn + 1)
    sizes = [len(item["payload"]["B"]) for item in payloads(running)]
    assert len(sizes) == turns
    assert 50_000 < max(sizes) < 350_000


def payloads(running: Any) -> list[dict[str, Any]]:
    """All payload items of the table."""
    found: list[dict[str, Any]] = []
    for page in running.dynamodb.get_paginator("scan").paginate(TableName=running.table):
        found += [item for item in page["Items"] if item["PK"]["S"].startswith("CHUNK")]
    return found


def test_a_checkpoint_imports_no_code() -> None:
    program = """
import chat.saver
from chat.repository.agent_memory import ConversationState
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
serde = JsonPlusSerializer()
for value in (HumanMessage("hello"), ConversationState(1, "x")):
    print(type(serde.loads_typed(serde.dumps_typed(value))).__name__)
"""
    out = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, env={"SERVICE": "chat"}
    )
    message, other = out.stdout.split()
    assert message == "HumanMessage"
    assert other != "ConversationState"


@pytest.mark.integration
def test_the_projections_can_be_folded_again(running: Any, add_item: AddItem) -> None:
    """Conversations that were continued, deleted, restarted, expired, and continued after their expiry."""
    consumed = running.consumed
    for tenant in ("ann", "bob"):
        items = [add_item(tenant, f"A bowl of ramen, number {number}") for number in range(3)]
        running.apply(new_event(ItemDeleted(), subject=items[0], tenant_id=tenant))
        ids = [str(uuid.uuid4()) for _ in range(4)]
        for identity in ids:
            for _ in range(2):
                assert running.chat(tenant, identity, "hello").status == 200
        turns = {identity: running.recorded(tenant, identity) for identity in ids}
        cause = Idle(kind="idle", after_s=14400)
        ends = [
            (ids[0], SessionDeleted()),
            (ids[1], SessionExpired(cause=cause, last_turn_at=turns[ids[1]][-1].time)),
            (ids[2], SessionExpired(cause=cause, last_turn_at=turns[ids[2]][0].time)),
            (str(uuid.uuid4()), SessionDeleted()),
        ]
        running.apply(*(new_event(end, subject=identity, tenant_id=tenant) for identity, end in ends))
        for identity, number in zip(ids, (1, 1, 3, 3), strict=True):
            assert running.chat(tenant, identity, "hello").body["conversation_turn"] == number
    assert_refolds(running.service, consumed)
    for identity, number in zip(ids, (2, 2, 4, 4), strict=True):
        assert running.chat("bob", identity, "hello").body["conversation_turn"] == number


@pytest.mark.integration
def test_a_rebuild_changes_no_memory(running: Any, session: str, providers: Any) -> None:
    """A fold alone also ends a conversation: its checkpoint is not shown to the model again."""
    assert running.chat("ann", session, QUESTION).status == 200
    before = running.stored("ann", session)
    deletion = new_event(SessionDeleted(), subject=session, tenant_id="ann")
    running.apply(replayed(deletion, replay_id="replay-1", replay_for="chat"))
    assert running.stored("ann", session) == before
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 1
    assert not remembers(providers)
