"""The service as it runs: its entry points over a real Postgres, the AWS emulator, and the AI provider emulator."""

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import boto3
import pytest

from chassis import store
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from testkit import Answer, Deploy, Deployment, Providers, call, deliver, import_afresh, make_table


@dataclass(frozen=True)
class Running:
    """The service in this process."""

    http: ModuleType
    events: ModuleType
    table: str
    dynamodb: Any

    def chat(self, tenant: str, session: str, message: str, **fields: Any) -> Answer:
        """POST /chat."""
        return call(self.http.http, "POST", "/chat", tenant, body={"message": message, "session_id": session, **fields})

    def hear(self, *events: Event[Contract]) -> None:
        """Deliver events, ten at a time; all are handled."""
        for start in range(0, len(events), 10):
            batch = events[start : start + 10]
            assert deliver(self.events.on_events, self.http.service.settings.queue_url, *batch) == []

    def said(self, tenant: str, session: str) -> list[Event[Any]]:
        """What the service recorded about the session."""
        return list(store.read_stream(self.http.service.database.connection(), tenant, session))

    def stored(self, tenant: str, session: str) -> list[str]:
        """Partition keys of everything that the table holds of the thread."""
        items = self.dynamodb.scan(TableName=self.table)["Items"]
        return sorted(item["PK"]["S"] for item in items if f"_{tenant}#{session}" in item["PK"]["S"])


@dataclass(frozen=True)
class CheckpointTable:
    """An empty checkpoint table as the manifest declares it."""

    name: str
    dynamodb: Any


@pytest.fixture
def table(aws_environment: None) -> Iterator[CheckpointTable]:
    made = CheckpointTable(make_table("chat", "checkpoints"), boto3.client("dynamodb"))
    yield made
    made.dynamodb.delete_table(TableName=made.name)


@pytest.fixture
def deployment(
    deploy: Deploy, table: CheckpointTable, provider_server: Providers, monkeypatch: pytest.MonkeyPatch
) -> Deployment:
    """Schema, queues and secrets, and the environment variables that name them."""
    given = deploy("chat", secret_names=[f"{name}-api-key" for name in ("anthropic", "voyage", "tavily")])
    for name, value in (given.variables | provider_server.variables | {"TABLE_CHECKPOINTS": table.name}).items():
        monkeypatch.setenv(name, value)
    return given


@pytest.fixture
def running(deployment: Deployment, table: CheckpointTable, providers: Providers) -> Iterator[Running]:
    """The entry points, imported afresh for this test's environment."""
    *_, events, http = import_afresh("chat.bootstrap", "chat.consumers", "chat.handler", "chat.http_handler")
    yield Running(http, events, table.name, table.dynamodb)
    http.service.database.close()


@pytest.fixture
def session() -> str:
    return str(uuid.uuid4())


AddItem = Callable[..., str]


@pytest.fixture
def add_item(running: Running, provider_server: Providers) -> AddItem:
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
        answer = provider_server.client.post(
            "/voyage/v1/embeddings",
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
