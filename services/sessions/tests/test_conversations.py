"""Conversations from turns: list, history, deletion, expiry, limit; in any order and any number of deliveries."""

import itertools
import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import Contract, Event, replayed
from contracts.chat import ChatMessage
from contracts.sessions import CrowdedOut, Idle, SessionExpired
from sessions.repository import lag
from testkit import make_table_again

Turn = Callable[..., Event[Contract]]
MINUTE = timedelta(minutes=1)


@pytest.fixture
def session() -> str:
    return str(uuid.uuid4())


def contents(running: Any, session: str, tenant: str = "ann") -> list[str]:
    """The questions of the history, oldest first; empty when there is no such session."""
    answer = running.request("GET", f"/chat/{session}/history", tenant)
    if answer.status == 404:
        return []
    assert answer.status == 200
    assert answer.body["message_count"] == len(answer.body["messages"])
    return [message["content"] for message in answer.body["messages"] if message["role"] == "user"]


@pytest.mark.integration
def test_turns_become_a_history_and_a_list(running: Any, make_turn: Turn, session: str) -> None:
    first, second = make_turn("ann", session, 1, ago=2 * MINUTE), make_turn("ann", session, 2, ago=MINUTE)
    assert running.consume(first, second) == 0
    answer = running.request("GET", f"/chat/{session}/history", "ann")
    assert answer.status == 200
    assert set(answer.body) == {"session_id", "messages", "created_at", "last_activity", "message_count"}
    assert [(m["role"], m["content"]) for m in answer.body["messages"]] == [
        ("user", "question 1"),
        ("assistant", "answer to question 1"),
        ("user", "question 2"),
        ("assistant", "answer to question 2"),
    ]
    assert answer.body["messages"][1]["search_results"] == [{"score": 0.25}]
    listed = running.request("GET", "/chat/sessions", "ann").body
    entry = {name: answer.body[name] for name in ("session_id", "created_at", "last_activity", "message_count")}
    assert listed["sessions"] == [entry]
    assert datetime.fromisoformat(entry["last_activity"]) == second.time
    assert listed["stats"]["active_sessions"] == 1
    assert listed["stats"]["total_messages"] == 4
    assert listed["stats"]["last_cleanup"] is None


