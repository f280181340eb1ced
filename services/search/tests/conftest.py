"""The search service on a real Postgres and the AI provider emulator, reached through its real entry points."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from search.api import http
from search.bootstrap import SearchService, bootstrap
from search.consumers import on_events
from search.settings import SearchSettings
from testkit import Deploy, Deployment, Providers, RunningService, call


@dataclass(frozen=True)
class Running(RunningService[SearchSettings]):
    """The service, with helpers for callers and producers."""

    service: SearchService

    def ask(self, method: str, path: str, body: object = None, tenant: str | None = "tenant-a") -> tuple[int, Any]:
        answer = call(self.http, method, path, tenant, body=body)
        return answer.status, answer.body

    def search(self, query: str, tenant: str = "tenant-a", **options: Any) -> dict[str, Any]:
        status, answer = self.ask("POST", "/search", {"query": query, **options}, tenant)
        assert status == 200, answer
        return dict(answer)

    def show(self, headline: str, tenant: str = "tenant-a", *, item: str | None = None, **details: Any) -> str:
        """Deliver the events of an analysed and embedded item."""
        item = item or str(uuid.uuid4())
        self.apply(*item_events(self.service, headline, tenant, item, **details))
        return item

    def events_of(self, headline: str, tenant: str, item: str) -> list[Event[Contract]]:
        return item_events(self.service, headline, tenant, item)

    def apply(self, *events: Event[Any]) -> None:
        """Deliver events; all are consumed, none is dead-lettered."""
        assert self.consume(*events) == 0
        assert self.dead_letters() == []


def item_events(
    service: SearchService,
    headline: str,
    tenant: str,
    item: str,
    *,
    category: str = "Receipt",
    text: tuple[str, ...] = (),
    places: tuple[str, ...] = (),
    version: int = 1,
) -> list[Event[Contract]]:
    description = Description(
        category=category,
        headline=headline,
        summary=f"{headline}.",
        media_metadata=MediaMetadata(location_tags=places),
        image_details=ImageDetails(extracted_text=text),
    )
    analyzed = ItemAnalyzed(
        analysis_id=f"{item}-{version}",
        version=version,
        filename=f"{item}.png",
        original_filename="picture.png",
        description=description,
        provider="anthropic",
        model="claude-sonnet-5-5",
        prompt_id="p@1",
    )
    vector = service.embedder.embed(tenant, " ".join([headline, category, *text, *places]))
    embedded = ItemEmbedded(
        vector=encode_vector(vector),
        dimensions=1024,
        model="voyage-3.5-lite",
        analysis_id=analyzed.analysis_id,
        analysis_version=version,
    )
    when = datetime.now(UTC)
    return [new_event(fact, subject=item, tenant_id=tenant, time=when) for fact in (analyzed, embedded)]


@pytest.fixture
def deployment(deploy: Deploy, providers: Providers, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Schema, secrets, and the providers' addresses."""
    for name, value in providers.variables.items():
        monkeypatch.setenv(name, value)
    return deploy("search", secret_names=["anthropic-api-key", "voyage-api-key"])


@pytest.fixture
def search(deployment: Deployment) -> Iterator[Running]:
    service = bootstrap(SearchSettings(**deployment.settings), deployment.aws)
    yield Running(service, http(service), on_events(service))
    service.database.close()
