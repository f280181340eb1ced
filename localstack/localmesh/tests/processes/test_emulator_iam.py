"""The emulator with IAM enforcement: a function may do what its role's policy allows, and nothing else."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import pytest
from botocore.config import Config

from localmesh.emulator import Emulator

pytestmark = pytest.mark.integration

ACCOUNT = "000000000000"
SOURCE = """
import boto3
from botocore.exceptions import ClientError

def publish(source):
    entry = {"Source": source, "DetailType": "t", "Detail": "{}", "EventBusName": "bus"}
    return boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"]

def handler(event, context):
    print("called")
    trials = {
        "own source": lambda: publish("collections.own"),
        "foreign source": lambda: publish("collections.other"),
        "read": lambda: boto3.client("s3").get_object(Bucket="images", Key="tenant/a")["ContentLength"],
        "write": lambda: boto3.client("s3").put_object(Bucket="images", Key="tenant/a", Body=b"")["ETag"],
    }
    seen = {}
    for name, trial in trials.items():
        try:
            seen[name] = trial()
        except ClientError as error:
            seen[name] = error.response["Error"]["Code"]
    return seen
"""
POLICY = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "events:PutEvents",
            "Resource": f"arn:aws:events:us-east-1:{ACCOUNT}:event-bus/bus",
            "Condition": {
                "ForAllValues:StringEquals": {"events:source": "collections.own"},
                "Null": {"events:source": "false"},
            },
        },
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::images/*"},
    ],
}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


@pytest.fixture(scope="module")
def enforcing(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with Emulator(tmp_path_factory.mktemp("iam"), iam=True) as server:
        s3 = server.session.client("s3")
        s3.create_bucket(Bucket="images")
        s3.put_object(Bucket="images", Key="tenant/a", Body=b"body")
        yield server


def run_with(emulator: Emulator, name: str, policy: dict[str, Any] | None) -> dict[str, Any]:
    iam, lambdas, events = (emulator.session.client(service) for service in ("iam", "lambda", "events"))
    if "bus" not in {bus["Name"] for bus in events.list_event_buses()["EventBuses"]}:
        events.create_event_bus(Name="bus")
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    if policy is not None:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy))
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("trial.py", SOURCE)
    lambdas.create_function(
        FunctionName=name, Role=role, Runtime="python3.13", Handler="trial.handler", Timeout=30,
        Code={"ZipFile": package.getvalue()},
    )  # fmt: skip
    seen: dict[str, Any] = json.load(lambdas.invoke(FunctionName=name, Payload=b"{}")["Payload"])
    return seen


def test_a_role_without_policies_may_do_nothing(enforcing: Emulator) -> None:
    assert run_with(enforcing, "bare", None) == {
        "own source": "AccessDeniedException",
        "foreign source": "AccessDeniedException",
        "read": "AccessDenied",
        "write": "AccessDenied",
    }


def test_a_role_may_do_what_its_policy_allows(enforcing: Emulator) -> None:
    assert run_with(enforcing, "allowed", POLICY) == {
        "own source": 0,
        "foreign source": "AccessDeniedException",
        "read": 4,
        "write": "AccessDenied",
    }


def test_links_work_only_as_signed(enforcing: Emulator) -> None:
    signing = Config(signature_version="s3v4", s3={"addressing_style": "path"})
    s3 = enforcing.session.client("s3", config=signing)
    link = s3.generate_presigned_url("get_object", Params={"Bucket": "images", "Key": "tenant/a"}, ExpiresIn=60)
    assert httpx.get(link).content == b"body"
    assert httpx.get(link.replace("tenant/a", "tenant/b")).status_code == 403
    assert httpx.get(link.partition("?")[0]).status_code == 403
