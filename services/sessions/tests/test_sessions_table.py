"""What the table is asked for and told, call by call; opens no socket."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chassis.aws import Aws
from chassis.errors import TransientError
from contracts.chat import ChatMessage, TurnCompleted
from sessions.errors import MalformedItemError
from sessions.repository.conversations import Conversation
from sessions.table import History, SessionTable, Summary
from testkit.faults import AwsCalls, answers, fails, raises

AT = datetime(2026, 11, 22, 10, 30, 0, 250_000, tzinfo=UTC)
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
PK = {"S": "alice#s-1"}
#: Of `AT`, in seconds since 1970.
EPOCH = 1795343400


def message(role: str, content: str, **fields: Any) -> ChatMessage:
    return ChatMessage.model_validate({"role": role, "content": content, "timestamp": AT, **fields})


def text(of: ChatMessage) -> dict[str, str]:
    return {"S": of.model_dump_json(exclude_none=True)}


def turn_key(at: str, turn: int = 1) -> dict[str, str]:
    return {"S": f"turn#2026-11-22T{at}Z#{turn:06d}"}


@pytest.fixture
def dynamodb(offline_aws: Aws) -> Iterator[AwsCalls]:
    with AwsCalls(offline_aws.dynamodb, PutItem=answers(), UpdateItem=answers(), BatchWriteItem=answers()) as calls:
        yield calls


@pytest.fixture
def table(offline_aws: Aws, dynamodb: AwsCalls) -> SessionTable:
    return SessionTable(offline_aws.dynamodb, "sessions")


def paged(*pages: list[dict[str, Any]]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Answers queries with one page after the other; each but the last says where to go on."""

    def rule(asked: dict[str, Any]) -> dict[str, Any]:
        place = int(asked.get("ExclusiveStartKey", {}).get("page", {"N": "0"})["N"])
        more = {"LastEvaluatedKey": {"page": {"N": str(place + 1)}}} if place + 1 < len(pages) else {}
        return {"Items": pages[place], **more}

    return rule


def test_a_turn_is_one_item_with_both_messages(table: SessionTable, dynamodb: AwsCalls) -> None:
    used = ({"name": "search_collection", "input": {"b": 1, "a": "駅"}},)
    turn = TurnCompleted(
        turn=7,
        question=message("user", "駅は?"),
        answer=message("assistant", "Here.", tools_used=used),
        model="model",
        response_time_ms=1,
    )
    table.put_turn("alice", "s-1", turn, at=AT, lifetime_s=60)
    time = '"timestamp": "2026-11-22T10:30:00.250000Z"'
    tools = '"tools_used": [{"input": {"a": "駅", "b": 1}, "name": "search_collection"}]'
    item = {
        "pk": PK,
        "sk": turn_key("10:30:00.250000", 7),
        "question": {"S": f'{{"content": "駅は?", "role": "user", {time}}}'},
        "answer": {"S": f'{{"content": "Here.", "role": "assistant", {time}, {tools}}}'},
        "expires_at": {"N": str(EPOCH + 60)},
    }
    assert dynamodb.made == [("PutItem", {"TableName": "sessions", "Item": item})]


CONVERSATION = Conversation(opened_at=AT - HOUR, created_at=AT - HOUR - SECOND, last_activity=AT, turns=3)
HEAD = {
    "pk": PK,
    "sk": {"S": "session"},
    "user_id": {"S": "alice"},
    "session_id": {"S": "s-1"},
    "opened_at": {"S": "2026-11-22T09:30:00.250000Z"},
    "created_at": {"S": "2026-11-22T09:29:59.250000Z"},
    "last_activity": {"S": "2026-11-22T10:30:00.250000Z"},
    "message_count": {"N": "6"},
    "expires_at": {"N": str(EPOCH + 60)},
}
SUMMARY = Summary("s-1", AT - HOUR - SECOND, AT, 6)


def test_a_conversation_is_one_item(table: SessionTable, dynamodb: AwsCalls) -> None:
    table.put_conversation("alice", "s-1", CONVERSATION, lifetime_s=60)
    assert dynamodb.made == [("PutItem", {"TableName": "sessions", "Item": HEAD})]


