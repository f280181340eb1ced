"""What a service is given where it runs: schema, bus, bucket, queues and secrets, all of a test's own."""

from __future__ import annotations

import importlib
import secrets
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import boto3
import pytest
from aws_lambda_powertools.utilities import parameters

from chassis import aws
from localmesh.emulator import Emulator
from localmesh.provision.tables import table_definition
from manifests import load_manifests
from testkit.schemas import SchemaPool, ServiceSchema
from workspace import REPOSITORY

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient


@dataclass(frozen=True, slots=True)
class Deployment:
    """The schema and, as keyword arguments for the service's settings, everything that is the service's own."""

    schema: ServiceSchema
    settings: dict[str, Any]

    @property
    def variables(self) -> dict[str, str]:
        """The settings as a function finds them in its environment."""
        return {name.upper(): str(value) for name, value in self.settings.items()}

    def put_secret(self, name: str, value: str) -> None:
        """Make or change a secret of the service; it is read again at once, not after some minutes."""
        path = f"{self.settings['parameter_prefix']}/{name}"
        _ssm().put_parameter(Name=path, Value=value, Type="SecureString", Overwrite=True)
        _read_again()

    def delete_secret(self, name: str) -> None:
        """Forget a secret of the service, and what was read of it."""
        _ssm().delete_parameter(Name=f"{self.settings['parameter_prefix']}/{name}")
        _read_again()


class Deploy(Protocol):
    """Gives a service what it runs with; `sources` are its migrations, by default those of its manifest."""

    def __call__(
        self, service: str, *, secret_names: Iterable[str] = (), sources: Sequence[Path] | None = None
    ) -> Deployment: ...


@contextmanager
def deployed(
    pool: SchemaPool,
    service: str,
    *,
    secret_names: Iterable[str] = (),
    sources: Sequence[Path] | None = None,
) -> Iterator[Deployment]:
    """Everything a service runs with, in the emulator that boto3's environment names. Only the schema ends again:
    the emulator forgets the rest when it ends."""
    mark = f"{service}-{secrets.token_hex(4)}"
    with pool.lend(service, sources) as schema:
        aws.events().create_event_bus(Name=f"bus-{mark}")
        aws.s3().create_bucket(Bucket=f"images-{mark}")
        own = {
            "service": service,
            "function": "test",
            "event_bus": f"bus-{mark}",
            "images_bucket": f"images-{mark}",
            "parameter_prefix": f"/test/{mark}",
            "queue_url": aws.sqs().create_queue(QueueName=mark)["QueueUrl"],
            "dead_letter_queue_url": aws.sqs().create_queue(QueueName=f"{mark}-dlq")["QueueUrl"],
        }
        deployment = Deployment(schema, schema.settings | own)
        deployment.put_secret(f"database/{service}", schema.password)
        for name in secret_names:
            deployment.put_secret(name, "emulated")
        yield deployment


def make_table(service: str, name: str) -> str:
    """An empty DynamoDB table as the service's manifest declares it; returns what it is called."""
    made = f"{name}-{secrets.token_hex(4)}"
    make_table_again(service, name, made)
    return made


def make_table_again(service: str, name: str, made: str) -> None:
    """The same table anew, after it was deleted."""
    definition = table_definition(load_manifests(REPOSITORY).services[service].tables[name])
    boto3.client("dynamodb").create_table(TableName=made, **definition)


def import_afresh(*modules: str) -> list[ModuleType]:
    """Import modules that read their settings at import, whether or not somebody imported them before. Name all of
    them that import each other, the imported before the importing."""
    for name in modules:
        sys.modules.pop(name, None)
    return [importlib.import_module(name) for name in modules]


def aws_variables(emulator: Emulator) -> dict[str, str]:
    """Environment variables with which AWS clients that name no endpoint reach the emulator."""
    return {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def _read_again() -> None:
    parameters.clear_caches()  # type: ignore[no-untyped-call]  # powertools leaves it untyped


@cache
def _ssm() -> SSMClient:
    return boto3.client("ssm")


@cache
def _forget_clients(_url: str) -> None:
    """Drop AWS clients that were made before there was an emulator; once, because making them costs much."""
    boto3.setup_default_session()
    for made in (aws.events, aws.sqs, aws.s3, _ssm):
        made.cache_clear()


@pytest.fixture
def aws_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS clients that name no endpoint reach the emulator, those of the service under test too."""
    for name, value in aws_variables(emulator).items():
        monkeypatch.setenv(name, value)
    _forget_clients(emulator.url)


@pytest.fixture
def deploy(schema_pool: SchemaPool, aws_environment: None) -> Iterator[Deploy]:
    """Gives services what they run with; their schemas end with the test."""
    with ExitStack() as stack:

        def make(
            service: str, *, secret_names: Iterable[str] = (), sources: Sequence[Path] | None = None
        ) -> Deployment:
            return stack.enter_context(deployed(schema_pool, service, secret_names=secret_names, sources=sources))

        yield make
