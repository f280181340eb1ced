"""What deletions of the agent's memory ask DynamoDB for, call by call, and how its client is set; opens no socket."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.base import empty_checkpoint

from chassis.aws import Aws
from chassis.errors import TransientError
from chat.checkpoints import CheckpointTable
from chat.saver import TurnSaver
from testkit.faults import AwsCalls, answers, fails, raises

#: Items by partition, in pages, as the saver names them: two checkpoints, the second with a step under way.
PAGES: dict[str, list[list[dict[str, Any]]]] = {
    "CHECKPOINT_t": [
        [{"PK": {"S": "CHECKPOINT_t"}, "SK": {"S": "#1"}, "ref_key": {"S": "CHUNK_t##1"}}],
        [{"PK": {"S": "CHECKPOINT_t"}, "SK": {"S": "#2"}, "ref_key": {"S": "CHUNK_t##2"}}],
    ],
    "WRITES_t##1": [[]],
    "WRITES_t##2": [
        [{"PK": {"S": "WRITES_t##2"}, "SK": {"S": f"a#{n}"}, "ref_key": {"S": f"CHUNK_t##a{n}"}} for n in range(12)],
        [{"PK": {"S": "WRITES_t##2"}, "SK": {"S": "b#0"}}],
    ],
}


def paged(asked: dict[str, Any]) -> dict[str, Any]:
    pages = PAGES[asked["ExpressionAttributeValues"][":pk"]["S"]]
    place = int(asked.get("ExclusiveStartKey", {}).get("page", {"N": "0"})["N"])
    more = {"LastEvaluatedKey": {"page": {"N": str(place + 1)}}} if place + 1 < len(pages) else {}
    return {"Items": pages[place], **more}


def query(partition: str, page: int = 0) -> tuple[str, dict[str, Any]]:
    asked = {
        "TableName": "checkpoints",
        "KeyConditionExpression": "PK = :pk",
        "ExpressionAttributeValues": {":pk": {"S": partition}},
        "ProjectionExpression": "PK, SK, ref_key",
        "ConsistentRead": True,
        **({"ExclusiveStartKey": {"page": {"N": str(page)}}} if page else {}),
    }
    return "Query", asked


def deletion(*keys: tuple[str, str]) -> tuple[str, dict[str, Any]]:
    requests = [{"DeleteRequest": {"Key": {"PK": {"S": key}, "SK": {"S": sort_key}}}} for key, sort_key in keys]
    return "BatchWriteItem", {"RequestItems": {"checkpoints": requests}}


FIRST = [("CHUNK_t##1", "CHUNK"), ("CHECKPOINT_t", "#1")]
SECOND = [
    *(key for n in range(12) for key in (("WRITES_t##2", f"a#{n}"), (f"CHUNK_t##a{n}", "CHUNK"))),
    ("WRITES_t##2", "b#0"),
    ("CHUNK_t##2", "CHUNK"),
    ("CHECKPOINT_t", "#2"),
]
READS = [query("CHECKPOINT_t"), query("WRITES_t##1"), query("CHECKPOINT_t", 1)]
READS_OF_THE_SECOND = [query("WRITES_t##2"), query("WRITES_t##2", 1)]


@pytest.fixture
def dynamodb(offline_aws: Aws) -> Iterator[AwsCalls]:
    with AwsCalls(offline_aws.dynamodb, Query=paged, BatchWriteItem=answers()) as calls:
        yield calls


@pytest.fixture
def memory(offline_aws: Aws) -> CheckpointTable:
    return CheckpointTable("checkpoints", offline_aws.dynamodb)


def test_a_thread_is_deleted_to_its_last_page_each_checkpoint_after_what_it_leads_to(
    memory: CheckpointTable, dynamodb: AwsCalls
) -> None:
    assert memory.delete("t") == 29
    keys = FIRST + SECOND
    assert dynamodb.made == [*READS, *READS_OF_THE_SECOND, deletion(*keys[:25]), deletion(*keys[25:])]


def test_one_checkpoint_is_deleted_alone(memory: CheckpointTable, dynamodb: AwsCalls) -> None:
    assert memory.delete("t", "2") == 27
    others = [READS[0], READS[2]]
    assert dynamodb.made == [*others, *READS_OF_THE_SECOND, deletion(*SECOND[:25]), deletion(*SECOND[25:])]
    dynamodb.made.clear()
    assert memory.delete("t", "3") == 0
    assert dynamodb.made == others


@pytest.mark.parametrize("operation", ["Query", "BatchWriteItem"])
@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "t"}}, "x"), "ThrottlingException"),
        (EndpointConnectionError(endpoint_url="https://x"), "EndpointConnectionError"),
    ],
)
def test_a_silent_table_is_named_without_its_keys(
    memory: CheckpointTable, dynamodb: AwsCalls, operation: str, error: Exception, said: str
) -> None:
    dynamodb.rules[operation] = raises(error)
    with pytest.raises(TransientError) as raised:
        memory.delete("t")
    assert (str(raised.value), raised.value.__cause__) == (f"DynamoDB: {said}", error)


def test_deletions_that_are_left_undone_come_back(memory: CheckpointTable, dynamodb: AwsCalls) -> None:
    undone = {"checkpoints": [{"DeleteRequest": {"Key": {"PK": {"S": "CHECKPOINT_t"}, "SK": {"S": "#2"}}}}]}
    dynamodb.rules["BatchWriteItem"] = answers(UnprocessedItems=undone)
    with pytest.raises(TransientError, match=r"^DynamoDB did not process all deletions$"):
        memory.delete("t")
    assert len(dynamodb.of("BatchWriteItem")) == 1, "the rest is left to the next attempt"


# The saver


def test_the_savers_client_is_set_for_a_user_who_waits(offline_aws: Aws) -> None:
    saver = TurnSaver("checkpoints", offline_aws, ttl_s=60)
    config = saver.client.meta.config
    assert (config.connect_timeout, config.read_timeout) == (1, 3)
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    with AwsCalls(saver.client, PutItem=fails("ValidationException")) as calls, pytest.raises(ClientError):
        put(saver, "t")
    assert {call["TableName"] for call in calls.of("PutItem")} == {"checkpoints"}
    with pytest.raises(KeyError):
        saver.written("t")


def put(saver: TurnSaver, thread: str) -> str:
    checkpoint = empty_checkpoint()
    checkpoint["channel_values"] = {"messages": [HumanMessage("ramen " * 1000)]}
    config: Any = {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}
    saver.put(config, checkpoint, {"source": "loop", "step": 1}, {})
    return checkpoint["id"]


def test_memory_is_stored_compressed_and_for_its_time(offline_aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    saver = TurnSaver("checkpoints", offline_aws, ttl_s=60)
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    with AwsCalls(saver.client, PutItem=answers()) as calls:
        first, second = put(saver, "t"), put(saver, "t")
        other = put(saver, "u")
    items = [call["Item"] for call in calls.of("PutItem")]
    assert len(items) == 6
    assert {item["ttl"]["N"] for item in items} == {"1060"}
    payloads = [item["payload"]["B"] for item in items if "payload" in item]
    assert len(payloads) == 3
    assert all(len(payload) < 1000 for payload in payloads)
    assert (saver.written("t"), saver.written("u")) == (second, other)
    assert first != second
    with pytest.raises(KeyError):
        saver.written("t")


def test_every_kind_of_read_is_made_consistent(offline_aws: Aws) -> None:
    """DynamoDB's reads are only on request."""
    client = TurnSaver("checkpoints", offline_aws, ttl_s=60).client
    sent: list[Any] = []

    def note(params: dict[str, Any], **_: object) -> None:
        sent.append(params["body"].decode() if isinstance(params["body"], bytes) else params["body"])

    key = {"PK": {"S": "k"}, "SK": {"S": "s"}}
    reads: dict[str, Callable[[], object]] = {
        "GetItem": lambda: client.get_item(TableName="checkpoints", Key=key),
        "Query": lambda: client.query(TableName="checkpoints", KeyConditionExpression="PK = :pk"),
        "BatchGetItem": lambda: client.batch_get_item(
            RequestItems={name: {"Keys": [key]} for name in ("checkpoints", "others")}
        ),
    }
    for operation in reads:
        client.meta.events.register_first(f"before-call.dynamodb.{operation}", note)
    with AwsCalls(client, **dict.fromkeys(reads, answers())):
        for read in reads.values():
            read()
    asked = [json.loads(body) for body in sent]
    assert asked == [
        {"TableName": "checkpoints", "Key": key, "ConsistentRead": True},
        {"TableName": "checkpoints", "KeyConditionExpression": "PK = :pk", "ConsistentRead": True},
        {"RequestItems": {name: {"Keys": [key], "ConsistentRead": True} for name in ("checkpoints", "others")}},
    ]
