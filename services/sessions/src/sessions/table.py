"""The DynamoDB table that is read: one item a conversation, one a turn.

    pk {tenant}#{session}   sk session              user_id (= tenant), last_activity, created_at, message_count, …
    pk {tenant}#{session}   sk turn#{time}#{turn}   question and answer, as JSON

Keys are built from the event's own values, so writing twice changes nothing. Only the conversation's item has `user_id`
and thus appears in the index `by_activity`. Times are RFC 3339 in UTC with microseconds: they sort as text. An item is
ignored from the moment it expires; DynamoDB removes it some time later.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import TransientError
from contracts.chat import ChatMessage, TurnCompleted
from contracts.personal import MASK
from sessions.cursors import Cursor
from sessions.errors import MalformedItemError
from sessions.repository.conversations import Conversation
from sessions.room import as_many_as_fit

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BY_ACTIVITY = "by_activity"
_BATCH = 25


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in the list."""

    session_id: str
    created_at: datetime
    last_activity: datetime
    message_count: int


@dataclass(frozen=True, slots=True)
class History:
    """A conversation with its messages, oldest first."""

    summary: Summary
    messages: tuple[ChatMessage, ...]


class SessionTable:
    """Everything done with the table. Every method raises TransientError when DynamoDB does not answer."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        self._client = client
        self._name = name

    def put_turn(self, tenant_id: str, session_id: str, turn: TurnCompleted, *, at: datetime, lifetime_s: int) -> None:
        """Keep both messages of the turn that was completed at that time."""
        self._put(
            {
                "pk": {"S": partition_of(tenant_id, session_id)},
                "sk": {"S": _sort_key(at, turn.turn)},
                "question": {"S": _json(turn.question)},
                "answer": {"S": _json(turn.answer)},
                "expires_at": _epoch(at, lifetime_s),
            }
        )

    def erase_turn(self, tenant_id: str, session_id: str, *, at: datetime, turn: int) -> None:
        """Blank both messages of the turn; one that is not there is no error."""
        key = {"pk": {"S": partition_of(tenant_id, session_id)}, "sk": {"S": _sort_key(at, turn)}}
        item = self._get(key)
        if item is not None:
            self._put(item | {name: {"S": _json(_blank(_attribute(item, name)))} for name in ("question", "answer")})

    def put_conversation(self, tenant_id: str, session_id: str, conversation: Conversation, *, lifetime_s: int) -> None:
        """Write the conversation's item as the rows in Postgres have it."""
        self._put(
            {
                "pk": {"S": partition_of(tenant_id, session_id)},
                "sk": {"S": "session"},
                "user_id": {"S": tenant_id},
                "session_id": {"S": session_id},
                "opened_at": {"S": _text(conversation.opened_at)},
                "created_at": {"S": _text(conversation.created_at)},
                "last_activity": {"S": _text(conversation.last_activity)},
                "message_count": {"N": str(2 * conversation.turns)},
                "expires_at": _epoch(conversation.last_activity, lifetime_s),
            }
        )

    def history(self, tenant_id: str, session_id: str, *, active_since: datetime) -> History | None:
        """The conversation; None where there is none, or its last activity is not after `active_since`.

        In very long conversations the oldest answers come without their sources, and what still does not fit
        is left out; the summary counts all.
        """
        items = {item["sk"]["S"]: item for item in self._items(tenant_id, session_id)}
        head = items.pop("session", None)
        summary = _summary(head) if head else None
        if head is None or summary is None or summary.last_activity <= active_since:
            return None
        first = f"turn#{_attribute(head, 'opened_at')}"
        turns = [items[key] for key in sorted(items, reverse=True) if key >= first]
        texts = (_attribute(turn, part) for turn in turns for part in ("answer", "question"))
        return History(summary, as_many_as_fit(map(ChatMessage.model_validate_json, texts)))

    def latest(
        self, tenant_id: str, *, active_since: datetime, limit: int, after: Cursor | None = None
    ) -> list[Summary]:
        """The tenant's conversations with activity after `active_since`, most recent first; those beyond `after`."""
        request: dict[str, Any] = {}
        if after is not None:
            if after.last_activity <= active_since:
                return []  # DynamoDB takes no start outside of the key condition.
            request["ExclusiveStartKey"] = {
                "pk": {"S": partition_of(tenant_id, after.session_id)},
                "sk": {"S": "session"},
                "user_id": {"S": tenant_id},
                "last_activity": {"S": _text(after.last_activity)},
            }
        with _answering():
            answer = self._client.query(
                TableName=self._name,
                IndexName=BY_ACTIVITY,
                KeyConditionExpression="user_id = :tenant AND last_activity > :since",
                ExpressionAttributeValues={":tenant": {"S": tenant_id}, ":since": {"S": _text(active_since)}},
                ScanIndexForward=False,
                Limit=limit,
                **request,
            )
        return [_summary(item) for item in answer["Items"]]

    def keep(
        self, tenant_id: str, session_id: str, turns: Iterable[tuple[datetime, int]], *, runs: bool, lifetime_s: int
    ) -> None:
        """Of the session id keep those turns alone, each with the lifetime; and its conversation, if that runs."""
        expected = {_sort_key(at, turn): _epoch(at, lifetime_s) for at, turn in turns}
        superfluous: list[dict[str, Any]] = []
        for item in self._items(tenant_id, session_id, "pk, sk, expires_at"):
            key, sort_key = {"pk": item["pk"], "sk": item["sk"]}, item["sk"]["S"]
            if sort_key == "session":
                if not runs:
                    superfluous.append(key)
            elif sort_key not in expected:
                superfluous.append(key)
            elif item["expires_at"] != expected[sort_key]:
                self._set_expiry(key, expected[sort_key])
        for start in range(0, len(superfluous), _BATCH):
            self._delete(superfluous[start : start + _BATCH])

    def items(self, tenant_id: str, session_id: str) -> Iterator[dict[str, Any]]:
        """Everything under the session id, in order of the keys."""
        return self._items(tenant_id, session_id)

    def count(self, tenant_id: str, session_id: str) -> int:
        """How many items there are under the session id."""
        return sum(1 for _ in self._items(tenant_id, session_id, "pk, sk"))

    def erase(self, tenant_id: str, session_id: str) -> None:
        """Delete everything under the session id."""
        keys = [{"pk": item["pk"], "sk": item["sk"]} for item in self._items(tenant_id, session_id, "pk, sk")]
        for start in range(0, len(keys), _BATCH):
            self._delete(keys[start : start + _BATCH])

    def _items(self, tenant_id: str, session_id: str, attributes: str | None = None) -> Iterator[dict[str, Any]]:
        request: dict[str, Any] = {
            "TableName": self._name,
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": partition_of(tenant_id, session_id)}},
            "ConsistentRead": True,
        }
        if attributes:
            request["ProjectionExpression"] = attributes
        while True:
            with _answering():
                page = self._client.query(**request)
            yield from page["Items"]
            if not page.get("LastEvaluatedKey"):
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        with _answering():
            found = self._client.get_item(TableName=self._name, Key=key, ConsistentRead=True).get("Item")
        return None if found is None else dict(found)

    def _put(self, item: dict[str, Any]) -> None:
        with _answering():
            self._client.put_item(TableName=self._name, Item=item)

    def _set_expiry(self, key: dict[str, Any], expires_at: dict[str, str]) -> None:
        # DynamoDB may have expired the item since it was read.
        with _answering(), suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.update_item(
                TableName=self._name,
                Key=key,
                UpdateExpression="SET expires_at = :at",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":at": expires_at},
            )

    def _delete(self, keys: Sequence[dict[str, Any]]) -> None:
        with _answering():
            answer = self._client.batch_write_item(
                RequestItems={self._name: [{"DeleteRequest": {"Key": key}} for key in keys]}
            )
        if answer.get("UnprocessedItems"):
            raise TransientError("DynamoDB left deletions undone")


