"""The service as it runs: its entry points over a real Postgres and the AWS emulator."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts import Contract, Event, new_event
from contracts.chat import ChatMessage, TurnCompleted
from sessions.api import http
from sessions.bootstrap import bootstrap
from sessions.consumers import on_events
from sessions.schedule import cleanup
from sessions.settings import SessionsSettings
from testkit import Deploy, RunningService, make_table

Item = dict[str, Any]


@dataclass(frozen=True)
class Running(RunningService[SessionsSettings]):
    """The service in this process."""

    cleanup: Callable[..., dict[str, Any]]

    @property
    def table(self) -> str:
        """Name of the DynamoDB table."""
        return self.service.settings.table_sessions

    def items(self, tenant: str, session: str) -> list[Item]:
        """What the table holds of the session, in the order of its keys."""
        answer = self.service.aws.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{tenant}#{session}"}},
        )
        return list(answer["Items"])

    def all_items(self) -> list[Item]:
        """Everything in the table, sorted by its keys."""
        pages = self.service.aws.dynamodb.get_paginator("scan").paginate(TableName=self.table)
        items = [item for page in pages for item in page["Items"]]
        return sorted(items, key=lambda item: (item["pk"]["S"], item["sk"]["S"]))

    def empty_table(self) -> None:
        """Delete every item of the table."""
        for item in self.all_items():
            self.service.aws.dynamodb.delete_item(TableName=self.table, Key={"pk": item["pk"], "sk": item["sk"]})


@pytest.fixture
def running(deploy: Deploy, request: pytest.FixtureRequest) -> Iterator[Running]:
    """The entry points, with a table as the manifest declares it; an indirect parameter is settings of a test's own."""
    deployment = deploy("sessions")
    table = make_table(deployment.aws, "sessions", "sessions")
    own = {"turn_wait_s": 0, "turn_late_s": 24 * 3600} | getattr(request, "param", {})
    own |= {"table_sessions": table, "backlog_queue_url": deployment.settings["queue_url"]}
    service = bootstrap(SessionsSettings(**deployment.settings, **own), deployment.aws)
    yield Running(service, http(service), on_events(service), cleanup(service))
    service.database.close()
    service.aws.dynamodb.delete_table(TableName=table)


TurnFactory = Callable[..., Event[Contract]]


@pytest.fixture
def make_turn() -> TurnFactory:
    """A completed turn; `ago` is how long ago."""

    def make(
        tenant: str, session: str, turn: int = 1, *, ago: timedelta = timedelta(0), text: str = ""
    ) -> Event[Contract]:
        at = datetime.now(UTC) - ago
        question = text or f"question {turn}"
        data = TurnCompleted(
            turn=turn,
            question=ChatMessage(role="user", content=question, timestamp=at - timedelta(seconds=2)),
            answer=ChatMessage(
                role="assistant", content=f"answer to {question}", timestamp=at, search_results=({"score": 0.25},)
            ),
            model="model",
            response_time_ms=2000,
        )
        return new_event(data, subject=session, tenant_id=tenant, time=at)

    return make
