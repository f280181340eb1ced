"""The service as it runs: its entry points over a real Postgres, the AWS emulator and the AI provider emulator."""

import json
import secrets
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import boto3
import psycopg
import pytest
import uvicorn
from PIL import Image

from analysis import entries
from analysis.bootstrap import AnalysisSettings
from chassis import aws, store
from chassis.http import HttpEntry
from chassis.migrations import migrate, prepare_role
from chassis.service import Service
from contracts import Contract, Event, new_event
from contracts.imaging import ImageProcessed, Rendition, RenditionKind
from contracts.ingest import ItemDeleted
from localmesh.emulator import Emulator
from localmesh.providers.app import create_app
from localmesh.testing import FreshDatabase

SERVICES = Path(__file__).parents[2]
CONTEXT: Any = SimpleNamespace(
    function_name="test",
    memory_limit_in_mb=512,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:test",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 29000,
)

QUICK: dict[str, Any] = {"max_receives": 6, "provider_timeout_s": 5, "analysis_budget_s": 12, "picture_wait_s": 1}


@dataclass(frozen=True)
class Providers:
    """The AI provider emulator, with canned answers."""

    url: str

    def fault(self, **fault: Any) -> None:
        """Switch a fault on."""
        self._call("POST", "/_faults", fault)

    def calm(self) -> None:
        """Switch all faults off and forget the requests."""
        self._call("DELETE", "/_faults")
        self._call("DELETE", "/_requests")

    def requests(self, provider: str) -> list[dict[str, Any]]:
        """What was asked of a provider, oldest first."""
        found: list[dict[str, Any]] = self._call("GET", f"/_requests?provider={provider}")["requests"]
        return found[::-1]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"content-type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def provider_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    """The emulator on a free port, in a thread."""
    app = create_app(tmp_path_factory.mktemp("models"), "instant")
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < deadline, "the provider emulator did not start"
        time.sleep(0.02)
    yield Providers(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def providers(provider_server: Providers) -> Providers:
    """The emulator without faults."""
    provider_server.calm()
    return provider_server


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass(frozen=True)
class Running:
    """The service in this process."""

    service: Service[AnalysisSettings]
    on_events: Any
    http: Any

    def upload(self, tenant: str, item: str | None = None, *, colour: str = "red") -> Event[ImageProcessed]:
        """Store a rendition as imaging does; returns what imaging says about it."""
        item = item or str(uuid.uuid4())
        buffer = BytesIO()
        Image.new("RGB", (64, 48), colour).save(buffer, "JPEG")
        key = f"{tenant}/renditions/{item}.jpg"
        self.service.images.put(key, buffer.getvalue(), "image/jpeg")
        rendition = Rendition(
            kind=RenditionKind.MODEL, key=key, media_type="image/jpeg", width=64, height=48, size=buffer.tell()
        )
        return new_event(
            ImageProcessed(
                filename=f"{item}.png",
                original_filename="holiday.png",
                media_type="image/png",
                sha256=(colour.encode().hex() + "0" * 64)[:64],
                width=64,
                height=48,
                renditions=(rendition,),
                phash="0" * 16,
            ),
            subject=item,
            tenant_id=tenant,
        )

    def hear(self, *events: Event[Contract], attempt: int = 1) -> int:
        """Deliver the events through the queue; returns how many stay in it."""
        sqs, url = aws.sqs(), self.service.settings.queue_url
        for event in events:
            document = event.to_wire()
            envelope = {"source": document["source"], "detail-type": document["type"], "detail": document}
            sqs.send_message(QueueUrl=url, MessageBody=json.dumps(envelope))
        records: list[dict[str, Any]] = []
        while len(records) < len(events):
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)["Messages"]:
                records.append(
                    {
                        "messageId": message["MessageId"],
                        "receiptHandle": message["ReceiptHandle"],
                        "body": message["Body"],
                        "attributes": {"ApproximateReceiveCount": str(attempt)},
                        "messageAttributes": {},
                        "md5OfBody": message["MD5OfBody"],
                        "eventSource": "aws:sqs",
                        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:analysis",
                        "awsRegion": "us-east-1",
                    }
                )
        answer = self.on_events({"Records": records}, CONTEXT)
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in records:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
        return len(failed)

    def said(self, tenant: str, item: str) -> list[Event[Contract]]:
        """What the service recorded about the item."""
        return store.read_stream(self.service.database.connection(), tenant, item)

    def dead_letters(self) -> list[str]:
        """The reasons in the dead-letter queue."""
        answer = aws.sqs().receive_message(
            QueueUrl=self.service.settings.dead_letter_queue_url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
        )
        return [message["MessageAttributes"]["reason"]["StringValue"] for message in answer.get("Messages", [])]

    def request(
        self,
        method: str,
        path: str,
        tenant: str,
        *,
        query: dict[str, str] | None = None,
        body: Any = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """Call the HTTP entry point as API Gateway does (payload 2.0, verified claims)."""
        event: dict[str, Any] = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": urlencode(query or {}),
            "headers": {"content-type": "application/json", **(headers or {})},
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}},
            },
            "isBase64Encoded": False,
        }
        if query:
            event["queryStringParameters"] = query
        if body is not None:
            event["body"] = json.dumps(body)
        answer = self.http(event, CONTEXT)
        return Answer(answer["statusCode"], json.loads(answer["body"]), answer["headers"])


def renew_clients(url: str) -> None:
    """Forget clients that point elsewhere; making them costs too much to do it for every test."""
    if aws.sqs.cache_info().currsize and aws.sqs().meta.endpoint_url == url:
        return
    boto3.setup_default_session()
    for cached in (aws.events, aws.sqs, aws.s3):
        cached.cache_clear()


@pytest.fixture
def start(
    fresh_database: FreshDatabase, emulator: Emulator, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Running]]:
    """Starts the service, with settings of the test's own, on a fresh database, bucket and queues."""
    mark = secrets.token_hex(4)
    role, password = f"analysis_{mark}", secrets.token_hex(8)
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)
    folders = [SERVICES / "lib/chassis/migrations", SERVICES / "analysis/migrations"]
    migrate(fresh_database.dsn_of(role, password), role, folders)
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ANTHROPIC_BASE_URL": providers.url,
        "OPENAI_BASE_URL": f"{providers.url}/v1",
    }.items():
        monkeypatch.setenv(name, value)
    renew_clients(emulator.url)
    started: list[Running] = []

    def build(*, keys: tuple[str, ...] = ("anthropic", "openai"), **settings: Any) -> Running:
        ssm, sqs = boto3.client("ssm"), aws.sqs()
        parameters = {"database/analysis": password} | {f"{name}-api-key": "emulated" for name in keys}
        for name, value in parameters.items():
            ssm.put_parameter(Name=f"/test/{mark}/{name}", Value=value, Type="SecureString", Overwrite=True)
        aws.s3().create_bucket(Bucket=f"images-{mark}")
        service = Service(
            AnalysisSettings(
                event_bus="default",
                images_bucket=f"images-{mark}",
                parameter_prefix=f"/test/{mark}",
                database_host=fresh_database.host,
                database_port=fresh_database.port,
                database_name=fresh_database.name,
                database_role=role,
                database_schema=role,
                queue_url=sqs.create_queue(QueueName=f"analysis-{mark}")["QueueUrl"],
                dead_letter_queue_url=sqs.create_queue(QueueName=f"analysis-{mark}-dlq")["QueueUrl"],
                **(QUICK | settings),
            )
        )
        running = Running(service, entries.consumer(service), HttpEntry(entries.api(service)))
        started.append(running)
        return running

    yield build
    for running in started:
        running.service.database.close()


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    """The service with its ordinary settings."""
    return start()


@pytest.fixture
def deleted() -> Callable[[str, str], Event[ItemDeleted]]:
    """Makes the event that an item was deleted."""
    return lambda tenant, item: new_event(ItemDeleted(), subject=item, tenant_id=tenant, time=datetime.now(UTC))
