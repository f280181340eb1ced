"""The service as it runs: its entry points over a real Postgres, the AWS emulator, and the AI provider emulator."""

import math
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from chassis.aws import Aws
from chat.api import http
from chat.bootstrap import ChatService, bootstrap
from chat.consumers import on_events
from chat.settings import ChatSettings
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from testkit import Answer, Deploy, Deployment, Providers, RunningService, make_table


@dataclass(frozen=True)
class Running(RunningService[ChatSettings]):
    """The service in this process."""

    service: ChatService
    table: str
    dynamodb: Any
    consumed: list[Event[Any]] = field(default_factory=list)

    def chat(self, tenant: str, session: str, message: str, **fields: Any) -> Answer:
        """POST /chat."""
        return self.request("POST", "/chat", tenant, body={"message": message, "session_id": session, **fields})

    def apply(self, *events: Event[Any]) -> None:
        """Deliver events; all are consumed, none is dead-lettered."""
        self.consumed.extend(events)
        assert self.consume(*events) == 0
        assert self.dead_letters() == []

    def stored(self, tenant: str, session: str) -> list[str]:
        """Partition keys of all items of the thread."""
        items = self.dynamodb.scan(TableName=self.table)["Items"]
        return sorted(item["PK"]["S"] for item in items if f"_{tenant}#{session}" in item["PK"]["S"])


@dataclass(frozen=True)
class CheckpointTable:
    """An empty checkpoint table as the manifest declares it."""

    name: str
    dynamodb: Any


@pytest.fixture
def table(aws: Aws) -> Iterator[CheckpointTable]:
    made = CheckpointTable(make_table(aws, "chat", "checkpoints"), aws.dynamodb)
    yield made
    made.dynamodb.delete_table(TableName=made.name)


@pytest.fixture
def deployment(deploy: Deploy, provider_server: Providers, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Schema, queues, secrets, and the providers' addresses."""
    for name, value in provider_server.variables.items():
        monkeypatch.setenv(name, value)
    return deploy("chat", secret_names=[f"{name}-api-key" for name in ("anthropic", "voyage", "tavily")])


@pytest.fixture
def running(deployment: Deployment, table: CheckpointTable, providers: Providers) -> Iterator[Running]:
    service = bootstrap(ChatSettings(**deployment.settings, table_checkpoints=table.name), deployment.aws)
    yield Running(service, http(service), on_events(service), table.name, table.dynamodb)
    service.database.close()


@pytest.fixture
def session() -> str:
    return str(uuid.uuid4())


AddItem = Callable[..., str]


@pytest.fixture
def add_item(running: Running, provider_server: Providers) -> AddItem:
    """Analysed and embedded by the emulator's own model, published as events; returns the item's id."""

    def add(tenant: str, headline: str, *, place: str = "", category: str = "food", text: tuple[str, ...] = ()) -> str:
        item_id = str(uuid.uuid4())
        description = Description(
            category=category,
            headline=headline,
            summary=f"{headline}.",
            media_metadata=MediaMetadata(location_tags=(place,) if place else ()),
            image_details=ImageDetails(extracted_text=text or ((place,) if place else ())),
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
        running.apply(*(new_event(fact, subject=item_id, tenant_id=tenant) for fact in facts))
        return item_id

    return add
