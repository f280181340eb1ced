"""`mesh dlq`, on queues in memory: what it shows, what it moves, and how it ends."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

import pytest
from typer.testing import CliRunner, Result

from chassis.observability import hash_tenant
from chassis.queue import DeadLetter
from contracts import Event, new_event
from contracts.ingest import UploadRejected, UploadRejection
from contracts.retired import SessionExpiredV1
from mesh.cli import app
from mesh.environments import DeployedFunction, Environment
from testkit import envelope
from testkit.fakes.aws import FakeSqs
from testkit.operator.environments import bare_environment

SECRET = "my holiday in Rome.png"


@pytest.fixture(autouse=True)
def sqs(monkeypatch: pytest.MonkeyPatch) -> FakeSqs:
    """The environment `dev`, in which imaging and chat have queues."""
    client = FakeSqs()
    functions = {
        f"{service}.events": DeployedFunction(
            name=f"dev-{service}-events",
            log_group="logs",
            queue_url=f"{service}-queue",
            dead_letter_queue_url=f"{service}-dlq",
        )
        for service in ("imaging", "chat")
    } | {"chat.relay": DeployedFunction(name="dev-chat-relay", log_group="logs")}
    environment = bare_environment("dev", functions=functions)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: {"dev": environment}[name])
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: {"sqs": client}[service])
    return client


def run(*arguments: str, exit_code: int = 0, given: str = "") -> Result:
    result = CliRunner().invoke(app, ["dlq", *arguments, "--env", "dev"], input=given)
    assert result.exit_code == exit_code, result.output
    return result


def uploaded(tenant: str = "tenant-a") -> Event[UploadRejected]:
    data = UploadRejected(original_filename=SECRET, size=1, reason=UploadRejection.EMPTY, detail="d")
    return new_event(data, subject="item-1", tenant_id=tenant)


def dead_letter(sqs: FakeSqs, body: str, reason: str = "", *, service: str = "imaging") -> None:
    """Put a letter into the queue of dead letters; without a reason as SQS does."""
    letter = DeadLetter(body, reason, detail="told", receives=1, message_id="was") if reason else DeadLetter(body)
    sqs.send_message(QueueUrl=f"{service}-dlq", MessageBody=body, MessageAttributes=letter.attributes())


def bodies(sqs: FakeSqs, queue: str) -> list[str]:
    """What can be received from a queue, which is left as it was."""
    found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=100)["Messages"]
    entries = [{"ReceiptHandle": each["ReceiptHandle"], "VisibilityTimeout": 0} for each in found]
    for start in range(0, len(entries), 10):
        sqs.change_message_visibility_batch(QueueUrl=queue, Entries=entries[start : start + 10])
    return [each["Body"] for each in found]


def test_letters_are_counted_by_queue_reason_and_type_and_can_be_received_at_once(sqs: FakeSqs) -> None:
    for _ in range(12):
        dead_letter(sqs, envelope(uploaded()), "invalid-event")
    dead_letter(sqs, "{", "not-json")
    dead_letter(sqs, envelope(uploaded()), service="chat")
    document = json.loads(run("list", "--limit", "3", "--json").stdout)
    kind = uploaded().type
    assert document["counts"] == [
        {"queue": "chat.events", "reason": "moved-by-sqs", "type": kind, "letters": 1},
        {"queue": "imaging.events", "reason": "invalid-event", "type": kind, "letters": 12},
        {"queue": "imaging.events", "reason": "not-json", "type": "", "letters": 1},
    ]
    assert (document["total"], len(document["letters"])) == (14, 3)
    assert (len(bodies(sqs, "imaging-dlq")), len(bodies(sqs, "chat-dlq"))) == (13, 1)
    shown = run("list").stdout
    assert "moved by SQS after 3 receives" in shown
    assert "invalid-event: told" in shown
    assert "4 more; --limit 14 shows all" in run("list", "--limit", "10").stdout


def test_nothing_of_what_events_say_is_shown(sqs: FakeSqs) -> None:
    event = uploaded()
    dead_letter(sqs, envelope(event), "invalid-event")
    (letter,) = json.loads(run("list", "--json").stdout)["letters"]
    told = [run("list"), run("list", "--json"), run("show", letter["id"]), run("show", letter["id"], "--json")]
    for result in told:
        assert SECRET not in result.output
        assert "tenant-a" not in result.output
        assert event.type in result.output
    shown = json.loads(told[-1].stdout)
    assert shown == letter
    assert (shown["event_id"], shown["subject"], shown["tenant"]) == (event.id, "item-1", hash_tenant("tenant-a"))
    assert (shown["reason"], shown["detail"], shown["receives"]) == ("invalid-event", "told", 1)
    assert shown["correlation_id"] == event.correlation_id
    assert re.search(rf"^event id: +{event.id}$", told[2].stdout, re.MULTILINE)
    assert "causation id" not in told[2].stdout


def test_what_eventbridge_could_not_deliver_says_so(sqs: FakeSqs) -> None:
    told = {"ERROR_CODE": "SDK_CLIENT_ERROR", "ERROR_MESSAGE": "the queue is away"}
    attributes = {name: {"DataType": "String", "StringValue": text} for name, text in told.items()}
    sqs.send_message(QueueUrl="chat-dlq", MessageBody=envelope(uploaded()), MessageAttributes=attributes)
    (letter,) = json.loads(run("list", "--json").stdout)["letters"]
    assert (letter["reason"], letter["detail"], letter["receives"]) == (
        "undelivered:SDK_CLIENT_ERROR",
        "the queue is away",
        0,
    )


@pytest.mark.parametrize(
    ("body", "today"),
    [
        (envelope(uploaded()), "readable"),
        (
            envelope(
                new_event(
                    SessionExpiredV1(reason="idle", last_activity=datetime(2026, 2, 1, tzinfo=UTC)),
                    subject="s",
                    tenant_id="t",
                )
            ),
            "readable",
        ),
        ("{", "not-json: "),
        ("[]", "not-an-envelope: "),
        (envelope(uploaded()).replace("rejected.v1", "rejected.v9"), "unknown-event: "),
        (
            envelope(uploaded()).replace('"source": "collections.ingest"', '"source": "evil"', 1),
            "mismatched-envelope: ",
        ),
        (envelope(uploaded()).replace('"size": 1', '"size": -1'), "invalid-event: "),
        (json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}), ""),
    ],
    ids=["current", "retired major", "no json", "no envelope", "unknown major", "wrong source", "schema", "of s3"],
)
def test_a_letter_says_whether_the_code_of_today_reads_it(body: str, today: str, sqs: FakeSqs) -> None:
    dead_letter(sqs, body, "any")
    (letter,) = json.loads(run("list", "--json").stdout)["letters"]
    assert letter["today"].startswith(today)
    assert bool(letter["today"]) == bool(today)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--queue", "chat"], 1),
        (["--queue", "imaging.events"], 3),
        (["--reason", "not-json"], 1),
        (["--reason", "moved-by-sqs"], 1),
        (["--type", "ingest.upload-rejected.v1"], 3),
        (["--type", "collections.ingest.upload-rejected.v1", "--reason", "invalid-event"], 2),
        (["--tenant", "tenant-b"], 1),
        (["--tenant", hash_tenant("tenant-b")], 1),
        (["--tenant", "nobody"], 0),
    ],
    ids=["service", "queue", "reason", "moved", "type", "type and reason", "tenant", "hash", "nobody"],
)
def test_letters_are_selected(options: list[str], expected: int, sqs: FakeSqs) -> None:
    dead_letter(sqs, envelope(uploaded()), "invalid-event")
    dead_letter(sqs, envelope(uploaded("tenant-b")), "invalid-event")
    dead_letter(sqs, "{", "not-json")
    dead_letter(sqs, envelope(uploaded()), service="chat")
    assert json.loads(run("list", *options, "--json").stdout)["total"] == expected
    if not expected:
        assert run("list", *options).stdout == "no such dead letters in dev\n"
    dry = json.loads(run("redrive", *options, "--dry-run", "--json").stdout)
    assert (dry["dry_run"], len(dry["redriven"])) == (True, expected)
    assert json.loads(run("list", "--json").stdout)["total"] == 4
    assert len(json.loads(run("discard", *options, "--yes", "--json").stdout)["discarded"]) == expected
    assert json.loads(run("list", "--json").stdout)["total"] == 4 - expected


def test_there_is_nothing(sqs: FakeSqs) -> None:
    assert run("list").stdout == "no dead letters in dev\n"
    assert run("redrive").stdout == "no such dead letters in dev\n"
    assert run("discard", "--all").stdout == "no such dead letters in dev\n"


def test_letters_are_sent_back_as_they_came_once_confirmed(sqs: FakeSqs) -> None:
    sent = [envelope(uploaded()) for _ in range(25)]
    for body in sent:
        dead_letter(sqs, body, "gave-up:TransientError")
    assert "nothing was changed" in run("redrive", given="n\n", exit_code=1).stderr
    assert "without a terminal: --yes" in run("redrive", exit_code=1).stderr
    assert "dry run: nothing was changed (25 would be redriven)" in run("redrive", "--dry-run").stdout
    assert (len(bodies(sqs, "imaging-dlq")), bodies(sqs, "imaging-queue")) == (25, [])
    done = run("redrive", given="y\n")
    assert "Send these back to their queues in dev (25)?" in done.stderr
    assert "redriven: 25\n" in done.stdout
    assert (bodies(sqs, "imaging-dlq"), sorted(bodies(sqs, "imaging-queue"))) == ([], sorted(sent))


def test_named_letters_alone_are_sent_back_and_a_wrong_name_stops_the_command(sqs: FakeSqs) -> None:
    dead_letter(sqs, "first", "not-json")
    dead_letter(sqs, "second", "not-json")
    first, second = json.loads(run("list", "--json").stdout)["letters"]
    refused = run("redrive", first["id"], "nobody", "--yes", exit_code=1)
    assert refused.stderr == "mesh: no such dead letter: nobody; nothing was changed\n"
    assert run("show", "nobody", exit_code=1).stderr == "mesh: no such dead letter: nobody; nothing was changed\n"
    assert len(bodies(sqs, "imaging-dlq")) == 2
    run("redrive", second["id"], "--yes")
    assert (bodies(sqs, "imaging-dlq"), bodies(sqs, "imaging-queue")) == (["first"], ["second"])


def test_letters_are_discarded_when_the_name_of_the_environment_is_typed(sqs: FakeSqs) -> None:
    dead_letter(sqs, envelope(uploaded()), "invalid-event")
    assert "Give ids, a filter, or --all" in run("discard", "--yes", exit_code=2).stderr
    refused = run("discard", "--all", given="y\n", exit_code=1)
    assert "1 dead letters will be deleted. Type dev to continue" in refused.stderr
    assert len(bodies(sqs, "imaging-dlq")) == 1
    done = run("discard", "--all", given="dev\n")
    assert "discarded: 1\n" in done.stdout
    assert uploaded().type in done.stdout
    assert bodies(sqs, "imaging-dlq") == bodies(sqs, "imaging-queue") == []


@pytest.mark.parametrize(
    ("operation", "copies"),
    [("send_message", 0), ("delete_message", 1)],
    ids=["before the copy", "before the deletion"],
)
def test_a_letter_is_never_lost(operation: str, copies: int, sqs: FakeSqs) -> None:
    dead_letter(sqs, "only", "not-json")
    with sqs.failing(operation):
        assert "ServiceUnavailable" in run("redrive", "--yes", exit_code=1).stderr
    assert (bodies(sqs, "imaging-dlq"), bodies(sqs, "imaging-queue")) == (["only"], ["only"] * copies)


def test_letters_that_are_gone_meanwhile_are_told(sqs: FakeSqs, monkeypatch: pytest.MonkeyPatch) -> None:
    dead_letter(sqs, "first", "not-json")
    dead_letter(sqs, "second", "not-json")

    def confirmed(question: str, *, yes: bool) -> None:
        sqs.delete_message(QueueUrl="imaging-dlq", ReceiptHandle="message-1")

    monkeypatch.setattr("mesh.prompts.confirm", confirmed)
    assert "redriven: 1; 1 were no longer there\n" in run("redrive").stdout
    assert bodies(sqs, "imaging-queue") == ["second"]


def test_a_queue_that_is_not_there_is_refused() -> None:
    refused = run("list", "--queue", "search", exit_code=1)
    assert refused.stderr == "mesh: search is not in dev (there are: chat.events, imaging.events)\n"
