"""The corrected AWS emulator, over the wire."""

from __future__ import annotations

import io
import json
import secrets
import time
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from localmesh.emulator import Emulator
from localmesh.processes import ProcessRef, wait_gone
from testkit import eventually

pytestmark = pytest.mark.integration

ROLE = "arn:aws:iam::000000000000:role/none"
WHOAMI = """
import os, time

def handler(event, context):
    print("called")
    time.sleep(event.get("sleep", 0))
    if "detail" in event and event["detail"]["fail"]:
        raise ValueError("as asked")
    return {"pid": os.getpid(), "environment": dict(os.environ), "file": os.path.realpath(__file__)}
"""


def client(emulator: Emulator, service: Any) -> Any:
    """A client that does not retry: what the emulator refuses is what the test sees."""
    return emulator.session.client(service, config=Config(retries={"total_max_attempts": 1}))


def make_function(
    emulator: Emulator, *, kind: str = "events", timeout: int = 30, name: str = ""
) -> Callable[..., dict[str, Any]]:
    """A function that reports on its process; returns a callable that invokes it."""
    name = name or f"whoami-{secrets.token_hex(4)}"
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("whoami.py", WHOAMI)
    lambdas = client(emulator, "lambda")
    lambdas.create_function(
        FunctionName=name, Role=ROLE, Runtime="python3.13", Handler="whoami.handler", Timeout=timeout,
        Code={"ZipFile": package.getvalue()}, Environment={"Variables": {"FUNCTION": kind}},
    )  # fmt: skip

    def call(**event: Any) -> dict[str, Any]:
        answer = lambdas.invoke(FunctionName=name, Payload=json.dumps(event))
        payload: dict[str, Any] = json.load(answer["Payload"])
        assert "FunctionError" not in answer, payload
        return payload

    return call


def drain(sqs: Any, url: str, count: int, timeout_s: float = 15.0) -> list[dict[str, Any]]:
    """Receive until `count` messages came or the time is over."""
    got: list[dict[str, Any]] = []
    deadline = time.monotonic() + timeout_s
    while len(got) < count and time.monotonic() < deadline:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            got.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return got


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"Source": "s", "DetailType": "t", "Detail": "{not json"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "t", "Detail": "[1]"}, "MalformedDetail"),
        ({"Source": "s", "DetailType": "t"}, "InvalidArgument"),
        ({"Source": "s", "Detail": "{}"}, "InvalidArgument"),
        ({"DetailType": "t", "Detail": "{}"}, "InvalidArgument"),
    ],
)
def test_a_bad_entry_is_refused_and_its_neighbours_are_not(
    emulator: Emulator, entry: dict[str, str], code: str
) -> None:
    good = {"Source": "s", "DetailType": "t", "Detail": "{}"}
    answer = client(emulator, "events").put_events(Entries=[good, entry, good])
    assert answer["FailedEntryCount"] == 1
    assert answer["Entries"][1]["ErrorCode"] == code
    assert all("EventId" in answer["Entries"][place] for place in (0, 2))


def test_the_limit_counts_all_entries_of_a_request(emulator: Emulator) -> None:
    events = client(emulator, "events")
    half = {"Source": "s", "DetailType": "t", "Detail": json.dumps({"x": "y" * 131_100})}
    assert events.put_events(Entries=[half])["FailedEntryCount"] == 0
    with pytest.raises(ClientError, match="over the limit") as refused:
        events.put_events(Entries=[half, half])
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_a_replay_reaches_only_the_rules_it_names(emulator: Emulator) -> None:
    events, sqs = client(emulator, "events"), client(emulator, "sqs")
    bus = f"bus-{secrets.token_hex(4)}"
    bus_arn = events.create_event_bus(Name=bus)["EventBusArn"]
    archive = events.create_archive(ArchiveName=f"a-{bus}", EventSourceArn=bus_arn)["ArchiveArn"]
    queues, rules = {}, {}
    for name in ("wanted", "other"):
        queues[name] = sqs.create_queue(QueueName=f"{bus}-{name}")["QueueUrl"]
        rules[name] = events.put_rule(Name=name, EventBusName=bus, EventPattern='{"source": ["s"]}')["RuleArn"]
        arn = sqs.get_queue_attributes(QueueUrl=queues[name], AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events.put_targets(Rule=name, EventBusName=bus, Targets=[{"Id": "1", "Arn": arn}])
    started = time.time()
    entries = [{"Source": "s", "DetailType": "t", "EventBusName": bus, "Detail": f'{{"n": {n}}}'} for n in range(5)]
    events.put_events(Entries=entries)
    for name in queues:
        assert len(drain(sqs, queues[name], 5)) == 5

    events.start_replay(
        ReplayName=f"r-{bus}", EventSourceArn=archive, EventStartTime=started - 60, EventEndTime=time.time() + 60,
        Destination={"Arn": bus_arn, "FilterArns": [rules["wanted"]]},
    )  # fmt: skip
    replayed = drain(sqs, queues["wanted"], 5)
    assert [event["detail"]["n"] for event in replayed] == [0, 1, 2, 3, 4]
    assert all(event["replay-name"] == f"r-{bus}" for event in replayed)
    assert drain(sqs, queues["other"], 1, timeout_s=1) == []


@pytest.mark.parametrize(("kind", "limit"), [("relay", 2), ("http", 4), ("events", 4)])
def test_a_burst_waits_for_the_workers_there_are(emulator: Emulator, kind: str, limit: int) -> None:
    call = make_function(emulator, kind=kind)
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: call(sleep=0.05), range(20)))
    assert 1 < len({answer["pid"] for answer in answers}) <= limit


