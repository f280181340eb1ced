"""The service as it runs: its entry points over a real Postgres and the AWS emulator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from chassis.config import Settings
from contracts import Contract, Event, new_event
from contracts.chat import ChatMessage, TurnCompleted
from testkit import Deploy, RunningService, import_afresh, make_table


@dataclass(frozen=True)
class Running(RunningService[Settings]):
    """The service in this process."""

    cleanup: Callable[..., dict[str, Any]]
    table: str
    dynamodb: Any

    def items(self, tenant: str, session: str) -> list[dict[str, Any]]:
        """What the table holds of the session."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{tenant}#{session}"}},
        )
        return list(answer["Items"])


@pytest.fixture
def running(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    """The entry points, imported afresh for this test's environment, with a table as the manifest declares it."""
    table, dynamodb = make_table("sessions", "sessions"), boto3.client("dynamodb")
    for name, value in (deploy("sessions").variables | {"TABLE_SESSIONS": table}).items():
        monkeypatch.setenv(name, value)
    bootstrap, *_, handler = import_afresh(
        "sessions.bootstrap", "sessions.api", "sessions.consumers", "sessions.schedule", "sessions.handler"
    )
    yield Running(bootstrap.service, handler.http, handler.on_events, handler.cleanup, table, dynamodb)
    bootstrap.service.database.close()
    dynamodb.delete_table(TableName=table)


TurnFactory = Callable[..., Event[Contract]]


@pytest.fixture
def make_turn() -> TurnFactory:
    """A completed turn; `ago` is how long ago."""

    def make(
        tenant: str, session: str, turn: int = 1, *, ago: timedelta = timedelta(0), text: str = ""
    ) -> Event[Contract]:
        at = datetime.now(UTC) - ago
        said = text or f"question {turn}"
        data = TurnCompleted(
            turn=turn,
            question=ChatMessage(role="user", content=said, timestamp=at - timedelta(seconds=2)),
            answer=ChatMessage(
                role="assistant", content=f"answer to {said}", timestamp=at, search_results=({"score": 0.25},)
            ),
            model="model",
            response_time_ms=2000,
        )
        return new_event(data, subject=session, tenant_id=tenant, time=at)

    return make
