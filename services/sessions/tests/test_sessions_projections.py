"""The same events leave the same conversations, in Postgres and in DynamoDB, whatever their order and number."""

import itertools
import json
import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis import audit
from chassis.audit.masks import masked
from chassis.observability import hash_tenant
from contracts import Contract, Event, ReplayKind, new_event, replayed
from contracts.sessions import CrowdedOut, SessionDeleted, SessionExpired
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration

Turn = Callable[..., Event[Contract]]
MINUTE = timedelta(minutes=1)
TENANT = uuid.UUID("99999999-2222-4333-8444-555555555555")
SESSION = "11111111-2222-4333-8444-555555555555"
BEGINNING = datetime.now(UTC) - timedelta(hours=1)


def deletion(at: datetime, session: str = SESSION) -> Event[Contract]:
    return new_event(SessionDeleted(), subject=session, tenant_id="ann", time=at)


def expiry(last_turn_at: datetime, session: str = SESSION) -> Event[Contract]:
    """An expiry that is decided long after the last turn."""
    data = SessionExpired(cause=CrowdedOut(kind="crowded-out", allowed=100), last_turn_at=last_turn_at)
    return new_event(data, subject=session, tenant_id="ann", time=datetime.now(UTC))


#: What happens to one session id, a minute apart: a number is a turn of that number, `deleted` a deletion between its
#: neighbours, `expired` an expiry after the turn before it. And the questions that are left.
COURSES: dict[str, tuple[tuple[int | str, ...], list[int]]] = {
    "both ends": ((1, "expired", 2, "deleted", 1), [1]),
    "turns under way, then a new beginning": (("deleted", 2, 1, 2), [1, 2]),
    "an end between turns": ((1, "deleted", 2, 1), [1]),
    "a turn under way at the deletion": ((1, "deleted", 2, 3), []),
    "a turn under way at the expiry": ((1, 2, "expired", 3), [3]),
    "an expiry after a deletion": ((1, "deleted", 1, "expired"), []),
    "an idle one that begins once more": ((1, 2, 1, 2), [1, 2]),
    "no first turn": ((2, 3, "expired", 3), [3]),
}


@pytest.mark.parametrize("course", COURSES)
def test_every_order_of_the_events_of_a_session_leaves_the_same(
    running: Any, make_turn: Turn, course: str, whole: bool
) -> None:
    steps, left = COURSES[course]
    outcomes = set()
    orders = list(itertools.permutations(happening(steps, make_turn)))
    assert len(orders) == (120 if len(steps) == 5 else 24)
    for order in orders if whole else random.Random(course).sample(orders, 12):
        tenant = str(uuid.uuid4())
        with running.service.work.on(tenant, SESSION) as work:
            for event in (*order, order[0]):
                work.fold(replace(event, tenant_id=tenant))
        outcomes.add(outcome(running, tenant))
    assert len(outcomes) == 1
    answer = running.request("GET", f"/chat/{SESSION}/history", tenant)
    assert (answer.status == 404) == (left == [])
    questions = [m["content"] for m in answer.body.get("messages", []) if m["role"] == "user"]
    assert questions == [f"question {turn}" for turn in left]


def happening(steps: Sequence[int | str], make_turn: Turn) -> list[Event[Contract]]:
    events = []
    for number, step in enumerate(steps):
        at = BEGINNING + number * MINUTE
        if step == "deleted":
            events.append(deletion(at))
        elif step == "expired":
            events.append(expiry(at - MINUTE))
        else:
            turn = make_turn("ann", SESSION, step)
            events.append(replace(turn, time=at))
    return events


def outcome(running: Any, tenant: str) -> str:
    """Every row and every item of the tenant's session, but for the tenant."""
    connection = running.service.database.connection()
    rows = [
        connection.execute(f"SELECT to_jsonb(t) AS row FROM {table} AS t WHERE tenant_id = %s ORDER BY 1", (tenant,))
        for table in ("turns", "conversations")
    ]
    return repr([*(found.fetchall() for found in rows), running.items(tenant, SESSION)]).replace(tenant, "ann")


@pytest.mark.parametrize("running", [{"sessions_per_user": 4}], indirect=True)
def test_the_projections_can_be_folded_again(running: Any, make_turn: Turn) -> None:
    consumed = busy_day(running, make_turn)
    items = running.all_items()
    assert {item["sk"]["S"].partition("#")[0] for item in items} == {"session", "turn"}
    for seed in range(5):
        running.empty_table()
        assert_refolds(running.service, consumed, seed=seed)
        assert running.all_items() == items


def busy_day(running: Any, make_turn: Turn) -> list[Event[Contract]]:
    """Conversations that go on, are deleted, begin once more, expire, are crowded out; returns what was consumed."""
    consumed: list[Event[Contract]] = []

    def consume(*events: Event[Contract]) -> None:
        assert running.consume(*events) == 0
        consumed.extend(events)

    names = [str(uuid.uuid4()) for _ in range(7)]
    idle, deleted, reborn, under_way, *others = names
    consume(*(make_turn("ann", idle, turn, ago=timedelta(hours=5) - turn * MINUTE) for turn in (2, 1)))
    assert running.cleanup({}, None)["expired"] == 1
    consume(*(make_turn("ann", name, 1, ago=30 * MINUTE) for name in (deleted, reborn, under_way)))
    consume(*(make_turn("ann", name, 2, ago=29 * MINUTE) for name in (deleted, reborn, under_way)))
    late = make_turn("ann", deleted, 3, ago=MINUTE)
    for name in (deleted, reborn, under_way):
        assert running.request("DELETE", f"/chat/{name}", "ann").status == 200
    consume(late, make_turn("ann", under_way, 3), *(make_turn("ann", reborn, turn) for turn in (2, 1)))
    consume(make_turn("bob", reborn, 1), make_turn("ann", idle, 3))
    consume(*(make_turn("ann", name, 1, ago=(20 - age) * MINUTE) for age, name in enumerate(others)))
    kinds = [event.type.split(".")[2] for name in names for event in running.recorded("ann", name)]
    assert (kinds.count("session-deleted"), kinds.count("session-expired")) == (3, 2), "one idle, one crowded out"
    return consumed


