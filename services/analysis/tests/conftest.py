"""The service as it runs: its entry points over a real Postgres, the AWS emulator and the AI provider emulator."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from analysis.api import http
from analysis.bootstrap import AnalysisService, bootstrap
from analysis.consumers import on_events
from analysis.settings import AnalysisSettings
from contracts import Event, new_event
from contracts.imaging import ImageProcessed, Rendition, RenditionKind
from contracts.ingest import ItemDeleted
from testkit import Deploy, Providers, RunningService

QUICK: dict[str, Any] = {"max_receives": 6, "provider_timeout_s": 5, "analysis_budget_s": 12, "picture_wait_s": 1}


class Running(RunningService[AnalysisSettings]):
    """The service in this process."""

    @classmethod
    def over(cls, service: AnalysisService) -> "Running":
        """Its entry points."""
        return cls(service, http(service), on_events(service))

    def again(self) -> "Running":
        """Another process of the service: one connection serves one thread."""
        return Running.over(bootstrap(self.service.settings, self.service.aws))

    def upload(self, tenant: str, item: str | None = None, *, colour: str = "red") -> Event[ImageProcessed]:
        """Store a rendition as imaging does; returns the event that imaging emits."""
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


@pytest.fixture
def start(deploy: Deploy, providers: Providers, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Running]]:
    """Starts the service, with settings of the test's own, on a fresh schema, bucket and queues."""
    deployment = deploy("analysis")
    for name, value in providers.variables.items():
        monkeypatch.setenv(name, value)
    started: list[Running] = []

    def build(*, keys: tuple[str, ...] = ("anthropic", "openai"), **settings: Any) -> Running:
        for name in keys:
            deployment.put_secret(f"{name}-api-key", "emulated")
        running = Running.over(bootstrap(AnalysisSettings(**(deployment.settings | QUICK | settings)), deployment.aws))
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
