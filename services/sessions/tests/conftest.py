"""The service as it runs: its entry points over a real Postgres and the AWS emulator."""

import importlib
import json
import secrets
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import psycopg
import pytest

from chassis.migrations import migrate, prepare_role
from contracts import Contract, Event, new_event
from contracts.chat import ChatMessage, TurnCompleted
from localmesh.emulator import Emulator
from localmesh.testing import FreshDatabase

SERVICES = Path(__file__).parents[2]
CONTEXT: Any = SimpleNamespace(
    function_name="test",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:test",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 29000,
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any


@dataclass(frozen=True)
class Running:
    """The service in this process."""

    handler: ModuleType
    table: str
    dynamodb: Any

    def request(self, method: str, path: str, tenant: str, *, query: dict[str, str] | None = None) -> Answer:
        """Call the HTTP entry point as API Gateway does (payload 2.0, verified claims)."""
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "&".join(f"{name}={value}" for name, value in (query or {}).items()),
            "headers": {"accept": "application/json"},
            "queryStringParameters": query or {},
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}},
            },
            "isBase64Encoded": False,
        }
        answer = self.handler.http(event, CONTEXT)
        return Answer(answer["statusCode"], json.loads(answer["body"]))

    def hear(self, *events: Event[Contract]) -> list[str]:
        """Deliver a batch as SQS does; returns what stays in the queue."""
        answer = self.handler.on_events({"Records": [sqs_record(event) for event in events]}, CONTEXT)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def said(self, tenant: str, session: str) -> list[Event[Contract]]:
        """What the service recorded about the session."""
        from chassis import store

        return store.read_stream(self.handler.service.database.connection(), tenant, session)

    def items(self, tenant: str, session: str) -> list[dict[str, Any]]:
        """What the table holds of the session."""
        answer = self.dynamodb.query(
            TableName=self.table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{tenant}#{session}"}},
        )
        return list(answer["Items"])


def sqs_record(event: Event[Contract]) -> dict[str, Any]:
    """An event in its EventBridge envelope in an SQS record, delivered for the first time."""
    document = event.to_wire()
    envelope = {"source": document["source"], "detail-type": document["type"], "detail": document}
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": json.dumps(envelope),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:sessions",
        "awsRegion": "us-east-1",
    }


@pytest.fixture
def configured(
    fresh_database: FreshDatabase, emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SimpleNamespace]:
    """Database role and schema, DynamoDB table, secret, and the environment variables that name them."""
    mark = secrets.token_hex(4)
    role, password, table = f"sessions_{mark}", secrets.token_hex(8), f"sessions-{mark}"
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)
    migrate(
        fresh_database.dsn_of(role, password),
        role,
        [SERVICES / "lib/chassis/migrations", SERVICES / "sessions/migrations"],
    )
    dynamodb = boto3.client("dynamodb", **emulator.client_settings)
    dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk", "user_id", "last_activity")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by_activity",
                "KeySchema": [
                    {"AttributeName": "user_id", "KeyType": "HASH"},
                    {"AttributeName": "last_activity", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    boto3.client("ssm", **emulator.client_settings).put_parameter(
        Name=f"/test/{mark}/database/sessions", Value=password, Type="SecureString"
    )
    environment = {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "SERVICE": "sessions",
        "EVENT_BUS": "default",
        "PARAMETER_PREFIX": f"/test/{mark}",
        "DATABASE_HOST": fresh_database.host,
        "DATABASE_PORT": str(fresh_database.port),
        "DATABASE_NAME": fresh_database.name,
        "DATABASE_ROLE": role,
        "DATABASE_SCHEMA": role,
        "TABLE_SESSIONS": table,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    yield SimpleNamespace(table=table, dynamodb=dynamodb)
    dynamodb.delete_table(TableName=table)


@pytest.fixture
def running(configured: SimpleNamespace) -> Iterator[Running]:
    """The entry points, imported afresh for this test's environment."""
    for name in [name for name in sys.modules if name == "sessions" or name.startswith("sessions.")]:
        del sys.modules[name]
    handler = importlib.import_module("sessions.handler")
    yield Running(handler, configured.table, configured.dynamodb)
    handler.service.database.close()


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