@pytest.mark.parametrize("running", [{"sessions_per_user": 1}], indirect=True)
def test_a_limit_that_could_not_be_enforced_is_enforced_when_the_event_comes_back(
    running: Any, make_turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash between the turn's transaction and the end of another conversation loses neither."""
    older, newer = str(uuid.uuid4()), str(uuid.uuid4())
    assert running.consume(make_turn("ann", older, ago=MINUTE)) == 0
    turn = make_turn("ann", newer)
    with monkeypatch.context() as patch:
        patch.setattr("sessions.reactions.expire_superfluous", crash)
        assert running.consume(turn) == 1
    assert running.request("GET", f"/chat/{newer}/history", "ann").status == 200
    assert running.recorded("ann", older) == []
    assert running.consume(turn) == 0
    assert [event.type.split(".")[2] for event in running.recorded("ann", older)] == ["session-expired"]
    assert running.request("GET", f"/chat/{older}/history", "ann").status == 404


def crash(*_: object) -> None:
    raise RuntimeError("the function ended here")


@pytest.mark.parametrize("running", [{"sessions_per_user": 1}], indirect=True)
def test_a_replay_folds_and_ends_nothing(running: Any, make_turn: Turn) -> None:
    turns = [make_turn("ann", str(uuid.uuid4()), ago=age * MINUTE) for age in (2, 1)]
    for turn in turns:
        assert running.consume(replayed(turn, replay_id="rebuild", replay_for="sessions")) == 0
    assert running.request("GET", "/chat/sessions", "ann").body["stats"]["active_sessions"] == 2
    assert [running.recorded("ann", turn.subject) for turn in turns] == [[], []]
    again = replayed(turns[1], replay_id="again", replay_for="sessions", kind=ReplayKind.REPROCESS)
    assert running.consume(again) == 0
    assert [len(running.recorded("ann", turn.subject)) for turn in turns] == [1, 0]


@pytest.mark.parametrize("course", ["both ends", "no first turn"])
def test_an_audit_compares_rows_and_items_and_leaves_the_table_alone(
    running: Any, make_turn: Turn, course: str
) -> None:
    events = [replace(event, tenant_id=str(TENANT)) for event in happening(COURSES[course][0], make_turn)]
    with running.service.work.on(str(TENANT), SESSION) as work:
        for event in events:
            work.fold(event)
    kept = running.all_items()
    request = {
        "compare": [[hash_tenant(str(TENANT)), SESSION]],
        "documents": [masked(event.to_wire(), event.tenant_id) for event in events],
    }
    assert audit.answer(running.service, request)["differences"] == []
    with running.service.database.transaction() as connection:
        (row,) = connection.execute("SELECT turns FROM conversations WHERE tenant_id = %s", (str(TENANT),))
        right = row["turns"]
        connection.execute("UPDATE conversations SET turns = 9 WHERE tenant_id = %s", (str(TENANT),))
    (found,) = audit.answer(running.service, request)["differences"]
    assert (found["table"], found["kind"], found["columns"]) == ("conversations", "stale", ["turns"])
    assert running.all_items() == kept
    with running.service.database.transaction() as connection:
        connection.execute("UPDATE conversations SET turns = %s WHERE tenant_id = %s", (right, str(TENANT)))
    head, turn = kept[0], kept[-1]
    dynamodb = running.service.aws.dynamodb

    def told() -> list[tuple[str, str, dict[str, str], list[str]]]:
        differences = audit.answer(running.service, request)["differences"]
        return [(each["table"], each["kind"], each["key"], each["columns"]) for each in differences]

    dynamodb.put_item(TableName=running.table, Item=head | {"message_count": {"N": "99"}})
    assert told() == [("sessions", "stale", {"item": "session"}, ["message_count"])]
    dynamodb.put_item(TableName=running.table, Item=head)
    answer = json.loads(turn["answer"]["S"]) | {"role": "user"}
    dynamodb.put_item(TableName=running.table, Item=turn | {"answer": {"S": json.dumps(answer)}})
    assert told() == [("sessions", "stale", {"item": turn["sk"]["S"]}, ["answer/role"])]
    dynamodb.delete_item(TableName=running.table, Key={"pk": turn["pk"], "sk": turn["sk"]})
    assert told() == [("sessions", "missing", {"item": turn["sk"]["S"]}, [])]
    dynamodb.put_item(TableName=running.table, Item=turn)
    dynamodb.put_item(TableName=running.table, Item=turn | {"sk": {"S": "turn#of no event"}})
    assert told() == [("sessions", "extra", {"item": "turn#of no event"}, [])]
    dynamodb.put_item(TableName=running.table, Item=turn | {"sk": {"S": "turn#old"}, "expires_at": {"N": "1"}})
    assert len(told()) == 1, "what has expired is nowhere"