def query(attributes: str | None = None, page: int = 0) -> tuple[str, dict[str, Any]]:
    """The query for a page of a session's items."""
    asked = {
        "TableName": "sessions",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": PK},
        "ConsistentRead": True,
        **({"ProjectionExpression": attributes} if attributes else {}),
        **({"ExclusiveStartKey": {"page": {"N": str(page)}}} if page else {}),
    }
    return "Query", asked


def test_a_history_is_read_to_its_last_page_and_from_its_beginning(table: SessionTable, dynamodb: AwsCalls) -> None:
    shown = [message(role, f"{role} {n}") for n in (1, 2) for role in ("user", "assistant")]

    def turn(at: str, question: ChatMessage, answer: ChatMessage) -> dict[str, Any]:
        return {"pk": PK, "sk": turn_key(at), "question": text(question), "answer": text(answer)}

    over = turn("09:30:00.249999", message("user", "over"), message("assistant", "over"))
    first, second = turn("09:30:00.250000", *shown[:2]), turn("10:30:00.250000", *shown[2:])
    dynamodb.rules["Query"] = paged([second, HEAD], [], [over, first])
    found = table.history("alice", "s-1", active_since=AT - SECOND)
    assert found == History(SUMMARY, tuple(shown))
    assert dynamodb.made == [query(), query(page=1), query(page=2)]


def test_a_conversation_has_expired_when_its_time_is_up(table: SessionTable, dynamodb: AwsCalls) -> None:
    dynamodb.rules["Query"] = paged([HEAD])
    assert table.history("alice", "s-1", active_since=AT) is None
    assert table.history("alice", "s-1", active_since=AT - timedelta(microseconds=1)) is not None
    dynamodb.rules["Query"] = paged([{"pk": PK, "sk": turn_key("10:30:00.250000")}])
    assert table.history("alice", "s-1", active_since=AT - HOUR) is None


def test_the_latest_conversations_are_those_of_the_index(table: SessionTable, dynamodb: AwsCalls) -> None:
    dynamodb.rules["Query"] = paged([HEAD])
    assert table.latest("alice", active_since=AT - HOUR, limit=7) == [SUMMARY]
    asked = {
        "TableName": "sessions",
        "IndexName": "by_activity",
        "KeyConditionExpression": "user_id = :tenant AND last_activity > :since",
        "ExpressionAttributeValues": {":tenant": {"S": "alice"}, ":since": {"S": "2026-11-22T09:30:00.250000Z"}},
        "ScanIndexForward": False,
        "Limit": 7,
    }
    assert dynamodb.made == [("Query", asked)]


