"""What the emulator answered for survives a kill; what its disk does not take is refused; a crash delays no other."""

from __future__ import annotations

import io
import json
import resource
import secrets
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localmesh.emulator import Emulator, queues
from localmesh.emulator.disk import Disk
from localmesh.emulator.durability import give_back
from localmesh.emulator.journal import Journal
from testkit import eventually

ROLE = "arn:aws:iam::000000000000:role/none"
FUNCTION = """
import os

def handler(event, context):
    for record in event.get("Records", []):
        if record["body"] == "crash":
            os._exit(1)
    if "rawPath" in event:
        os._exit(1)
    return {"batchItemFailures": []}
"""


def client(emulator: Emulator, service: Any) -> Any:
    return emulator.session.client(service, config=Config(retries={"total_max_attempts": 1}))


def make_function(emulator: Emulator) -> str:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("crashing.py", FUNCTION)
    name = f"crashing-{secrets.token_hex(4)}"
    created = client(emulator, "lambda").create_function(
        FunctionName=name, Role=ROLE, Runtime="python3.13", Handler="crashing.handler", Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    return str(created["FunctionArn"])


def counts(sqs: Any, url: str) -> tuple[int, int]:
    """Messages that are visible, and in flight."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def test_lines_are_read_in_order_and_half_a_line_is_left_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path, Disk(tmp_path))
    journal.append([{"n": 1}])
    older = journal.rotate()
    journal.append([{"n": 2}, {"n": 3}])
    newest = max(tmp_path.iterdir())
    newest.write_bytes(newest.read_bytes() + b'{"n": 4')
    assert [line["n"] for line in Journal(tmp_path, Disk(tmp_path)).lines()] == [1, 2, 3]
    assert older == [tmp_path / "journal-0000000001.jsonl"]
    another = Journal(tmp_path, Disk(tmp_path))
    another.append([{"n": 5}])
    assert [line["n"] for line in another.lines()] == [1, 2, 3, 5]


def test_a_failed_append_leaves_nothing_and_the_next_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = Disk(tmp_path)
    journal = Journal(tmp_path, disk)
    journal.append([{"n": 1}])

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space left"):
        broken.setattr("os.fdatasync", full)
        journal.append([{"n": 2}, {"n": 2}])
    assert disk.fault() == f"{tmp_path} cannot be written: No space left on device"
    journal.append([{"n": 3}])
    assert [line["n"] for line in journal.lines()] == [1, 3]


@contextmanager
def files_of(limit: int) -> Iterator[None]:
    """The kernel takes what fits into so many bytes of a file, and says nothing of the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("can_cut", [True, False], ids=["cut off", "left as it is"])
def test_what_the_disk_takes_a_part_of_is_refused_and_spoils_nothing(tmp_path: Path, can_cut: bool) -> None:
    disk = Disk(tmp_path)
    journal = Journal(tmp_path, disk)
    journal.append([{"n": 1}])
    file: Any = journal._file
    if not can_cut:
        own = {name: getattr(file, name) for name in ("tell", "write", "close", "fileno")}
        journal._file = cast(Any, SimpleNamespace(**own, seek=full_disk))
    with files_of(12), pytest.raises(OSError, match="File too large"):
        journal.append([{"n": 2}])
    assert disk.fault() is not None
    journal.append([{"n": 3}])
    assert [line["n"] for line in journal.lines()] == [1, 3]


def full_disk(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_is_a_fault_before_anything_fails(tmp_path: Path) -> None:
    assert Disk(tmp_path).fault() is None
    fault = Disk(tmp_path, least_free_bytes=1 << 60).fault()
    assert fault is not None
    assert fault.startswith(f"{tmp_path} is on a disk with ")


def test_what_a_stopped_receiver_had_comes_back_at_once_and_is_not_counted() -> None:
    later = time.time() + 300
    held = {"receive_count": 2, "visible_at": later}
    delayed = {"receive_count": 0, "visible_at": later}
    give_back([held, delayed])
    assert held["receive_count"] == 1
    assert held["visible_at"] <= time.time()
    assert delayed == {"receive_count": 0, "visible_at": later}


@pytest.mark.integration
def test_whatever_was_answered_survives_a_kill(tmp_path: Path) -> None:
    server = Emulator(tmp_path, snapshot_s=3600)
    with server:
        sqs, items, people = client(server, "sqs"), client(server, "dynamodb"), client(server, "cognito-idp")
        url = sqs.create_queue(QueueName="kept", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events, s3 = client(server, "events"), client(server, "s3")
        events.put_rule(Name="all", EventPattern='{"source": ["s", "aws.s3"]}')
        events.put_targets(Rule="all", Targets=[{"Id": "1", "Arn": arn}])
        s3.create_bucket(Bucket="kept")
        s3.put_bucket_notification_configuration(
            Bucket="kept", NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
        items.create_table(
            TableName="kept", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "p", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "p", "AttributeType": "S"}],
        )  # fmt: skip
        pool = people.create_user_pool(PoolName="people")["UserPool"]["Id"]
        for body in ("received", "deleted", "waiting"):
            sqs.send_message(QueueUrl=url, MessageBody=body)
        for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=2)["Messages"]:
            if message["Body"] == "deleted":
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        for name in ("stays", "goes"):
            items.put_item(TableName="kept", Item={"p": {"S": name}, "b": {"B": b"\x00\xff"}})
        items.delete_item(TableName="kept", Key={"p": {"S": "goes"}})
        s3.put_object(Bucket="kept", Key="a/b.txt", Body=b"body")
        events.put_events(Entries=[{"Source": "s", "DetailType": "t", "Detail": "{}"}])
        people.admin_create_user(UserPoolId=pool, Username="a@example.com")
        server.kill()
    with server:
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
        bodies = {message["Body"] for message in found}
        assert {"received", "waiting"} < bodies
        sources = {json.loads(body)["source"] for body in bodies - {"received", "waiting"}}
        assert (sources, len(bodies)) == ({"s", "aws.s3"}, 4)
        assert items.scan(TableName="kept")["Items"] == [{"p": {"S": "stays"}, "b": {"B": b"\x00\xff"}}]
        assert s3.get_object(Bucket="kept", Key="a/b.txt")["Body"].read() == b"body"
        assert [user["Username"] for user in people.list_users(UserPoolId=pool)["Users"]] == ["a@example.com"]


@pytest.mark.integration
def test_the_journal_goes_when_its_contents_are_in_a_snapshot(tmp_path: Path) -> None:
    server = Emulator(tmp_path, snapshot_s=0.2)
    with server:
        sqs = client(server, "sqs")
        url = sqs.create_queue(QueueName="kept")["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="one")
        eventually(lambda: "one" in (server.options.state_dir / "sqs.json").read_text())
        eventually(lambda: not list(server.options.state_dir.glob("journal-*")))
        server.kill()
    with server:
        assert counts(sqs, url) == (1, 0)


@pytest.mark.integration
def test_a_clean_stop_gives_messages_in_flight_back_at_once(tmp_path: Path) -> None:
    server = Emulator(tmp_path)
    with server:
        sqs = client(server, "sqs")
        url = sqs.create_queue(QueueName="held", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        sqs.send_message(QueueUrl=url, MessageBody="one")
        sqs.receive_message(QueueUrl=url)
        assert counts(sqs, url) == (0, 1)
    with server:
        assert counts(sqs, url) == (1, 0)


@pytest.mark.integration
@pytest.mark.parametrize("keys", [("new", "old"), ("old", "new")])  # the second is refused because of the first
@pytest.mark.parametrize("versions", [["Enabled"], []])
def test_an_object_that_cannot_be_written_is_refused_and_the_disk_is_named(
    tmp_path: Path, versions: list[str], keys: tuple[str, str]
) -> None:
    server = Emulator(tmp_path)
    with server:
        s3 = client(server, "s3")
        s3.create_bucket(Bucket="full")
        for status in versions:
            s3.put_bucket_versioning(Bucket="full", VersioningConfiguration={"Status": status})
        s3.put_object(Bucket="full", Key="old", Body=b"before")
        process = psutil.Process(server.pid)
        process.rlimit(psutil.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
        for key in keys:
            with pytest.raises(ClientError) as refused:
                s3.put_object(Bucket="full", Key=key, Body=bytes(2_000_000))
            assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
        with pytest.raises(ClientError, match="cannot be written: File too large"):
            s3.get_object(Bucket="full", Key="new")
        assert s3.get_object(Bucket="full", Key="old")["Body"].read() == b"before"
        assert [found["Key"] for found in s3.list_objects_v2(Bucket="full")["Contents"]] == ["old"]
        process.rlimit(psutil.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

        def stored() -> bool:
            try:
                s3.put_object(Bucket="full", Key="new", Body=bytes(2_000_000))
            except ClientError:
                return False
            return True

        eventually(stored, timeout_s=10, every_s=0.3)
    with server:
        assert [found["Key"] for found in s3.list_objects_v2(Bucket="full")["Contents"]] == ["new", "old"]
        assert len(s3.list_object_versions(Bucket="full")["Versions"]) == 2


def test_messages_wait_until_what_functions_need_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    listening: set[int] = set()
    monkeypatch.setattr(queues, "is_listening", lambda _, port: port in listening)
    service = SimpleNamespace(_poll_sqs=lambda: True, _execute_function=None, _run_sqs_batch=None)
    sqs = SimpleNamespace(_HANDLERS={}, _receive_messages_for_esm=len)
    for name in ("_expire_retained", "_dlq_sweep", "_collect_msgs"):
        setattr(sqs, name, len)
    queues.correct(sqs, SimpleNamespace(_dispatch_to_sqs=len), service, (1, 2))
    assert not service._poll_sqs()
    listening.add(1)
    assert not service._poll_sqs()
    listening.add(2)
    assert service._poll_sqs()
    listening.clear()
    assert service._poll_sqs()


@pytest.mark.integration
def test_a_crash_delays_nobody_else_of_its_batch(emulator: Emulator) -> None:
    sqs, lambdas = client(emulator, "sqs"), client(emulator, "lambda")
    url = sqs.create_queue(QueueName=secrets.token_hex(4), Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    for body in ("a", "b", "crash", "c", "d"):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    lambdas.create_event_source_mapping(
        FunctionName=make_function(emulator), EventSourceArn=arn, BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )  # fmt: skip
    # In flight or waiting for its next attempt: the one that crashes.
    eventually(lambda: sum(counts(sqs, url)) == 1, timeout_s=20)


@pytest.mark.integration
def test_a_function_that_dies_is_an_internal_server_error_without_its_reasons(emulator: Emulator) -> None:
    arn = make_function(emulator)
    gateway = client(emulator, "apigatewayv2")
    api = gateway.create_api(Name="dying", ProtocolType="HTTP")["ApiId"]
    integration = gateway.create_integration(
        ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    gateway.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{integration}")
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)

    def answer() -> httpx.Response:
        return httpx.get(f"{emulator.url}/_aws/execute-api/{api}/$default/items", timeout=30)

    assert (answer().status_code, answer().json()) == (500, {"message": "Internal Server Error"})
    client(emulator, "lambda").delete_function(FunctionName=arn)
    assert (answer().status_code, answer().json()) == (500, {"message": "Internal Server Error"})