class NoTable(SessionTable):
    """A table that keeps nothing, for folds whose rows in Postgres are all that matters: of an audit, and beside."""

    def __init__(self) -> None:
        """There is nothing to connect to."""

    def erase_turn(self, tenant_id: str, session_id: str, *, at: datetime, turn: int) -> None:
        """There is nothing to blank."""

    def keep(
        self, tenant_id: str, session_id: str, turns: Iterable[tuple[datetime, int]], *, runs: bool, lifetime_s: int
    ) -> None:
        """There is nothing to remove."""

    def _put(self, item: dict[str, Any]) -> None:
        """Write nothing."""


def _json(message: ChatMessage) -> str:
    """Keys in order: an event store does not keep the order in which they came, and a rebuild writes the same text."""
    return json.dumps(message.model_dump(mode="json", exclude_none=True), ensure_ascii=False, sort_keys=True)


def _blank(message: str) -> ChatMessage:
    known = ChatMessage.model_validate_json(message)
    return ChatMessage(role=known.role, content=MASK, timestamp=known.timestamp)


def partition_of(tenant_id: str, session_id: str) -> str:
    """The partition key of a session id, which is any text; quoted, none contains the separator."""
    return f"{tenant_id}#{quote(session_id, safe='')}"


def _sort_key(at: datetime, turn: int) -> str:
    return f"turn#{_text(at)}#{turn:06d}"


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _epoch(moment: datetime, lifetime_s: int) -> dict[str, str]:
    return {"N": str(int(moment.timestamp()) + lifetime_s)}


def _summary(item: dict[str, Any]) -> Summary:
    return Summary(
        session_id=_attribute(item, "session_id"),
        created_at=datetime.fromisoformat(_attribute(item, "created_at")),
        last_activity=datetime.fromisoformat(_attribute(item, "last_activity")),
        message_count=int(_attribute(item, "message_count", "N")),
    )


def _attribute(item: dict[str, Any], name: str, kind: str = "S") -> str:
    try:
        return str(item[name][kind])
    except KeyError as error:
        raise MalformedItemError(f"an item of the table has no {name}") from error


@contextmanager
def _answering() -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise TransientError(f"DynamoDB: {code}") from error