def deletions(*keys: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    return "BatchWriteItem", {"RequestItems": {"sessions": [{"DeleteRequest": {"Key": key}} for key in keys]}}


def test_of_a_session_only_the_given_turns_are_kept_with_their_lifetime(
    table: SessionTable, dynamodb: AwsCalls
) -> None:
    def item(place: int, expires_at: int = EPOCH + 60) -> dict[str, Any]:
        return {"pk": PK, "sk": turn_key("10:30:00.250000", place), "expires_at": {"N": str(expires_at)}}

    def key(place: int) -> dict[str, Any]:
        return {"pk": PK, "sk": turn_key("10:30:00.250000", place)}

    gone = range(3, 54)
    head = {"pk": PK, "sk": HEAD["sk"], "expires_at": {"N": "1"}}
    dynamodb.rules["Query"] = paged([item(1), item(2, EPOCH + 59)], [*map(item, gone), head])
    turns = [(AT, 1), (AT, 2)]
    table.keep("alice", "s-1", turns, runs=True, lifetime_s=60)
    extended = {
        "TableName": "sessions",
        "Key": key(2),
        "UpdateExpression": "SET expires_at = :at",
        "ConditionExpression": "attribute_exists(pk)",
        "ExpressionAttributeValues": {":at": {"N": str(EPOCH + 60)}},
    }
    keys = [key(place) for place in gone]
    attributes = "pk, sk, expires_at"
    calls = [query(attributes), ("UpdateItem", extended), query(attributes, 1)]
    assert dynamodb.made == [*calls, deletions(*keys[:25]), deletions(*keys[25:50]), deletions(keys[50])]

    dynamodb.made.clear()
    dynamodb.rules["Query"] = paged([item(1), item(2), head])
    table.keep("alice", "s-1", turns, runs=False, lifetime_s=60)
    assert dynamodb.made == [query(attributes), deletions({"pk": PK, "sk": {"S": "session"}})]


def test_a_turn_that_expires_meanwhile_is_not_brought_back(
    table: SessionTable, dynamodb: AwsCalls, offline_aws: Aws
) -> None:
    gone = offline_aws.dynamodb.exceptions.ConditionalCheckFailedException({"Error": {}}, "UpdateItem")
    expired, over = ({"pk": PK, "sk": turn_key("10:30:00.250000", n), "expires_at": {"N": "1"}} for n in (1, 2))
    dynamodb.rules |= {"Query": paged([expired, over]), "UpdateItem": raises(gone)}
    table.keep("alice", "s-1", [(AT, 1)], runs=True, lifetime_s=60)
    assert dynamodb.made[-1] == deletions({"pk": PK, "sk": over["sk"]})


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (fails("ThrottlingException"), "DynamoDB: ThrottlingException"),
        (raises(EndpointConnectionError(endpoint_url="https://x")), "DynamoDB: EndpointConnectionError"),
    ],
)
def test_a_table_that_does_not_answer_may_answer_later(
    table: SessionTable, dynamodb: AwsCalls, rule: Any, said: str
) -> None:
    stale = {"pk": PK, "sk": turn_key("10:30:00.250000"), "expires_at": {"N": "1"}}
    calls: dict[str, Callable[[], object]] = {
        "PutItem": lambda: table.put_conversation("alice", "s-1", CONVERSATION, lifetime_s=60),
        "Query": lambda: table.latest("alice", active_since=AT, limit=1),
        "UpdateItem": lambda: table.keep("alice", "s-1", [(AT, 1)], runs=True, lifetime_s=60),
        "BatchWriteItem": lambda: table.keep("alice", "s-1", [], runs=True, lifetime_s=60),
    }
    for operation, use in calls.items():
        dynamodb.rules |= {name: answers() for name in calls} | {"Query": paged([stale]), operation: rule}
        with pytest.raises(TransientError) as raised:
            use()
        assert str(raised.value) == said
        assert isinstance(raised.value.__cause__, ClientError | EndpointConnectionError)
    with pytest.raises(TransientError):
        dynamodb.rules["Query"] = rule
        table.history("alice", "s-1", active_since=AT)


def test_deletions_that_are_left_undone_come_back(table: SessionTable, dynamodb: AwsCalls) -> None:
    stale = {"pk": PK, "sk": turn_key("10:30:00.250000"), "expires_at": {"N": "1"}}
    undone = {"sessions": [{"DeleteRequest": {"Key": {"pk": stale["pk"], "sk": stale["sk"]}}}]}
    dynamodb.rules |= {"Query": paged([stale]), "BatchWriteItem": answers(UnprocessedItems=undone)}
    with pytest.raises(TransientError, match=r"^DynamoDB left deletions undone$"):
        table.keep("alice", "s-1", [], runs=True, lifetime_s=60)


@pytest.mark.parametrize("name", ["session_id", "created_at", "last_activity", "message_count", "opened_at"])
def test_an_item_that_lacks_something_is_named(table: SessionTable, dynamodb: AwsCalls, name: str) -> None:
    dynamodb.rules["Query"] = paged([{key: value for key, value in HEAD.items() if key != name}])
    with pytest.raises(MalformedItemError, match=f"^an item of the table has no {name}$"):
        table.history("alice", "s-1", active_since=AT - HOUR)
    dynamodb.rules["Query"] = paged([HEAD | {name: {"B": b""}}])
    with pytest.raises(MalformedItemError):
        table.history("alice", "s-1", active_since=AT - HOUR)
