"""The service as it runs: its entry points over a real Postgres, the AWS emulator, and the AI provider emulator."""

import importlib
import json
import math
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import httpx
import psycopg
import pytest

from chassis import store
from chassis.migrations import migrate, prepare_role
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from localmesh.emulator import Emulator
from localmesh.processes import free_port
from localmesh.testing import FreshDatabase

SERVICES = Path(__file__).parents[2]
CONTEXT: Any = SimpleNamespace(
    function_name="test",
    memory_limit_in_mb=1769,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:test",
    aws_request_id="request",
    get_remaining_time_in_millis=lambda: 29000,
)


@dataclass(frozen=True)
class Providers:
    """The AI provider emulator: real models, switchable faults, a log of requests."""

    url: str

    def fail(self, **fault: Any) -> None:
        """Arm a fault, see `localmesh.providers.faults.Fault`."""
        httpx.post(f"{self.url}/_faults", json=fault).raise_for_status()

    def struck(self) -> int:
        """How often faults have struck since the last reset."""
        return sum(armed["applied"] for armed in httpx.get(f"{self.url}/_faults").json()["faults"])

    def requests(self, provider: str) -> list[dict[str, Any]]:
        """Requests since the last reset, oldest first."""
        answer = httpx.get(f"{self.url}/_requests", params={"provider": provider, "limit": 1000})
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found[::-1]

    def reset(self) -> None:
        """No faults, an empty log."""
        httpx.delete(f"{self.url}/_faults").raise_for_status()
        httpx.delete(f"{self.url}/_requests").raise_for_status()


@pytest.fixture(scope="session")
def provider_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Providers]:
    """The emulator in a process of its own, with its models loaded."""
    folder, port = tmp_path_factory.mktemp("providers"), free_port()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "localmesh.providers", "--port", str(port), "--models-dir", str(folder)],
            stdout=log,
            stderr=log,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 120
        while not _is_ready(url):
            assert process.poll() is None, (folder / "log").read_text()[-2000:]
            assert time.monotonic() < deadline, "the provider emulator did not become ready"
            time.sleep(0.1)
        yield Providers(url)
    finally:
        process.terminate()
        process.wait(timeout=10)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/_health", timeout=1).status_code == 200
    except httpx.TransportError:
        return False


@pytest.fixture
def providers(provider_process: Providers) -> Providers:
    """The emulator without faults and with an empty log."""
    provider_process.reset()
    return provider_process


@dataclass(frozen=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: Any


@dataclass(frozen=True)
class Running:
    """The service in this process."""

    http: ModuleType
    events: ModuleType
    table: str
    dynamodb: Any

    def chat(self, tenant: str, session: str, message: str, **fields: Any) -> Answer:
        """POST /chat as API Gateway passes it on (payload 2.0, verified claims)."""
        event = {
            "version": "2.0",
            "routeKey": "POST /chat",
            "rawPath": "/chat",
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "requestId": str(uuid.uuid4()),
                "stage": "$default",
                "http": {"method": "POST", "path": "/chat"},
                "authorizer": {"jwt": {"claims": {"sub": tenant}, "scopes": None}},
            },
            "body": json.dumps({"message": message, "session_id": session, **fields}),
            "isBase64Encoded": False,
        }
        answer = self.http.http(event, CONTEXT)
        return Answer(answer["statusCode"], json.loads(answer["body"]))

    def hear(self, *events: Event[Contract]) -> None:
        """Deliver events as SQS does; all are handled."""
        for start in range(0, len(events), 10):
            records = [sqs_record(event) for event in events[start : start + 10]]
            answer = self.events.on_events({"Records": records}, CONTEXT)
            assert answer["batchItemFailures"] == []

    def said(self, tenant: str, session: str) -> list[Event[Any]]:
        """What the service recorded about the session."""
        return list(store.read_stream(self.http.service.database.connection(), tenant, session))

    def stored(self, tenant: str, session: str) -> list[str]:
        """Partition keys of everything that the table holds of the thread."""
        items = self.dynamodb.scan(TableName=self.table)["Items"]
        return sorted(item["PK"]["S"] for item in items if f"_{tenant}#{session}" in item["PK"]["S"])


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
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:chat",
        "awsRegion": "us-east-1",
    }


