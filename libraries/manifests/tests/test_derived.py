"""Names, environment variables, patterns and policies that are derived from manifests."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from manifests import (
    Build,
    DatabaseAddress,
    Deployment,
    FunctionRef,
    Names,
    NameTooLongError,
    aws_pattern,
    bus_pattern,
    function_environment,
    function_policy,
    load_manifests,
    queue_policy,
    queue_visibility_s,
    replayed_pattern,
    schedule_input,
    schedules_queue_policy,
)

NAMES = Names("test", "eu-west-1", "123456789012")
DEPLOYMENT = Deployment(
    names=NAMES,
    database=DatabaseAddress("db.example", 5432, "password", "require"),
    queue_url_base="https://sqs.eu-west-1.amazonaws.com",
    build=Build(git_sha="abc"),
    extra={"VOYAGE_BASE_URL": "http://127.0.0.1:1/voyage/v1"},
)
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/collections-test"


@pytest.fixture
def functions(root: Path) -> dict[str, FunctionRef]:
    return {f"{ref.service.service}.{ref.name}": ref for ref in load_manifests(root).functions}


def actions(policy: dict[str, Any]) -> dict[str, list[str]]:
    """Resources by action."""
    found: dict[str, list[str]] = {}
    for item in policy["Statement"]:
        for action in item["Action"]:
            found.setdefault(action, []).extend(item["Resource"])
    return found


def test_names(functions: dict[str, FunctionRef]) -> None:
    ref = functions["listener.events"]
    assert NAMES.function(ref) == "collections-test-listener-events"
    assert NAMES.dead_letter_queue(ref) == "collections-test-listener-events-dlq"
    assert NAMES.images_bucket == f"collections-test-images-{NAMES.account}"
    assert NAMES.parameter("voyage-api-key") == "/collections/test/voyage-api-key"
    assert NAMES.rule_arn("r") == "arn:aws:events:eu-west-1:123456789012:rule/r"
    assert NAMES.rule_arn("r", "b") == "arn:aws:events:eu-west-1:123456789012:rule/b/r"
    with pytest.raises(NameTooLongError):
        Names("e" * 40, "eu-west-1", "123456789012").function(ref)


def test_environment_of_an_http_function(root: Path, functions: dict[str, FunctionRef]) -> None:
    variables = function_environment(load_manifests(root), DEPLOYMENT, functions["talker.http"])
    expected = {
        "SERVICE": "talker",
        "FUNCTION": "http",
        "ENVIRONMENT": "test",
        "EVENT_BUS": "collections-test",
        "IMAGES_BUCKET": f"collections-test-images-{NAMES.account}",
        "PARAMETER_PREFIX": "/collections/test",
        "DATABASE_ROLE": "talker",
        "DATABASE_SCHEMA": "talker",
        "DATABASE_NAME": "collections",
        "DATABASE_PORT": "5432",
        "TABLE_NOTES": "collections-test-notes",
        "GREETING": "hello",
        "GIT_SHA": "abc",
        "VOYAGE_BASE_URL": "http://127.0.0.1:1/voyage/v1",
    }
    assert expected.items() <= variables.items()
    assert not {"QUEUE_URL", "DEAD_LETTER_QUEUE_URL", "MAX_RECEIVES"} & set(variables)


def test_environment_of_a_consumer_without_database(root: Path, functions: dict[str, FunctionRef]) -> None:
    variables = function_environment(load_manifests(root), DEPLOYMENT, functions["listener.events"])
    url = "https://sqs.eu-west-1.amazonaws.com/123456789012/collections-test-listener-events"
    expected = {"QUEUE_URL": url, "DEAD_LETTER_QUEUE_URL": f"{url}-dlq", "MAX_RECEIVES": "4"}
    assert expected.items() <= variables.items()
    assert not any(name.startswith("DATABASE_") for name in variables)


def test_patterns(functions: dict[str, FunctionRef]) -> None:
    ref = functions["listener.events"]
    assert bus_pattern(ref) == {
        "detail-type": ["collections.talker.thing-added.v1"],
        "detail": {"replayfor": [{"exists": False}]},
    }
    assert replayed_pattern(ref) == {
        "detail-type": ["collections.talker.thing-added.v1"],
        "detail": {"replayfor": ["listener"]},
    }
    assert bus_pattern(functions["talker.http"]) is None
    (event,) = ref.service.aws_events_of("events")
    assert aws_pattern(NAMES, event)["detail"] == {
        "bucket": {"name": [f"collections-test-images-{NAMES.account}"]},
        "object": {"key": [{"wildcard": "*/images/*"}]},
    }
    assert schedule_input(functions["talker.relay"])["function"] == "relay"
    assert queue_visibility_s(ref) == 120


def test_a_policy_allows_what_is_declared(functions: dict[str, FunctionRef]) -> None:
    policy = function_policy(DEPLOYMENT, functions["talker.http"])
    bucket, parameter = (
        f"arn:aws:s3:::collections-test-images-{NAMES.account}",
        "arn:aws:ssm:eu-west-1:123456789012:parameter",
    )
    table = "arn:aws:dynamodb:eu-west-1:123456789012:table/collections-test-notes"
    parameters = [f"{parameter}/collections/test/voyage-api-key", f"{parameter}/collections/test/database/talker"]
    found = actions(policy)
    assert found["events:PutEvents"] == [BUS]
    assert found["s3:GetObject"] == [f"{bucket}/*/images/*"]
    assert found["s3:PutObject"] == [f"{bucket}/*/images/*", f"{bucket}/*/renditions/*"]
    assert found["s3:DeleteObject"] == [f"{bucket}/*/renditions/*"]
    assert found["s3:DeleteObjectVersion"] == found["s3:DeleteObject"]
    assert found["s3:ListBucket"] == found["s3:ListBucketVersions"] == [bucket]
    assert found["dynamodb:PutItem"] == [table]
    assert found["dynamodb:Query"] == [table, f"{table}/index/by_time"]
    assert found["ssm:GetParameter"] == parameters
    assert set(found) == {
        "logs:CreateLogStream", "logs:PutLogEvents", "events:PutEvents", "s3:GetObject", "s3:PutObject",
        "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:ListBucket", "s3:ListBucketVersions",
        "dynamodb:BatchGetItem", "dynamodb:ConditionCheckItem", "dynamodb:GetItem",
        "dynamodb:Query", "dynamodb:BatchWriteItem", "dynamodb:DeleteItem", "dynamodb:PutItem", "dynamodb:UpdateItem",
        "ssm:GetParameter", "ssm:GetParameters",
    }  # fmt: skip
    (publish,) = [item for item in policy["Statement"] if item["Action"] == ["events:PutEvents"]]
    assert publish["Condition"] == {
        "ForAllValues:StringEquals": {"events:source": "collections.talker"},
        "Null": {"events:source": "false"},
    }


def test_a_policy_allows_nothing_else(functions: dict[str, FunctionRef]) -> None:
    queue = "arn:aws:sqs:eu-west-1:123456789012:collections-test-listener-events"
    found = actions(function_policy(DEPLOYMENT, functions["listener.events"]))
    group = found.pop("logs:PutLogEvents")
    own = "arn:aws:logs:eu-west-1:123456789012:log-group:/aws/lambda/collections-test-listener-events"
    assert group == [own, f"{own}:*"]
    assert found.pop("logs:CreateLogStream") == group
    assert found == {
        "sqs:ChangeMessageVisibility": [queue, f"{queue}-replayed", f"{queue}-dlq"],
        "sqs:DeleteMessage": [queue, f"{queue}-replayed", f"{queue}-dlq"],
        "sqs:GetQueueAttributes": [queue, f"{queue}-replayed", f"{queue}-dlq"],
        "sqs:ReceiveMessage": [queue, f"{queue}-replayed", f"{queue}-dlq"],
        "sqs:SendMessage": [f"{queue}-dlq"],
    }


def test_a_function_may_ask_how_much_waits_in_another_queue_of_its_service(
    root: Path, change: Callable[[str, str, object], None]
) -> None:
    asking = {"handler": "listener.handler.ask", "schedule": "rate(1 hour)", "backlog_of": "events"}
    change("listener", "functions.asking", asking)
    manifests = load_manifests(root)
    ref = FunctionRef(manifests.services["listener"], "asking", manifests.services["listener"].functions["asking"])
    found = actions(function_policy(DEPLOYMENT, ref))
    queue = "collections-test-listener-events"
    assert {name: where for name, where in found.items() if name.startswith("sqs:")} == {
        "sqs:GetQueueAttributes": [f"arn:aws:sqs:eu-west-1:123456789012:{queue}"]
    }
    variables = function_environment(manifests, DEPLOYMENT, ref)
    assert variables["BACKLOG_QUEUE_URL"] == f"https://sqs.eu-west-1.amazonaws.com/123456789012/{queue}"
    assert "QUEUE_URL" not in variables


def test_iam_authentication_replaces_the_password(functions: dict[str, FunctionRef]) -> None:
    address = DatabaseAddress("db.example", 5432, "iam", "verify-full", resource_id="db-ABC")
    found = actions(function_policy(dataclasses.replace(DEPLOYMENT, database=address), functions["talker.relay"]))
    assert found["rds-db:connect"] == ["arn:aws:rds-db:eu-west-1:123456789012:dbuser:db-ABC/talker"]
    assert "ssm:GetParameter" not in found
    assert found["xray:PutTraceSegments"] == ["*"]


def test_only_the_rules_of_a_function_may_send_to_its_queue(functions: dict[str, FunctionRef]) -> None:
    (statement,) = queue_policy("arn:queue", ["arn:rule"])["Statement"]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": ["arn:rule"]}}


def test_only_rules_of_the_environment_may_send_to_the_queue_of_failed_schedules() -> None:
    (statement,) = schedules_queue_policy(NAMES)["Statement"]
    assert statement["Resource"] == "arn:aws:sqs:eu-west-1:123456789012:collections-test-schedules-dlq"
    assert statement["Condition"]["ArnLike"]["aws:SourceArn"].endswith(":rule/collections-test-*")


def test_root_certificates_come_with_verification_turned_on(root: Path, functions: dict[str, FunctionRef]) -> None:
    address = DatabaseAddress("db.example", 5432, "iam", "verify-full", resource_id="db-ABC")
    verifying = dataclasses.replace(DEPLOYMENT, database=address)
    manifests, ref = load_manifests(root), functions["talker.http"]
    variables = function_environment(manifests, verifying, ref)
    assert variables["DATABASE_SSLROOTCERT"] == "/var/task/chassis/rds-ca.pem"
    assert "DATABASE_SSLROOTCERT" not in function_environment(manifests, DEPLOYMENT, ref)


REPOSITORY = Path(__file__).resolve().parents[3]


def test_the_manifests_of_this_repository_stay_within_the_limits_of_aws() -> None:
    manifests = load_manifests(REPOSITORY)
    assert len(manifests.services) == 7
    for ref in manifests.functions:
        assert len(json.dumps(function_policy(DEPLOYMENT, ref))) < 10_240
        assert len(json.dumps(bus_pattern(ref))) < 2_048
        assert len(json.dumps(function_environment(manifests, DEPLOYMENT, ref))) < 4_096


def test_no_function_of_this_repository_has_a_wildcard_for_a_resource_it_could_name() -> None:
    for ref in load_manifests(REPOSITORY).functions:
        for statement in function_policy(DEPLOYMENT, ref)["Statement"]:
            if not statement["Action"][0].startswith("xray:"):
                assert "*" not in statement["Resource"]
