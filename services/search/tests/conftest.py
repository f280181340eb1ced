"""The search service on a real Postgres and the AI provider emulator, reached through its real entry points."""

import json
import secrets
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import httpx
import psycopg
import pytest

from chassis.http import HttpEntry
from chassis.migrations import migrate, prepare_role
from contracts import Contract, Event, new_event
from contracts.analysis import Description, ImageDetails, ItemAnalyzed, MediaMetadata
from contracts.embedding import ItemEmbedded, encode_vector
from contracts.ingest import ItemDeleted
from localmesh.emulator import Emulator
from localmesh.processes import free_port
from localmesh.testing import FreshDatabase
from search.api import routes
from search.bootstrap import Bootstrap, SearchSettings
from search.projection import Projection

SERVICES = Path(__file__).parents[2]
CONTEXT: Any = SimpleNamespace(aws_request_id="r", function_name="search")


@pytest.fixture(scope="session")
def providers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The AI provider emulator, answering at once; the client reaches its control routes."""
    port = free_port()
    folder = tmp_path_factory.mktemp("providers")
    arguments = ["--port", str(port), "--models-dir", str(folder), "--mode", "instant"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "localmesh.providers", *arguments], stdout=log, stderr=subprocess.STDOUT
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            deadline = time.monotonic() + 60
            while True:
                try:
                    if client.get("/_health").status_code == 200:
                        break
                except httpx.TransportError:
                    assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
            yield client
    finally:
        process.terminate()
        process.wait(timeout=10)


@dataclass(frozen=True)
class Running:
    """The service, and what its callers and producers do to it."""

    bootstrap: Bootstrap
    projection: Projection
    entry: HttpEntry

    def request(self, method: str, path: str, body: object = None, tenant: str | None = "tenant-a") -> tuple[int, Any]:
        event = {
            "version": "2.0",
            "routeKey": f"{method} {path}",
            "rawPath": path,
            "rawQueryString": "",
            "headers": {"content-type": "application/json"},
            "requestContext": {
                "requestId": "r",
                "stage": "$default",
                "http": {"method": method, "path": path},
                "authorizer": {"jwt": {"claims": {"sub": tenant}}} if tenant else {},
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer = self.entry(event, CONTEXT)
        return answer["statusCode"], json.loads(answer["body"])

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
        handle = {
            ItemAnalyzed: self.projection.show,
            ItemEmbedded: self.projection.place,
            ItemDeleted: self.projection.forget,
        }[type(event.data)]
        handle(event)


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
def search(
    fresh_database: FreshDatabase, emulator: Emulator, providers: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Running]:
    mark = secrets.token_hex(4)
    role, password = f"search_{mark}", secrets.token_hex(8)
    with psycopg.connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)
    sources = [SERVICES / folder / "migrations" for folder in ("lib/chassis", "lib/retrieval", "search")]
    migrate(fresh_database.dsn_of(role, password), role, [source for source in sources if source.is_dir()])
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "ANTHROPIC_BASE_URL": str(providers.base_url).rstrip("/"),
    }.items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    ssm = boto3.client("ssm")
    for name in ("database/search", "anthropic-api-key", "voyage-api-key"):
        value = password if name.startswith("database") else "local"
        ssm.put_parameter(Name=f"/search-{mark}/{name}", Value=value, Type="SecureString")
    bootstrap = Bootstrap(
        SearchSettings(
            parameter_prefix=f"/search-{mark}",
            database_host=fresh_database.host,
            database_port=fresh_database.port,
            database_name=fresh_database.name,
            database_role=role,
            database_schema=role,
            voyage_base_url=f"{str(providers.base_url).rstrip('/')}/voyage/v1",
        )
    )
    yield Running(bootstrap, Projection(bootstrap.service), HttpEntry(routes(bootstrap)))
    bootstrap.service.database.close()


@pytest.fixture
def faults(providers: httpx.Client) -> Iterator[httpx.Client]:
    """The providers' control client; whatever fault a test sets ends with it."""
    yield providers
    providers.delete("/_faults")
