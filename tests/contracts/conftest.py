"""What the services' consumers run on: everything that the manifests declare, provisioned by the provisioner itself."""

from io import BytesIO

import pytest
from PIL import Image

from localmesh.config import MeshSettings
from localmesh.emulator import Emulator
from localmesh.postgres import Postgres
from localmesh.provision import bus, database, parameters, queues, storage, tables
from localmesh.provision.clients import make_clients
from localmesh.provision.context import Context
from localmesh.provision.place import deployment_of
from manifests import Manifests, load_manifests
from testkit import Providers
from workspace import REPOSITORY

ENVIRONMENT = "contracts"


@pytest.fixture(scope="session")
def manifests() -> Manifests:
    """All manifests of the repository."""
    return load_manifests(REPOSITORY)


@pytest.fixture(scope="session")
def place(
    manifests: Manifests,
    emulator: Emulator,
    postgres_server: Postgres,
    provider_server: Providers,
    tmp_path_factory: pytest.TempPathFactory,
) -> Context:
    """Schemas, tables, bucket, bus, queues and secrets of every service; no functions, for they run in this process."""
    settings = MeshSettings(
        state_dir=tmp_path_factory.mktemp("contracts"),
        environment=ENVIRONMENT,
        emulator_port=emulator.options.port,
        postgres_port=postgres_server.port,
        providers_port=int(provider_server.url.rpartition(":")[2]),
        # These tests must not use a developer's real keys.
        anthropic_api_key=None,
        openai_api_key=None,
        voyage_api_key=None,
        tavily_api_key=None,
        langsmith_api_key=None,
    )
    settings.postgres_password_file.parent.mkdir()
    settings.postgres_password_file.write_text(postgres_server.password, encoding="ascii")
    clients = make_clients(settings.emulator_url, settings.region)
    context = Context(settings, manifests, deployment_of(settings, REPOSITORY), clients, lambda _: None)
    passwords = database.role_passwords(context)
    database.provision_database(context, passwords)
    storage.provision_bucket(context)
    bus.provision_bus(context)
    queues.provision_queues(context)
    tables.provision_tables(context)
    parameters.provision_parameters(context, passwords)
    return context


@pytest.fixture(scope="session")
def picture() -> bytes:
    """What lies under every object key that a document names."""
    buffer = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "JPEG")
    return buffer.getvalue()