def test_a_call_that_finds_no_worker_in_time_is_throttled(emulator: Emulator) -> None:
    call = make_function(emulator, kind="relay", timeout=1)
    with ThreadPoolExecutor(6) as pool:
        outcomes = [pool.submit(call, sleep=0.9) for _ in range(6)]
    errors = [outcome.exception() for outcome in outcomes if outcome.exception() is not None]
    assert errors
    assert all("TooManyRequests" in str(error) for error in errors)


def test_workers_share_extracted_code_and_its_compiled_modules(emulator: Emulator) -> None:
    call = make_function(emulator)
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: call(sleep=0.5), range(2)))
    assert len({answer["pid"] for answer in answers}) == 2
    assert len({answer["file"] for answer in answers}) == 1
    folder = Path(answers[0]["file"]).parent
    assert folder.parent == emulator.options.temporary_dir / "code"


def test_functions_inherit_nothing_from_the_person_who_starts_the_mesh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator = Emulator(tmp_path)
    with monkeypatch.context() as person:
        person.setenv("SOME_TOKEN", "private")
        person.setenv("AWS_PROFILE", "work")
        person.setenv("HTTP_PROXY", "http://proxy.invalid:1")
        emulator.start()
    try:
        seen = make_function(emulator)()["environment"]
    finally:
        emulator.stop()
    assert {"SOME_TOKEN", "AWS_PROFILE", "HTTP_PROXY"} & set(seen) == set()
    assert seen["AWS_REGION"] == "us-east-1"


def test_state_survives_a_stop_and_workers_end_with_it(tmp_path: Path) -> None:
    server = Emulator(tmp_path)
    with server:
        client(server, "sqs").create_queue(QueueName="kept")
        client(server, "s3").create_bucket(Bucket="kept")
        client(server, "s3").put_object(Bucket="kept", Key="a/b.txt", Body=b"body")
        worker = ProcessRef.of(make_function(server)()["pid"])
    assert wait_gone(worker, 5)
    with server:
        assert client(server, "sqs").list_queues()["QueueUrls"][0].endswith("/kept")
        assert client(server, "s3").get_object(Bucket="kept", Key="a/b.txt")["Body"].read() == b"body"


def test_users_and_their_conversations_survive_a_crash(tmp_path: Path) -> None:
    server = Emulator(tmp_path, snapshot_s=0.2)
    with server:
        pool = client(server, "cognito-idp").create_user_pool(PoolName="people")["UserPool"]["Id"]
        client(server, "cognito-idp").admin_create_user(UserPoolId=pool, Username="a@example.com")
        state = server.options.state_dir / "cognito.json"
        eventually(lambda: state.exists() and "a@example.com" in state.read_text())
        server.kill()
    with server:
        users = client(server, "cognito-idp").list_users(UserPoolId=pool)["Users"]
    assert [user["Username"] for user in users] == ["a@example.com"]


def test_every_invocation_is_counted_once_whatever_caused_it(emulator: Emulator) -> None:
    name = f"counted-{secrets.token_hex(4)}"
    call = make_function(emulator, name=name)
    events, cloudwatch = client(emulator, "events"), client(emulator, "cloudwatch")
    events.put_rule(Name=name, EventPattern=json.dumps({"source": [name]}))
    arn = f"arn:aws:lambda:us-east-1:000000000000:function:{name}"
    events.put_targets(Rule=name, Targets=[{"Id": "1", "Arn": arn}])
    call()
    for fail in (False, True):
        events.put_events(Entries=[{"Source": name, "DetailType": "t", "Detail": json.dumps({"fail": fail})}])

    def total(metric: str) -> int:
        now = datetime.now(UTC)
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Lambda", MetricName=metric, Dimensions=[{"Name": "FunctionName", "Value": name}],
            StartTime=now - timedelta(hours=1), EndTime=now + timedelta(minutes=1), Period=3600, Statistics=["Sum"],
        )["Datapoints"]  # fmt: skip
        return int(sum(point["Sum"] for point in points))

    eventually(lambda: total("Errors") >= 1 and total("Invocations") >= 3)
    # The failed event is tried again later, as on AWS; the others were counted once.
    assert total("Invocations") - total("Errors") == 2