@pytest.fixture
def table(emulator: Emulator) -> Iterator[SimpleNamespace]:
    """An empty checkpoint table as the manifest declares it."""
    name = f"checkpoints-{secrets.token_hex(4)}"
    dynamodb = boto3.client("dynamodb", **emulator.client_settings)
    dynamodb.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")],
    )
    yield SimpleNamespace(name=name, dynamodb=dynamodb)
    dynamodb.delete_table(TableName=name)


@pytest.fixture
def aws_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """SDK clients that name no endpoint reach the emulator."""
    environment = {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def configured(
    fresh_database: FreshDatabase,
    emulator: Emulator,
    table: SimpleNamespace,
    provider_process: Providers,
    aws_environment: None,
    monkeypatch: pytest.MonkeyPatch,
) -> SimpleNamespace:
    """Database role and schema, secrets, and the environment variables that name them."""
    mark = secrets.token_hex(4)
    role, password = f"chat_{mark}", secrets.token_hex(8)
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)
    migrate(
        fresh_database.dsn_of(role, password),
        role,
        [SERVICES / folder / "migrations" for folder in ("lib/chassis", "lib/retrieval", "chat")],
    )
    ssm = boto3.client("ssm", **emulator.client_settings)
    keys = {f"{name}-api-key": "emulated" for name in ("anthropic", "voyage", "tavily")}
    for name, value in {"database/chat": password, **keys}.items():
        ssm.put_parameter(Name=f"/test/{mark}/{name}", Value=value, Type="SecureString")
    environment = {
        "SERVICE": "chat",
        "EVENT_BUS": "default",
        "PARAMETER_PREFIX": f"/test/{mark}",
        "DATABASE_HOST": fresh_database.host,
        "DATABASE_PORT": str(fresh_database.port),
        "DATABASE_NAME": fresh_database.name,
        "DATABASE_ROLE": role,
        "DATABASE_SCHEMA": role,
        "TABLE_CHECKPOINTS": table.name,
        "ANTHROPIC_BASE_URL": provider_process.url,
        "VOYAGE_BASE_URL": f"{provider_process.url}/voyage/v1",
        "TAVILY_BASE_URL": f"{provider_process.url}/tavily",
        "LANGSMITH_ENDPOINT": f"{provider_process.url}/langsmith",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return SimpleNamespace(table=table.name, dynamodb=table.dynamodb, ssm=ssm, prefix=f"/test/{mark}")


@pytest.fixture
def running(configured: SimpleNamespace, providers: Providers) -> Iterator[Running]:
    """The entry points, imported afresh for this test's environment."""
    for name in [name for name in sys.modules if name == "chat" or name.startswith("chat.")]:
        del sys.modules[name]
    http = importlib.import_module("chat.http_handler")
    events = importlib.import_module("chat.handler")
    yield Running(http, events, configured.table, configured.dynamodb)
    http.service.database.close()


@pytest.fixture
def session() -> str:
    return str(uuid.uuid4())


AddItem = Callable[..., str]


@pytest.fixture
def add_item(running: Running, provider_process: Providers) -> AddItem:
    """Analysed and embedded by the emulator's own model, told by events; returns the item's id."""

    def add(tenant: str, headline: str, *, place: str = "", category: str = "food") -> str:
        item_id = str(uuid.uuid4())
        description = Description(
            category=category,
            headline=headline,
            summary=f"{headline}.",
            media_metadata=MediaMetadata(location_tags=(place,) if place else ()),
            image_details=ImageDetails(extracted_text=(place,) if place else ()),
        )
        analyzed = ItemAnalyzed(
            analysis_id=str(uuid.uuid4()),
            version=1,
            filename=f"{item_id}.png",
            original_filename="picture.png",
            description=description,
            provider="anthropic",
            model="model",
            prompt_id="prompt",
        )
        answer = httpx.post(
            f"{provider_process.url}/voyage/v1/embeddings",
            headers={"Authorization": "Bearer emulated"},
            json={
                "input": [f"{headline} {place}"],
                "model": "voyage-3.5-lite",
                "input_type": "document",
                "output_dimension": 1024,
            },
        )
        vector = answer.json()["data"][0]["embedding"]
        assert math.isclose(math.hypot(*vector), 1, abs_tol=1e-3)
        embedded = ItemEmbedded(
            vector=encode_vector(vector),
            dimensions=1024,
            model="voyage-3.5-lite",
            analysis_id=analyzed.analysis_id,
            analysis_version=1,
        )
        facts: list[Contract] = [analyzed, embedded]
        running.hear(*(new_event(fact, subject=item_id, tenant_id=tenant) for fact in facts))
        return item_id

    return add