@pytest.mark.integration
def test_of_a_very_long_conversation_every_message_is_shown(
    running: Any, make_turn: Turn, session: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda's answers are bounded: the sources of the oldest ones are left out."""
    turns = [make_turn("ann", session, number, ago=(5 - number) * MINUTE) for number in range(1, 5)]
    assert running.consume(*turns) == 0
    whole = running.request("GET", f"/chat/{session}/history", "ann").body["messages"]
    sizes = [size(message) for message in whole]
    bare = [size({**message, "search_results": None}) for message in whole]
    extra = sizes[-1] - bare[-1]
    for room, shown, found in (
        (sum(sizes), whole, [True] * 4),
        (sum(bare) + 2 * extra, whole, [False, False, True, True]),
        (sum(bare[3:]), whole[3:], [False] * 3),
    ):
        monkeypatch.setattr("sessions.room._ROOM", room)
        shortened = running.request("GET", f"/chat/{session}/history", "ann").body
        assert shortened["message_count"] == 8
        messages = shortened["messages"]
        assert [message["content"] for message in messages] == [message["content"] for message in shown]
        answers = [message for message in messages if message["role"] == "assistant"]
        assert [bool(message.get("search_results")) for message in answers] == found


def size(message: dict[str, Any]) -> int:
    """Bytes in what Lambda answers: JSON as text within JSON."""
    return len(json.dumps(json.dumps(ChatMessage.model_validate(message).model_dump(mode="json"))))


@pytest.mark.integration
def test_any_order_and_duplicates_give_the_same(running: Any, make_turn: Turn) -> None:
    tried = 0
    for order in itertools.permutations(range(3)):
        session = str(uuid.uuid4())
        turns = [make_turn("ann", session, n + 1, ago=(5 - n) * MINUTE) for n in range(3)]
        for index in (*order, *order):
            assert running.consume(turns[index]) == 0
            # A replay passes the inbox: the effects themselves have to be idempotent.
            assert running.consume(replayed(turns[index], replay_id=f"{tried}-{index}", replay_for="sessions")) == 0
        assert contents(running, session) == ["question 1", "question 2", "question 3"]
        tried += 1
    assert tried == 6
    assert running.request("GET", "/chat/sessions", "ann").body["stats"]["total_messages"] == 36


@pytest.mark.integration
def test_the_most_recent_come_first_and_the_limit_holds(running: Any, make_turn: Turn) -> None:
    sessions = [str(uuid.uuid4()) for _ in range(4)]
    for age in (2, 0, 3, 1):
        running.consume(make_turn("ann", sessions[age], ago=age * MINUTE))
    listed = running.request("GET", "/chat/sessions", "ann", query={"limit": "3"})
    assert [entry["session_id"] for entry in listed.body["sessions"]] == sessions[:3]
    assert listed.body["stats"]["active_sessions"] == 4
    rest = running.request("GET", "/chat/sessions", "ann", query={"limit": "3", "cursor": listed.body["next_cursor"]})
    assert [entry["session_id"] for entry in rest.body["sessions"]] == sessions[3:]
    assert rest.body["next_cursor"] is None
    for bad in ("0", "101", "x"):
        assert running.request("GET", "/chat/sessions", "ann", query={"limit": bad}).status == 422


@pytest.mark.integration
def test_the_same_id_of_two_users_is_two_conversations(running: Any, make_turn: Turn, session: str) -> None:
    running.consume(make_turn("ann", session, text="of ann"), make_turn("bob", session, text="of bob"))
    assert contents(running, session, "ann") == ["of ann"]
    assert contents(running, session, "bob") == ["of bob"]
    assert running.request("DELETE", f"/chat/{session}", "ann").status == 200
    assert contents(running, session, "ann") == []
    assert contents(running, session, "bob") == ["of bob"]
    assert running.request("GET", "/chat/sessions", "eve").body["sessions"] == []
    missing = running.request("GET", f"/chat/{session}/history", "eve")
    assert missing.status == 404
    assert missing.body["type"].endswith(":not-found")
    assert running.request("DELETE", f"/chat/{session}", "eve").status == 404


@pytest.mark.integration
@pytest.mark.parametrize(
    "session",
    ["my-session-1", " a b ", "日本語", "🍣" * 128, "ann#x", "a/b", "x/history", ".a.", "50%", "sessions"],
    ids=["name", "blanks", "kanji", "emoji", "hash", "slash", "history", "dots", "per cent", "route"],
)
def test_a_session_id_is_any_text(running: Any, make_turn: Turn, session: str) -> None:
    """It comes decoded, all but %25."""
    running.consume(make_turn("ann", session, text="of ann"))
    path = session.replace("%", "%25")
    assert contents(running, path, "ann") == ["of ann"]
    (listed,) = running.request("GET", "/chat/sessions", "ann").body["sessions"]
    assert listed["session_id"] == session
    assert contents(running, path, "ann#x") == contents(running, "x", "ann#ann") == []
    assert running.request("DELETE", f"/chat/{path}", "ann").body == {"status": "deleted", "session_id": session}
    assert contents(running, path, "ann") == []


@pytest.mark.integration
@pytest.mark.parametrize("running", [{"turn_late_s": 4}], indirect=True)
def test_while_turns_arrive_late_an_unknown_conversation_is_not_missing(running: Any, make_turn: Turn) -> None:
    for ago, status in ((timedelta(0), 404), (MINUTE, 503), (timedelta(0), 404)):
        running.consume(make_turn("ann", str(uuid.uuid4()), ago=ago))
        assert running.request("GET", "/chat/unknown/history", "ann").status == status
    running.consume(make_turn("ann", str(uuid.uuid4()), ago=MINUTE))
    with running.service.database.transaction() as connection:
        connection.execute("UPDATE lag SET heard_at = now() - interval '2 minutes'")
    assert running.request("GET", "/chat/unknown/history", "ann").status == 404


@pytest.mark.integration
def test_a_turn_that_has_just_arrived_shows_that_the_consumer_runs(running: Any, make_turn: Turn) -> None:
    running.consume(make_turn("ann", str(uuid.uuid4())))
    with running.service.database.transaction() as connection:
        assert lag.heard_within(connection, 60)
        connection.execute("UPDATE lag SET heard_at = now() - interval '9 seconds'")
        assert (lag.heard_within(connection, 10), lag.heard_within(connection, 8)) == (True, False)
        connection.execute("DELETE FROM lag")
        assert not lag.heard_within(connection, 60)


@pytest.mark.integration
def test_while_turns_wait_in_the_queue_an_unknown_conversation_is_not_missing(running: Any) -> None:
    sqs, queue = running.service.aws.sqs, running.service.settings.backlog_queue_url
    sqs.send_message(QueueUrl=queue, MessageBody="a turn")
    assert running.request("GET", "/chat/unknown/history", "ann").status == 503
    sqs.purge_queue(QueueUrl=queue)
    assert running.request("GET", "/chat/unknown/history", "ann").status == 404


@pytest.mark.integration
def test_no_id_of_one_user_is_anothers(running: Any, make_turn: Turn) -> None:
    running.consume(make_turn("ann", "x#y", text="of ann"), make_turn("ann#x", "y", text="of another"))
    assert contents(running, "x#y", "ann") == ["of ann"]
    assert contents(running, "y", "ann#x") == ["of another"]


@pytest.mark.integration
@pytest.mark.parametrize("path", ["/chat/{}", "/chat/sessions/{}"])
def test_deleted_stays_deleted_until_a_new_beginning(running: Any, make_turn: Turn, session: str, path: str) -> None:
    old = [make_turn("ann", session, turn, ago=(5 - turn) * MINUTE) for turn in (1, 2)]
    late = make_turn("ann", session, 3, ago=MINUTE)
    running.consume(*old)
    answer = running.request("DELETE", path.format(session), "ann")
    assert (answer.status, answer.body) == (200, {"status": "deleted", "session_id": session})
    assert running.items("ann", session) == []
    assert [event.type for event in running.recorded("ann", session)] == ["collections.sessions.session-deleted.v1"]
    assert running.request("DELETE", path.format(session), "ann").status == 404

    running.consume(late, *(replayed(event, replay_id="again", replay_for="sessions") for event in old))
    assert running.items("ann", session) == []
    under_way = make_turn("ann", session, 4, text="completed after the deletion")
    running.consume(under_way)
    assert contents(running, session) == []
    assert running.request("GET", "/chat/sessions", "ann").body["sessions"] == []

    later = [make_turn("ann", session, turn, text=f"new {turn}") for turn in (1, 2)]
    running.consume(*reversed(later))
    assert contents(running, session) == ["new 1", "new 2"]
    assert running.request("DELETE", path.format(session), "ann").status == 200
    assert contents(running, session) == []


@pytest.mark.integration
def test_a_new_beginning_after_idleness_replaces_the_old(running: Any, make_turn: Turn, session: str) -> None:
    old = [make_turn("ann", session, turn, ago=timedelta(hours=6) - turn * MINUTE) for turn in (1, 2)]
    new = make_turn("ann", session, 1, text="new")
    for order in itertools.permutations([*old, new]):
        tenant = str(uuid.uuid4())
        running.consume(*(replace(event, tenant_id=tenant, id=str(uuid.uuid4())) for event in order))
        assert contents(running, session, tenant) == ["new"]
        assert len(running.items(tenant, session)) == 2


@pytest.mark.integration
def test_expired_is_gone_at_once_and_ended_by_the_clean_up(running: Any, make_turn: Turn, session: str) -> None:
    stale = make_turn("ann", session, ago=timedelta(hours=4, seconds=1))
    fresh = str(uuid.uuid4())
    running.consume(stale, make_turn("ann", fresh, ago=timedelta(hours=3)), make_turn("bob", session, ago=MINUTE))
    assert running.items("ann", session) != []
    assert contents(running, session) == []
    assert running.request("DELETE", f"/chat/{session}", "ann").status == 404
    assert [s["session_id"] for s in running.request("GET", "/chat/sessions", "ann").body["sessions"]] == [fresh]

    assert running.cleanup({}, None)["expired"] == 1
    assert running.items("ann", session) == []
    (recorded,) = running.recorded("ann", session)
    assert recorded.data == SessionExpired(cause=Idle(kind="idle", after_s=4 * 3600), last_turn_at=stale.time)
    assert running.recorded("bob", session) == []
    assert running.cleanup({}, None)["expired"] == 0
    stats = running.request("GET", "/chat/sessions", "ann").body["stats"]
    assert stats["last_cleanup"]["expired"] == 0
    assert stats["active_sessions"] == 1


@pytest.mark.integration
def test_the_clean_up_is_counted_per_user(running: Any, make_turn: Turn) -> None:
    for tenant in ("ann", "ann", "bob"):
        running.consume(make_turn(tenant, str(uuid.uuid4()), ago=timedelta(hours=5)))
    assert running.cleanup({}, None)["expired"] == 3
    for tenant, own in (("ann", 2), ("bob", 1), ("eve", 0)):
        cleanup = running.request("GET", "/chat/sessions", tenant).body["stats"]["last_cleanup"]
        assert cleanup["expired"] == own
        assert datetime.now(UTC) - datetime.fromisoformat(cleanup["finished_at"]) < MINUTE


@pytest.mark.integration
def test_a_turn_under_way_at_the_expiry_goes_on(running: Any, make_turn: Turn, session: str) -> None:
    running.consume(make_turn("ann", session, 1, ago=timedelta(hours=5)))
    running.cleanup({}, None)
    running.consume(make_turn("ann", session, 2, text="still there"))
    assert contents(running, session) == ["still there"]


@pytest.mark.integration
def test_beyond_the_limit_the_oldest_ends(running: Any, make_turn: Turn) -> None:
    sessions = [str(uuid.uuid4()) for _ in range(102)]
    for start in range(0, 102, 10):
        ages = range(start, min(start + 10, 102))
        assert running.consume(*(make_turn("ann", sessions[n], ago=timedelta(seconds=200 - n)) for n in ages)) == 0
    listed = running.request("GET", "/chat/sessions", "ann", query={"limit": "100"}).body
    assert [entry["session_id"] for entry in listed["sessions"]] == sessions[:1:-1]
    for ended in sessions[:2]:
        (recorded,) = running.recorded("ann", ended)
        assert isinstance(recorded.data, SessionExpired)
        assert recorded.data.cause == CrowdedOut(kind="crowded-out", allowed=100)
        assert running.items("ann", ended) == []


@pytest.mark.integration
def test_a_silent_table_leaves_the_turn_in_the_queue(running: Any, make_turn: Turn, session: str) -> None:
    turn = make_turn("ann", session)
    running.service.aws.dynamodb.delete_table(TableName=running.table)
    assert running.request("GET", f"/chat/{session}/history", "ann").status == 503
    assert running.consume(turn) == 1
    make_table_again(running.service.aws, "sessions", "sessions", running.table)
    assert running.consume(turn) == 0
    assert contents(running, session) == ["question 1"]
