"""A service on real servers: its schema in Postgres, its bus, queues and parameters in the AWS emulator."""

import json
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from psycopg import connect

from chassis import aws
from chassis.config import Settings
from chassis.migrations import migrate, prepare_role
from chassis.service import Service
from localmesh.emulator import Emulator
from localmesh.testing import FreshDatabase

CHASSIS = Path(__file__).parents[1]


@pytest.fixture
def aws_environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The default boto3 session talks to the emulator."""
    for name, value in {
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.setup_default_session()
    caches = (aws.events, aws.sqs, aws.s3)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def service(fresh_database: FreshDatabase, aws_environment: None) -> Iterator[Service[Settings]]:
    """A service called `imaging` with an empty store, a bus of its own, a queue and a dead-letter queue."""
    mark = secrets.token_hex(4)
    role, password = f"imaging_{mark}", secrets.token_hex(8)
    with connect(fresh_database.dsn, autocommit=True) as connection:
        prepare_role(connection, role, password)
    migrate(fresh_database.dsn_of(role, password), role, [CHASSIS / "migrations"])
    boto3.client("ssm").put_parameter(Name=f"/test-{mark}/database/imaging", Value=password, Type="SecureString")
    boto3.client("events").create_event_bus(Name=f"bus-{mark}")
    sqs = boto3.client("sqs")
    boto3.client("s3").create_bucket(Bucket=f"images-{mark}")
    made = Service(
        Settings(
            service="imaging",
            function="events",
            event_bus=f"bus-{mark}",
            images_bucket=f"images-{mark}",
            parameter_prefix=f"/test-{mark}",
            database_host=fresh_database.host,
            database_port=fresh_database.port,
            database_name=fresh_database.name,
            database_role=role,
            database_schema=role,
            queue_url=sqs.create_queue(QueueName=f"queue-{mark}")["QueueUrl"],
            dead_letter_queue_url=sqs.create_queue(QueueName=f"queue-{mark}-dlq")["QueueUrl"],
            max_receives=3,
        )
    )
    yield made
    made.database.close()


@pytest.fixture
def published(service: Service[Settings]) -> Callable[[], list[dict[str, Any]]]:
    """Reads what has reached the bus so far: a rule of its own collects every event in a queue."""
    bus = service.settings.event_bus
    sqs, events = boto3.client("sqs"), boto3.client("events")
    url = sqs.create_queue(QueueName=f"{bus}-tap")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_rule(Name="tap", EventBusName=bus, EventPattern=json.dumps({"source": [{"prefix": "collections."}]}))
    events.put_targets(Rule="tap", EventBusName=bus, Targets=[{"Id": "tap", "Arn": arn}])
    seen: list[dict[str, Any]] = []

    def read() -> list[dict[str, Any]]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages"):
            for message in messages:
                seen.append(json.loads(message["Body"])["detail"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return seen

    return read
