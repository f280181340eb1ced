"""The service on real servers, reached through its real Lambda entry points, and pictures to send to it."""

import base64
import importlib
import json
import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import boto3
import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from chassis import aws
from chassis.migrations import migrate, prepare_role
from contracts import Contract, Event
from localmesh.emulator import Emulator
from localmesh.postgres import Postgres

SERVICE = Path(__file__).parents[1]
CHASSIS = SERVICE.parent / "lib" / "chassis"
MAX_UPLOAD_BYTES = 200_000
MAX_DIRECT_BYTES = 400_000

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def some_png() -> bytes:
    """A picture that no other test sends."""
    return PNG + secrets.token_bytes(16)


@dataclass
class Answer:
    """What the entry point answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Ingest:
    """The running service as its callers and its queues see it."""

    entry: Any
    dsn: str
    schema: str
    bucket: str
    dead_letters_url: str
    queue_url: str
    arrivals_url: str
    context: Any = field(
        default_factory=lambda: SimpleNamespace(function_name="ingest", aws_request_id="r", memory_limit_in_mb=1024)
    )

    def call(
        self,
        method: str,
        path: str,
        *,
        tenant: str | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """A request as API Gateway hands it over (payload 2.0), from that tenant or without a token."""
        parameters = {name: str(value) for name, value in query.items()}
        authorizer = {"authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}}} if tenant else {}
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": urlencode(parameters),
            "headers": {"host": "api", **(headers or {})},
            **({"queryStringParameters": parameters} if parameters else {}),
            "requestContext": {
                **authorizer,
                "accountId": "000000000000",
                "apiId": "collections",
                "domainName": "api",
                "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1"},
                "requestId": str(uuid.uuid4()),
                "stage": "$default",
            },
            "isBase64Encoded": body is not None,
            **({"body": base64.b64encode(body).decode()} if body is not None else {}),
        }
        answer = self.entry.http(event, self.context)
        text = answer.get("body") or ""
        return Answer(answer["statusCode"], answer.get("headers", {}), text)

    def post_json(self, path: str, tenant: str, value: object) -> Answer:
        return self.call(
            "POST", path, tenant=tenant, body=json.dumps(value).encode(), headers={"content-type": "application/json"}
        )

    def upload(self, tenant: str, content: bytes, filename: str = "picture.png", field: str = "file") -> Answer:
        """POST /items with a form as browsers make it."""
        boundary = "----boundary7MA4YWxkTrZu0gW"
        form = b"".join(
            (
                f"--{boundary}\r\n".encode(),
                f'Content-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'.encode(),
                b"Content-Type: application/octet-stream\r\n\r\n",
                content,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return self.call("POST", "/items", tenant=tenant, body=form, headers=headers)

    def hear(self, *events: Event[Contract], receives: int = 1) -> list[str]:
        """Deliver events through the queue's entry point; returns which stay in the queue."""
        records = [
            self._record(
                json.dumps({"source": event.source, "detail-type": event.type, "detail": event.to_wire()}), receives
            )
            for event in events
        ]
        return self._failed(self.entry.on_events({"Records": records}, self.context))

    def arrive(self, *bodies: str, receives: int = 1) -> list[str]:
        """Deliver S3's messages through the queue's entry point."""
        records = [self._record(body, receives) for body in bodies]
        return self._failed(self.entry.on_uploads({"Records": records}, self.context))

    def next_arrival(self) -> str:
        """The next message that S3 itself sent about the landing zone."""
        sqs = boto3.client("sqs")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            for message in sqs.receive_message(QueueUrl=self.arrivals_url, WaitTimeSeconds=1).get("Messages", []):
                sqs.delete_message(QueueUrl=self.arrivals_url, ReceiptHandle=message["ReceiptHandle"])
                return message["Body"]
        raise AssertionError("S3 did not tell of the object within 20 s")

    def dead_letters(self) -> list[tuple[str, str]]:
        """Reason and body of every dead letter since the last look."""
        sqs = boto3.client("sqs")
        found: list[tuple[str, str]] = []
        while messages := sqs.receive_message(
            QueueUrl=self.dead_letters_url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages"):
            for message in messages:
                found.append((message["MessageAttributes"]["reason"]["StringValue"], message["Body"]))
                sqs.delete_message(QueueUrl=self.dead_letters_url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Look into the service's schema."""
        with psycopg.connect(self.dsn, row_factory=dict_row) as connection:
            connection.execute(sql.SQL("SET search_path = {}, public").format(sql.Identifier(self.schema)))
            return connection.execute(statement.encode(), parameters).fetchall()

    def objects(self, tenant: str) -> list[str]:
        """Keys of the tenant in the bucket."""
        listing = boto3.client("s3").list_objects_v2(Bucket=self.bucket, Prefix=f"{tenant}/")
        return [entry["Key"] for entry in listing.get("Contents", [])]

    def _record(self, body: str, receives: int) -> dict[str, Any]:
        # A real receipt, so that putting the message back for later works.
        sqs = boto3.client("sqs")
        sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)
        [message] = sqs.receive_message(QueueUrl=self.queue_url, WaitTimeSeconds=5)["Messages"]
        return {
            "messageId": str(uuid.uuid4()),
            "receiptHandle": message["ReceiptHandle"],
            "body": body,
            "attributes": {"ApproximateReceiveCount": str(receives)},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
        }

    def _failed(self, answer: Any) -> list[str]:
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def aws_variables(emulator: Emulator) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@pytest.fixture(scope="session")
def ingest_stack(emulator: Emulator, postgres_server: Postgres) -> Iterator[Ingest]:
    """The service over a database, a bucket and queues of its own. Tests share it and use tenants of their own."""
    mark = secrets.token_hex(4)
    name, role, password = f"ingest_{mark}", f"ingest_{mark}", secrets.token_hex(8)
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    with psycopg.connect(postgres_server.dsn(name), autocommit=True) as connection:
        prepare_role(connection, role, password)
    migrate(postgres_server.dsn(name, role, password), role, [CHASSIS / "migrations", SERVICE / "migrations"])
    with environment(aws_variables(emulator)):
        boto3.setup_default_session()
        bucket, bus = f"ingest-images-{mark}", f"ingest-bus-{mark}"
        sqs, s3, events = boto3.client("sqs"), boto3.client("s3"), boto3.client("events")
        boto3.client("ssm").put_parameter(Name=f"/{mark}/database/ingest", Value=password, Type="SecureString")
        urls = {kind: sqs.create_queue(QueueName=f"{mark}-{kind}")["QueueUrl"] for kind in ("own", "dlq", "arrivals")}
        arn = sqs.get_queue_attributes(QueueUrl=urls["arrivals"], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        s3.create_bucket(Bucket=bucket)
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        events.create_event_bus(Name=bus)
        pattern = {
            "source": ["aws.s3"],
            "detail-type": ["Object Created"],
            "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"wildcard": "*/uploads/*"}]}},
        }
        events.put_rule(Name=f"arrivals-{mark}", EventPattern=json.dumps(pattern))
        events.put_targets(Rule=f"arrivals-{mark}", Targets=[{"Id": "queue", "Arn": arn}])
        function = {
            "SERVICE": "ingest",
            "FUNCTION": "test",
            "EVENT_BUS": bus,
            "IMAGES_BUCKET": bucket,
            "PARAMETER_PREFIX": f"/{mark}",
            "DATABASE_HOST": postgres_server.host,
            "DATABASE_PORT": str(postgres_server.port),
            "DATABASE_NAME": name,
            "DATABASE_ROLE": role,
            "DATABASE_SCHEMA": role,
            "QUEUE_URL": urls["own"],
            "DEAD_LETTER_QUEUE_URL": urls["dlq"],
            "MAX_RECEIVES": "3",
            "MAX_UPLOAD_BYTES": str(MAX_UPLOAD_BYTES),
            "MAX_DIRECT_BYTES": str(MAX_DIRECT_BYTES),
            "GIT_SHA": "abc1234",
        }
        with environment(function):
            # Settings are read at import; somebody may have imported these without any.
            for module in ("bootstrap", "api", "consumers", "schedule", "handler"):
                sys.modules.pop(f"ingest.{module}", None)
            entry = importlib.import_module("ingest.handler")
            assert all(callable(getattr(entry, name)) for name in ("http", "on_events", "on_uploads", "relay"))
    yield Ingest(
        entry=entry,
        dsn=postgres_server.dsn(name, role, password),
        schema=role,
        bucket=bucket,
        dead_letters_url=urls["dlq"],
        queue_url=urls["own"],
        arrivals_url=urls["arrivals"],
    )
    importlib.import_module("ingest.bootstrap").service.database.close()
    with psycopg.connect(postgres_server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def ingest(ingest_stack: Ingest, emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Ingest:
    """The service, with this process's AWS clients pointed to the emulator."""
    for name, value in aws_variables(emulator).items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    for cached in (aws.events, aws.sqs, aws.s3):
        cached.cache_clear()
    return ingest_stack


@pytest.fixture
def tenant() -> str:
    """Somebody."""
    return str(uuid.uuid4())


@pytest.fixture
def other_tenant() -> str:
    """Somebody else."""
    return str(uuid.uuid4())


@pytest.fixture
def png() -> Callable[[], bytes]:
    """Makes pictures, each with bytes of its own."""
    return some_png
