"""Deletes checkpoints from the DynamoDB table, by the keys that langgraph-checkpoint-aws uses.

    PK CHECKPOINT_{thread}            SK {ns}#{id}         one a checkpoint, naming its payload
    PK CHUNK_{thread}#{ns}#{id}       SK CHUNK             the payload
    PK WRITES_{thread}#{ns}#{id}      SK {task}#{index}    writes of a step under way, naming their payloads

Done here so that the queue's function need not import LangGraph, which takes seconds; a test compares with the saver.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH = 25


def thread_id(tenant_id: str, session_id: str) -> str:
    """The agent's memory of one conversation of one tenant. Unlike ids, it has one `#` and ASCII characters only."""
    return f"{tenant_id}#{quote(session_id, safe='')}"


class CheckpointTable:
    """Every method raises TransientError when DynamoDB is unavailable."""

    def __init__(self, name: str, dynamodb: "DynamoDBClient") -> None:
        self._name = name
        self._dynamodb = dynamodb

    def count(self, thread: str) -> int:
        """How many items the thread has."""
        try:
            return sum(1 for _ in self._keys(thread, None))
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from error

    def delete(self, thread: str, checkpoint_id: str | None = None) -> int:
        """Delete the whole thread, or one checkpoint; returns the number of deleted items."""
        try:
            keys = list(self._keys(thread, checkpoint_id))
            for start in range(0, len(keys), _BATCH):
                self._delete_items(keys[start : start + _BATCH])
        except (ClientError, BotoCoreError) as error:
            raise translated(error) from error
        return len(keys)

    def _keys(self, thread: str, checkpoint_id: str | None) -> Iterator[dict[str, Any]]:
        for checkpoint in self._query(f"CHECKPOINT_{thread}"):
            place = checkpoint["SK"]["S"]
            if checkpoint_id is not None and place.rpartition("#")[2] != checkpoint_id:
                continue
            for write in self._query(f"WRITES_{thread}#{place}"):
                yield {"PK": write["PK"], "SK": write["SK"]}
                yield from _payload(write)
            yield from _payload(checkpoint)
            # Last, so that after a failure in between the checkpoint still leads to what is left.
            yield {"PK": checkpoint["PK"], "SK": checkpoint["SK"]}

    def _query(self, partition: str) -> Iterator[dict[str, Any]]:
        pages = self._dynamodb.get_paginator("query").paginate(
            TableName=self._name,
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ProjectionExpression="PK, SK, ref_key",
            ConsistentRead=True,
        )
        for page in pages:
            yield from page["Items"]

    def _delete_items(self, keys: list[dict[str, Any]]) -> None:
        answer = self._dynamodb.batch_write_item(
            RequestItems={self._name: [{"DeleteRequest": {"Key": key}} for key in keys]}
        )
        if answer.get("UnprocessedItems"):
            raise TransientError("DynamoDB did not process all deletions")


def _payload(item: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "ref_key" in item:
        yield {"PK": item["ref_key"], "SK": {"S": "CHUNK"}}


def translated(error: ClientError | BotoCoreError) -> TransientError:
    """DynamoDB's error as one of ours; the code only, messages quote keys."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    return TransientError(f"DynamoDB: {code}")
