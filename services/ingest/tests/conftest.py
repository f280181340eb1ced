"""The service on real servers, reached through its real Lambda entry points, and pictures to send to it."""

import base64
import json
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from chassis.aws import Aws
from chassis.http import HttpEntry
from chassis.queue import EventConsumer, MessageConsumer
from contracts import Contract, Event
from ingest.api import http
from ingest.bootstrap import IngestService, bootstrap
from ingest.consumers import on_events, on_uploads
from ingest.direct_uploads import Arrival
from ingest.settings import IngestSettings
from testkit import Answer, Deploy, Deployment, call, dead_letters, deliver, eventually

MAX_UPLOAD_BYTES = 200_000
MAX_DIRECT_BYTES = 400_000

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def some_png() -> bytes:
    """A picture that no other test sends."""
    return PNG + secrets.token_bytes(16)


@dataclass
class Ingest:
    """The running service as its callers and its queues see it."""

    service: IngestService
    http: HttpEntry
    on_events: EventConsumer
    on_uploads: MessageConsumer[Arrival]
    deployment: Deployment
    arrivals_url: str

    @property
    def bucket(self) -> str:
        return str(self.deployment.settings["images_bucket"])

    def call(
        self,
        method: str,
        path: str,
        *,
        tenant: str | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        **query: object,
    ) -> Answer:
        """A request from that tenant, or without a token."""
        return call(self.http, method, path, tenant, query=query, body=body, headers=headers)

    def post_json(self, path: str, tenant: str, value: object) -> Answer:
        return self.call("POST", path, tenant=tenant, body=value)

    def upload(self, tenant: str, content: bytes, filename: str = "picture.png", field: str = "file") -> Answer:
        """POST /items with a form as browsers make it."""
        boundary = "----boundary7MA4YWxkTrZu0gW"
        form = b"".join(
            (
                f"--{boundary}\r\n".encode(),
                f'Content-Disposition: form-data; name="{field}"; filename="{filename}"\r\n'.encode(),
                b"Content-Type: application/octet-stream\r\n\r\n",
                content,
                f"\r\n--{boundary}--\r\n".encode(),
            )
        )
        headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
        return self.call("POST", "/items", tenant=tenant, body=form, headers=headers)

    def consume(self, *events: Event[Contract], receives: int = 1) -> list[str]:
        """Deliver events through the queue; returns what stays in it."""
        return deliver(self.on_events, *events, receives=receives)

    def arrive(self, *bodies: str, receives: int = 1) -> list[str]:
        """Deliver S3's messages through the queue."""
        return deliver(self.on_uploads, *bodies, receives=receives)

    def next_arrival(self) -> str:
        """The next message that S3 itself sent about the landing zone."""

        def message() -> str:
            sqs = self.service.aws.sqs
            answer = sqs.receive_message(QueueUrl=self.arrivals_url, MaxNumberOfMessages=1)
            for message in answer.get("Messages", []):
                sqs.delete_message(QueueUrl=self.arrivals_url, ReceiptHandle=message["ReceiptHandle"])
                return message["Body"]
            return ""

        return eventually(message, timeout_s=20)

    def dead_letters(self) -> list[tuple[str, str]]:
        """Reason and body of every dead letter since the last look."""
        letters = dead_letters(self.service.aws.sqs, self.service.settings.dead_letter_queue_url)
        return [(letter.reason, letter.body) for letter in letters]

    def rows(self, statement: str, *parameters: object) -> list[dict[str, Any]]:
        """Look into the service's schema."""
        with psycopg.connect(self.deployment.schema.dsn, row_factory=dict_row) as connection:
            return connection.execute(statement.encode(), parameters).fetchall()

    def objects(self, tenant: str) -> list[str]:
        """Keys of the tenant in the bucket."""
        listing = self.service.aws.s3.list_objects_v2(Bucket=self.bucket, Prefix=f"{tenant}/")
        return [entry["Key"] for entry in listing.get("Contents", [])]


def arrivals(aws: Aws, bucket: str) -> str:
    """The URL of a queue that gets what S3 announces about the landing zone."""
    aws.s3.put_bucket_notification_configuration(
        Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    url = aws.sqs.create_queue(QueueName=f"{bucket}-arrivals")["QueueUrl"]
    arn = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [{"wildcard": "*/uploads/*"}]}},
    }
    aws.events.put_rule(Name=bucket, EventPattern=json.dumps(pattern))
    aws.events.put_targets(Rule=bucket, Targets=[{"Id": "queue", "Arn": arn}])
    return url


@pytest.fixture
def ingest(deploy: Deploy) -> Iterator[Ingest]:
    """The service over a schema, a bucket and queues of its own."""
    deployment = deploy("ingest")
    settings = IngestSettings(
        **deployment.settings,
        max_receives=3,
        max_upload_bytes=MAX_UPLOAD_BYTES,
        max_direct_bytes=MAX_DIRECT_BYTES,
        git_sha="abc1234",
    )
    service = bootstrap(settings, deployment.aws)
    yield Ingest(
        service,
        http(service),
        on_events(service),
        on_uploads(service),
        deployment,
        arrivals(deployment.aws, settings.images_bucket),
    )
    service.database.close()


@pytest.fixture
def tenant() -> str:
    """Somebody."""
    return str(uuid.uuid4())


@pytest.fixture
def other_tenant() -> str:
    """Somebody else."""
    return str(uuid.uuid4())


@pytest.fixture
def png() -> Callable[[], bytes]:
    """Makes pictures, each with bytes of its own."""
    return some_png
