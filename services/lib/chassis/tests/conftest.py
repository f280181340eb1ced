"""A service on real servers: its schema in Postgres, its bus, queues and parameters in the AWS emulator."""

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from chassis.aws import Aws
from chassis.service import Service
from chassis.settings import Settings
from testkit import Deploy, Deployment, FreshDatabase, MakeSchema, ServiceSchema
from testkit.faults import AwsCalls, accepts_events

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@pytest.fixture
def deployment(deploy: Deploy) -> Deployment:
    """What a service called `imaging` runs with that has no tables of its own."""
    return deploy("imaging", sources=[MIGRATIONS])


@pytest.fixture
def service(deployment: Deployment) -> Iterator[Service[Settings]]:
    """The service, with an empty store, a bus of its own, a queue and a dead-letter queue."""
    started = Service(Settings(**deployment.settings, max_receives=3), deployment.aws)
    yield started
    started.database.close()


@pytest.fixture
def service_database(deployment: Deployment) -> FreshDatabase:
    """The service's database, for its administrator."""
    return deployment.schema.database


@dataclass(frozen=True)
class Worker(Service[Settings]):
    """One of several processes of a service: real Postgres, and a bus that `bus_calls` answers for."""

    password: str = field(default="", repr=False)

    def _database_password(self) -> str:
        return self.password


@pytest.fixture
def schema(service_schema: MakeSchema) -> ServiceSchema:
    """An empty schema of a service called `imaging` that has no tables of its own."""
    return service_schema("imaging", [MIGRATIONS])


@pytest.fixture
def new_worker(schema: ServiceSchema, offline_aws: Aws, bus_calls: AwsCalls) -> Iterator[Callable[[], Worker]]:
    """Starts another process of the service."""
    settings = Settings(
        **schema.settings,
        service="imaging",
        function="test",
        event_bus="the-bus",
        queue_url="https://sqs/queue",
        dead_letter_queue_url="https://sqs/dead-letters",
        max_receives=3,
    )
    with ExitStack() as stack:

        def start() -> Worker:
            worker = Worker(settings, offline_aws, schema.password)
            stack.callback(worker.database.close)
            return worker

        yield start


@pytest.fixture
def worker(new_worker: Callable[[], Worker]) -> Worker:
    """The first process of the service."""
    return new_worker()


@pytest.fixture
def bus_calls(offline_aws: Aws) -> Iterator[AwsCalls]:
    """What reaches the bus of the workers, which accepts everything until a test gives another rule."""
    with AwsCalls(offline_aws.events, PutEvents=accepts_events()) as calls:
        yield calls


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
        # Buses deliver in order: once the mark is here, so is everything that was published before it.
        mark = json.dumps({"mark": secrets.token_hex(4)})
        answer = events.put_events(
            Entries=[{"EventBusName": bus, "Source": "collections.mark", "DetailType": "mark", "Detail": mark}]
        )
        assert answer["FailedEntryCount"] == 0
        while True:
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=4)["Messages"]:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                detail = json.loads(message["Body"])["detail"]
                if detail == json.loads(mark):
                    return seen
                seen.append(detail)

    return read
