"""The service as it runs: its entry points over a real Postgres, the AWS emulator and the AI provider emulator."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chassis.queue import EventConsumer
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed
from contracts.ingest import ItemDeleted
from embedding.api import http
from embedding.bootstrap import bootstrap
from embedding.consumers import on_events, on_rebuilds
from embedding.settings import EmbeddingSettings
from testkit import Deploy, Providers, RunningService, deliver

QUICK: dict[str, Any] = {"max_receives": 6, "provider_timeout_s": 5, "provider_attempts": 1}


@dataclass(frozen=True)
class Running(RunningService[EmbeddingSettings]):
    """The service in this process."""

    on_rebuilds: EventConsumer

    def describe(
        self,
        tenant: str,
        item: str | None = None,
        *,
        headline: str = "A cat",
        version: int = 1,
        analysis: str = "",
        read: tuple[str, ...] = (),
    ) -> Event[ItemAnalyzed]:
        """The event that analysis publishes about an item."""
        item = item or str(uuid.uuid4())
        return new_event(
            ItemAnalyzed(
                analysis_id=analysis or f"{item}-{version}",
                version=version,
                filename=f"{item}.png",
                original_filename="cat.png",
                description=Description(
                    category="Animal",
                    headline=headline,
                    summary="A cat sits.",
                    image_details=ImageDetails(extracted_text=read),
                ),
                provider="anthropic",
                model="claude-sonnet-5-5",
                prompt_id="p@1",
            ),
            subject=item,
            tenant_id=tenant,
        )

    def rebuild(self, *events: Event[Contract], attempt: int = 1) -> int:
        """Deliver requests for rebuilds."""
        return len(deliver(self.on_rebuilds, *events, receives=attempt))


@pytest.fixture
def start(deploy: Deploy, providers: Providers) -> Iterator[Callable[..., Running]]:
    """Starts the service, with settings of the test's own, on a fresh schema and queues."""
    deployment = deploy("embedding")
    ours = {"voyage_base_url": f"{providers.url}/voyage/v1"} | QUICK
    started: list[Running] = []

    def build(*, keys: tuple[str, ...] = ("voyage",), **settings: Any) -> Running:
        for name in keys:
            deployment.put_secret(f"{name}-api-key", "emulated")
        service = bootstrap(EmbeddingSettings(**(deployment.settings | ours | settings)), deployment.aws)
        running = Running(service, http(service), on_events(service), on_rebuilds(service))
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
