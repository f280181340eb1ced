"""The checkpointer with our settings against LangGraph's conformance suite; and our deletion against its own."""

import json
import secrets
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate

from chassis.aws import Aws
from chat.checkpoints import CheckpointTable
from chat.saver import TurnSaver

pytestmark = pytest.mark.integration


@pytest.fixture
def saver(table: Any, aws: Aws) -> TurnSaver:
    return TurnSaver(table.name, aws, ttl_s=3600)


async def test_the_saver_conforms(saver: TurnSaver) -> None:
    @checkpointer_test(name="TurnSaver")
    async def ours() -> Any:
        yield saver

    report = await validate(ours)
    assert report.passed_all_base(), report
    assert sum(result.tests_passed for result in report.results.values()) >= 58


def fill(saver: TurnSaver, thread: str, count: int = 3) -> list[str]:
    """Checkpoints with payloads and writes of a step under way."""
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    ids = []
    for number in range(count):
        checkpoint = empty_checkpoint()
        checkpoint["channel_values"] = {"messages": [HumanMessage(f"{number} " + secrets.token_hex(2000))]}
        config = saver.put(config, checkpoint, {"source": "loop", "step": number}, {})
        saver.put_writes(config, [("messages", AIMessage("x")), ("other", 1)], f"task-{number}")
        ids.append(config["configurable"]["checkpoint_id"])
    return ids


def keys(table: Any) -> set[str]:
    return {item["PK"]["S"] for item in table.dynamodb.scan(TableName=table.name)["Items"]}


def test_deleting_a_thread_deletes_all_of_it_and_nothing_else(saver: TurnSaver, table: Any) -> None:
    fill(saver, "ann#1")
    fill(saver, "bob#1")
    fill(saver, "ann#12")
    ours = CheckpointTable(table.name, table.dynamodb)
    everything = table.dynamodb.scan(TableName=table.name)["Items"]
    mine = [item for item in everything if "_ann#1#" in item["PK"]["S"] + "#"]
    assert {item["PK"]["S"].partition("_")[0] for item in mine} == {"CHECKPOINT", "CHUNK", "WRITES"}
    assert ours.delete("ann#1") == len(mine) > 0
    rest = keys(table)
    assert not any("_ann#1#" in key + "#" for key in rest)
    assert len(table.dynamodb.scan(TableName=table.name)["Items"]) == len(everything) - len(mine)
    assert ours.delete("ann#1") == 0

    # The saver's own deletion leaves the same.
    saver.delete_thread("ann#12")
    assert {key for key in keys(table) if "ann" in key} == set()


def test_deleting_one_checkpoint_leaves_the_others(saver: TurnSaver, table: Any) -> None:
    first, second, third = fill(saver, "ann#1")
    CheckpointTable(table.name, table.dynamodb).delete("ann#1", second)
    config: Any = {"configurable": {"thread_id": "ann#1"}}
    assert [found.config["configurable"]["checkpoint_id"] for found in saver.list(config)] == [third, first]
    assert not any(second in key for key in keys(table))


def test_every_read_is_consistent(saver: TurnSaver) -> None:
    """The emulator's reads always are; DynamoDB's only on request."""
    asked: list[tuple[str, bool]] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        body = json.loads(params["body"])
        tables = body.get("RequestItems", {"table": body}).values()
        asked.append((model.name, all(table.get("ConsistentRead") is True for table in tables)))

    for operation in ("GetItem", "Query", "BatchGetItem"):
        saver.client.meta.events.register(f"before-call.dynamodb.{operation}", note)
    ids = fill(saver, "ann#1")
    config: Any = {"configurable": {"thread_id": "ann#1"}}
    newest = saver.get_tuple(config)
    assert newest.config["configurable"]["checkpoint_id"] == ids[-1]
    assert saver.get_tuple({"configurable": {**config["configurable"], "checkpoint_id": ids[0]}}) is not None
    assert len(list(saver.list(config))) == 3
    assert {name for name, _ in asked} >= {"GetItem", "Query"}
    assert all(consistent for _, consistent in asked), asked


def test_the_last_written_checkpoint_is_remembered_once(saver: TurnSaver) -> None:
    ids = fill(saver, "ann#1")
    fill(saver, "bob#1")
    assert saver.written("ann#1") == ids[-1]
    with pytest.raises(KeyError):
        saver.written("ann#1")
