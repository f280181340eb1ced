"""What a service needs to run: schema, bus, bucket, queues and secrets, all of one test."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import boto3
import pytest

from chassis.aws import Aws, Credentials
from localmesh.emulator import Emulator
from manifests import load_manifests
from manifests.topology import table_of
from testkit.schemas import SchemaPool, ServiceSchema
from workspace import REPOSITORY


@dataclass(frozen=True, slots=True)
class Deployment:
    """The schema and, as keyword arguments for the service's settings, everything that is the service's own."""

    schema: ServiceSchema
    settings: dict[str, Any]
    aws: Aws

    @property
    def variables(self) -> dict[str, str]:
        """The settings as a function finds them in its environment."""
        return {name.upper(): str(value) for name, value in self.settings.items()}

    def put_secret(self, name: str, value: str) -> None:
        """Create or change a secret of the service; it reads each again whenever it is needed."""
        path = f"{self.settings['parameter_prefix']}/{name}"
        self.aws.ssm.put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)

    def delete_secret(self, name: str) -> None:
        """Delete a secret of the service."""
        self.aws.ssm.delete_parameter(Name=f"{self.settings['parameter_prefix']}/{name}")


class Deploy(Protocol):
    """Gives a service what it runs with; `sources` are its migrations, by default those of its manifest."""

    def __call__(
        self, service: str, *, secret_names: Iterable[str] = (), sources: Sequence[Path] | None = None
    ) -> Deployment: ...


@contextmanager
def deployed(
    pool: SchemaPool,
    aws: Aws,
    service: str,
    *,
    secret_names: Iterable[str] = (),
    sources: Sequence[Path] | None = None,
) -> Iterator[Deployment]:
    """Everything a service runs with, in the emulator that `aws` names. Only the schema is dropped:
    the rest ends with the emulator."""
    mark = f"{service}-{secrets.token_hex(4)}"
    with pool.lend(service, sources) as schema:
        aws.events.create_event_bus(Name=f"bus-{mark}")
        aws.s3.create_bucket(Bucket=f"images-{mark}")
        own = {
            "service": service,
            "function": "test",
            "event_bus": f"bus-{mark}",
            "images_bucket": f"images-{mark}",
            "parameter_prefix": f"/test/{mark}",
            "secrets_max_age_s": 0,
            "queue_url": aws.sqs.create_queue(QueueName=mark)["QueueUrl"],
            "dead_letter_queue_url": aws.sqs.create_queue(QueueName=f"{mark}-dlq")["QueueUrl"],
        }
        deployment = Deployment(schema, schema.settings | own, aws)
        deployment.put_secret(f"database/{service}", schema.password)
        for name in secret_names:
            deployment.put_secret(name, "emulated")
        yield deployment


def make_table(aws: Aws, service: str, name: str) -> str:
    """An empty DynamoDB table as the service's manifest declares it; returns what it is called."""
    created = f"{name}-{secrets.token_hex(4)}"
    make_table_again(aws, service, name, created)
    return created


def make_table_again(aws: Aws, service: str, name: str, created: str) -> None:
    """The same table once more, after it was deleted."""
    # Every worker of every run loads this module; few tests need the provisioner, which takes as long as all the rest.
    from localmesh.provision.tables import table_definition

    declared = table_of(created, load_manifests(REPOSITORY).services[service].tables[name])
    aws.dynamodb.create_table(TableName=created, **table_definition(declared))


def aws_variables(emulator: Emulator) -> dict[str, str]:
    """Environment variables with which AWS clients that name no endpoint reach the emulator."""
    return {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


@pytest.fixture(scope="session")
def aws(emulator: Emulator) -> Aws:
    """The emulator, for services under test and for tests that inspect it."""
    return Aws(emulator.url, "us-east-1", Credentials("test", "test"))


@pytest.fixture
def aws_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS clients that name no environment (those of third-party packages) reach the emulator."""
    for name, value in aws_variables(emulator).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


@pytest.fixture
def deploy(schema_pool: SchemaPool, aws: Aws, aws_environment: None) -> Iterator[Deploy]:
    """Gives services what they run with; their schemas end with the test."""
    with ExitStack() as stack:

        def make(
            service: str, *, secret_names: Iterable[str] = (), sources: Sequence[Path] | None = None
        ) -> Deployment:
            return stack.enter_context(deployed(schema_pool, aws, service, secret_names=secret_names, sources=sources))

        yield make