ANSWERS = """
def handler(event, context):
    if event["requestContext"]["http"]["method"] == "POST":
        return {"statusCode": 200, "body": str(event["isBase64Encoded"]) + " " + event["body"]}
    body = "" if event["requestContext"]["http"]["method"] == "HEAD" else "é" * 9
    headers = {"Vary": "Accept-Encoding", "Content-Length": "18", "X-Correlation-Id": "12345678"}
    return {"statusCode": 200, "headers": headers, "body": body}
"""


@pytest.fixture(scope="module")
def api_url(emulator: Emulator) -> str:
    """An HTTP API that pages may use: `/open` is for everybody, `/closed` for those with a token."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("answers.py", ANSWERS)
    arn = client(emulator, "lambda").create_function(
        FunctionName=f"answers-{secrets.token_hex(4)}", Role=ROLE, Runtime="python3.13", Handler="answers.handler",
        Code={"ZipFile": package.getvalue()}, Environment={"Variables": {"FUNCTION": "http"}},
    )["FunctionArn"]  # fmt: skip
    gateway = client(emulator, "apigatewayv2")
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["GET"], "ExposeHeaders": ["etag", "x-correlation-id"]}
    api = gateway.create_api(Name=f"api-{secrets.token_hex(4)}", ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
    authorizer = gateway.create_authorizer(
        ApiId=api, Name="users", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": ["a"], "Issuer": "https://cognito-idp.us-east-1.amazonaws.com/none"},
    )["AuthorizerId"]  # fmt: skip
    target = (
        "integrations/"
        + gateway.create_integration(
            ApiId=api, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
        )["IntegrationId"]
    )
    for method in ("GET", "HEAD"):
        gateway.create_route(ApiId=api, RouteKey=f"{method} /open", Target=target)
        gateway.create_route(
            ApiId=api, RouteKey=f"{method} /closed", Target=target, AuthorizationType="JWT", AuthorizerId=authorizer
        )
    gateway.create_route(ApiId=api, RouteKey="POST /bodies", Target=target)
    gateway.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return f"{emulator.url}/_aws/execute-api/{api}"


@pytest.mark.parametrize(
    ("method", "path", "status", "message"),
    [
        ("GET", "/open", 200, None),
        ("GET", "/closed", 401, "Unauthorized"),
        ("GET", "/nowhere", 404, "Not Found"),
        ("POST", "/open", 404, "Not Found"),
    ],
)
def test_pages_may_read_what_the_gateway_answers(
    method: str, path: str, status: int, message: str | None, api_url: str
) -> None:
    answer = httpx.request(method, api_url + path, headers={"Origin": "https://example.com"}, timeout=30)
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-expose-headers"] == "etag,x-correlation-id"
    assert answer.headers.get("www-authenticate") == ("Bearer" if status == 401 else None)
    if message is None:
        assert (answer.text, answer.headers["vary"]) == ("é" * 9, "Accept-Encoding")
    else:
        assert (answer.headers["content-type"], answer.json()) == ("application/json", {"message": message})


@pytest.mark.parametrize(("path", "status"), [("/open", 200), ("/closed", 401), ("/nowhere", 404)])
def test_head_has_the_headers_of_get_and_no_body(path: str, status: int, api_url: str) -> None:
    get, head = (httpx.request(method, api_url + path, timeout=30) for method in ("GET", "HEAD"))
    assert (get.status_code, head.status_code, head.content) == (status, status, b"")
    differing = {"date", "apigw-requestid"}
    assert {n: v for n, v in head.headers.items() if n not in differing} == {
        n: v for n, v in get.headers.items() if n not in differing
    }


@pytest.mark.parametrize(("coding", "handed_over"), [({}, "False {}"), ({"Content-Encoding": "gzip"}, "True e30=")])
def test_compressed_bodies_are_handed_over_as_they_are(coding: dict[str, str], handed_over: str, api_url: str) -> None:
    headers = {"Content-Type": "application/json", **coding}
    assert httpx.post(f"{api_url}/bodies", content=b"{}", headers=headers, timeout=30).text == handed_over


def test_a_request_that_is_too_large_for_a_gateway_is_refused_by_it(api_url: str) -> None:
    for size, status in ((10 * 1024 * 1024 + 1, 413), (9, 200)):
        answer = httpx.post(
            f"{api_url}/bodies", content=b"x" * size, headers={"Content-Type": "text/plain"}, timeout=30
        )
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == "*"
