"""Turns that quote deleted items, in Postgres and DynamoDB: whichever event comes first, nothing of them is read."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import Event, new_event
from contracts.chat import ChatMessage, ErasedTurn, TurnCompleted, TurnsErased
from contracts.personal import MASK
from testkit.refolding import assert_refolds

pytestmark = pytest.mark.integration

TENANT, SESSION = "tenant-a", "talk"
BEGUN = datetime.now(UTC) - timedelta(minutes=5)


def turn(number: int) -> Event[TurnCompleted]:
    at = BEGUN + timedelta(seconds=number)
    data = TurnCompleted(
        turn=number,
        question=ChatMessage(role="user", content=f"question {number}", timestamp=at),
        answer=ChatMessage(
            role="assistant", content=f"answer {number}", timestamp=at, search_results=({"summary": f"found {number}"},)
        ),
        model="m",
        response_time_ms=1,
    )
    return new_event(data, subject=SESSION, tenant_id=TENANT, time=at)


@pytest.mark.parametrize("late", [0, 1, 3], ids=["the erasure first", "in between", "the erasure last"])
def test_what_erased_turns_say_is_gone(running: Any, late: int) -> None:
    service = running.service
    turns = [turn(number) for number in (1, 2, 3)]
    erased = TurnsErased(turns=tuple(ErasedTurn(turn=n, completed_at=turns[n - 1].time) for n in (2, 3)))
    fact = new_event(erased, subject=SESSION, tenant_id=TENANT)
    events: list[Event[TurnCompleted] | Event[TurnsErased]] = [*turns]
    events.insert(late, fact)
    for event in events:
        with service.work.on(TENANT, SESSION) as work:
            work.fold(event)
    history = service.table.history(TENANT, SESSION, active_since=BEGUN)
    assert history is not None
    assert [message.content for message in history.messages] == ["question 1", "answer 1", MASK, MASK, MASK, MASK]
    assert [message.search_results for message in history.messages][3:] == [None] * 3
    assert_refolds(service, [*turns, fact], dynamodb=[running.table])
