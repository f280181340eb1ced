"""The search service on a real Postgres and the AI provider emulator, reached through its real entry points."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.http import HttpEntry
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from contracts.ingest import ItemDeleted
from search.api import routes
from search.bootstrap import Bootstrap
from search.projection import Projection
from search.settings import SearchSettings
from testkit import Deploy, Deployment, Providers, call


@dataclass(frozen=True)
class Running:
    """The service, and what its callers and producers do to it."""

    bootstrap: Bootstrap
    projection: Projection
    entry: HttpEntry

    def request(self, method: str, path: str, body: object = None, tenant: str | None = "tenant-a") -> tuple[int, Any]:
        answer = call(self.entry, method, path, tenant, body=body)
        return answer.status, answer.body

    def search(self, query: str, tenant: str = "tenant-a", **options: Any) -> dict[str, Any]:
        status, answer = self.request("POST", "/search", {"query": query, **options}, tenant)
        assert status == 200, answer
        return dict(answer)

    def show(self, headline: str, tenant: str = "tenant-a", *, item: str | None = None, **details: Any) -> str:
        """Tell the service about an analysed and embedded item, as its producers would."""
        item = item or str(uuid.uuid4())
        for event in item_events(self.bootstrap, headline, tenant, item, **details):
            self.apply(event)
        return item

    def events_of(self, headline: str, tenant: str, item: str) -> list[Event[Contract]]:
        return item_events(self.bootstrap, headline, tenant, item)

    def apply(self, event: Event[Any]) -> None:
        match event.data:
            case ItemAnalyzed():
                self.projection.show(event)
            case ItemEmbedded():
                self.projection.place(event)
            case ItemDeleted():
                self.projection.forget(event)
            case other:
                raise TypeError(f"search does not hear {type(other).__name__}")


def item_events(
    bootstrap: Bootstrap,
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
    vector = bootstrap._embedder.embed(tenant, " ".join([headline, category, *text, *places]))
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
    """Schema and secrets, and the way to the providers."""
    for name, value in providers.variables.items():
        monkeypatch.setenv(name, value)
    return deploy("search", secret_names=["anthropic-api-key", "voyage-api-key"])


@pytest.fixture
def search(deployment: Deployment) -> Iterator[Running]:
    bootstrap = Bootstrap(SearchSettings(**deployment.settings))
    yield Running(bootstrap, Projection(bootstrap.service), HttpEntry(routes(bootstrap)))
    bootstrap.service.database.close()
