"""One bad event of each kind among many good ones, through real queues, a real Postgres and a consumer of ours."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from chassis.bus import Wire
from chassis.errors import TransientError
from chassis.queue import EventConsumer, on
from chassis.service import Service
from chassis.settings import Settings
from contracts import Contract, Event, new_event
from contracts.retired import SessionExpiredV1, SessionExpiredV2
from contracts.sessions import SessionExpired
from mesh.cli import app
from mesh.environments import DeployedFunction
from testkit import Deploy, Deployment, envelope
from testkit.invoking import CONTEXT
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

pytestmark = pytest.mark.integration

MIGRATIONS = REPOSITORY / "services/lib/chassis/migrations"
#: Of a message the consumer gives up at the second; one that always ends the function SQS moves after the third.
RECEIVES, MOVED_AFTER = 2, 3
AT = datetime(2026, 2, 1, tzinfo=UTC)


class TimedOutError(BaseException):
    """The function is stopped in the midst of a batch, as Lambda does when its time is up."""


@dataclass
class Session:
    """What handles the events, how it fails, and which events it has handled."""

    broken: bool = True
    done: Counter[str] = field(default_factory=Counter)

    def react(self, event: Event[Any]) -> None:
        if self.broken and event.subject == "provider":
            raise TransientError("the provider does not answer", retry_after_s=1)
        if self.broken and event.subject == "time-out":
            raise TimedOutError
        if self.broken and event.subject == "too-large":
            Wire("any", "any", "x" * 300_000).check_size()
        self.done[event.subject] += 1


@dataclass
class Queues:
    """The consumer's queue and how Lambda empties it, one batch at a time."""

    deployment: Deployment

    @property
    def url(self) -> str:
        return str(self.deployment.settings["queue_url"])

    def pump(self, consumer: EventConsumer, *, timeout_s: float = 30) -> None:
        """Hand over batches until the queue is empty, also of what is hidden for now."""
        sqs = self.deployment.aws.sqs
        ends = time.monotonic() + timeout_s
        while time.monotonic() < ends and self._holds_any():
            answer = sqs.receive_message(
                QueueUrl=self.url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageSystemAttributeNames=["All"]
            )
            records = [_record(message) for message in answer.get("Messages", [])]
            if not records:
                continue
            try:
                failures = consumer({"Records": records}, CONTEXT)["batchItemFailures"]
            except TimedOutError:
                continue  # the whole batch stays in the queue
            failed = {failure["itemIdentifier"] for failure in failures}
            for record in records:
                first = record["attributes"]["ApproximateReceiveCount"] == "1"  # of others the consumer deletes it
                if first and record["messageId"] not in failed:
                    sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        assert not self._holds_any()

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.deployment.aws.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def _holds_any(self) -> bool:
        names: Any = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.deployment.aws.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return any(int(count) for count in found.values())


def _record(message: Any) -> dict[str, Any]:
    names = {"messageId": "MessageId", "receiptHandle": "ReceiptHandle", "body": "Body", "attributes": "Attributes"}
    return {ours: message[theirs] for ours, theirs in names.items()} | {"eventSource": "aws:sqs"}


@pytest.fixture
def queues(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> Queues:
    """The queues of one function, from which SQS moves a message after some receives, and the environment `dev`."""
    deployment = deploy("imaging", sources=[MIGRATIONS])
    own, sqs = deployment.settings, deployment.aws.sqs
    dead = sqs.get_queue_attributes(QueueUrl=own["dead_letter_queue_url"], AttributeNames=["QueueArn"])["Attributes"]
    policy = json.dumps({"deadLetterTargetArn": dead["QueueArn"], "maxReceiveCount": MOVED_AFTER})
    sqs.set_queue_attributes(QueueUrl=own["queue_url"], Attributes={"RedrivePolicy": policy, "VisibilityTimeout": "1"})
    function = DeployedFunction(
        name="f", log_group="l", queue_url=own["queue_url"], dead_letter_queue_url=own["dead_letter_queue_url"]
    )
    environment = bare_environment(
        "dev", functions={"imaging.events": function}, endpoint_url=deployment.aws.endpoint_url
    )
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    return Queues(deployment)


@pytest.fixture
def service(queues: Queues) -> Iterator[Service[Settings]]:
    """The service of the function."""
    started = Service(Settings(**queues.deployment.settings, max_receives=RECEIVES), queues.deployment.aws)
    yield started
    started.database.close()


def expired(subject: str, data: Contract | None = None) -> str:
    known = data or SessionExpiredV2(reason="idle", limit=60, last_turn_at=AT)
    return envelope(new_event(known, subject=subject, tenant_id="tenant-a"))


def mesh(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["dlq", *arguments, "--env", "dev", "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def reasons() -> dict[str, int]:
    """How many dead letters there are, by reason."""
    return {each["reason"]: each["letters"] for each in mesh("list")["counts"]}


def test_bad_events_of_every_kind_stop_no_other_and_can_be_sent_back(
    queues: Queues, service: Service[Settings], whole: bool
) -> None:
    session = Session()
    good = [f"good-{number}" for number in range(1000 if whole else 40)]
    newest = SessionExpired.model_validate({"cause": {"kind": "idle", "after_s": 60}, "last_turn_at": AT.isoformat()})
    bad = {
        "schema": expired("schema").replace('"limit": 60', '"limit": 0'),
        "decode": expired("decode")[:-1],
        "provider": expired("provider", SessionExpiredV1(reason="idle", last_activity=AT)),
        "time-out": expired("time-out"),
        "too-large": expired("too-large"),
        "wrong-source": expired("wrong-source").replace('"source": "collections.sessions"', '"source": "other"', 1),
        "unknown-major": expired("unknown-major", newest),
    }
    bodies = [expired(name) for name in good]
    for place, body in enumerate(bad.values()):
        bodies.insert(place * len(bodies) // len(bad), body)
    queues.send(*bodies)
    older = EventConsumer(service, [on(SessionExpiredV2, session.react)])
    queues.pump(older)
    assert session.done == Counter(good), "each of the good ones once, none of the bad ones"
    assert reasons() == {
        "gave-up:EventTooLargeError": 1,
        "gave-up:TransientError": 1,
        "invalid-event": 1,
        "mismatched-envelope": 1,
        "moved-by-sqs": 1,
        "not-json": 1,
        "not-subscribed": 1,
    }

    session.broken = False
    newer = EventConsumer(service, [on(SessionExpired, session.react)])
    assert len(mesh("redrive", "--yes")["redriven"]) == 7
    queues.send(bodies[-1])  # as if it had been sent back before: the inbox knows it
    queues.pump(newer)
    assert session.done == Counter([*good, "provider", "time-out", "too-large", "unknown-major"])
    assert reasons() == {"invalid-event": 1, "mismatched-envelope": 1, "not-json": 1}, "what is wrong in itself is back"
    assert len(mesh("discard", "--all", "--yes")["discarded"]) == 3
    assert reasons() == {}
