"""Topologies are compared setting by setting, excluding values of one deployment."""

from dataclasses import replace
from typing import Any

import pytest

from manifests import load_manifests
from manifests.topology import EventBus, LambdaFunction, LogGroup, Queue, Redrive, Resource, Role, Rule, Topology
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.terraform import Resource as Planned
from policy_checks.topology import differences, topology_from_terraform
from policy_checks.topology.comparing import variables
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
OUTPUTS = {"environment": "dev", "region": "us-east-1", "account": "000000000000"}
NOBODY: dict[str, Any] = {"Version": "2012-10-17", "Statement": []}
QUEUE = Queue(name="q", retention_s=1, max_bytes=9, policy=NOBODY, redrive=Redrive(queue_arn="d", max_receives=5))
RULE = Rule(name="r", bus="b", pattern={"a": [1, {"exists": False}]})
FUNCTION = LambdaFunction(
    name="f", service="s", handler="h", runtime="r", architecture="a", memory_mb=1, timeout_s=1, role_arn="r",
    variables={},
)  # fmt: skip


def different(left: Resource, right: Resource) -> list[str]:
    return differences(Topology((left,)), Topology((right,)), "one", "two")


def test_every_resource_and_every_setting_is_compared_in_both_directions() -> None:
    left = Topology((QUEUE,))
    right = Topology((replace(QUEUE, retention_s=2, redrive=Redrive(queue_arn="e", max_receives=5)), RULE))
    assert differences(left, right, "one", "two") == [
        'queue q: redrive.queue_arn: "d" in one, "e" in two',
        "queue q: retention_s: 1 in one, 2 in two",
        "rule b/r: only in two",
    ]
    assert differences(right, left, "two", "one")[-1] == "rule b/r: only in two"
    assert differences(left, left, "one", "two") == []


def test_resources_of_the_same_name_differ_by_kind_and_rules_by_bus() -> None:
    assert different(EventBus(name="x"), LogGroup(name="x", retention_days=1)) == [
        "event bus x: only in one",
        "log group x: only in two",
    ]
    assert different(RULE, replace(RULE, bus="c")) == ["rule b/r: only in one", "rule c/r: only in two"]


def test_lists_are_compared_as_sets() -> None:
    assert different(RULE, replace(RULE, pattern={"a": [{"exists": False}, 1]})) == []
    assert different(RULE, replace(RULE, pattern={"a": [1]})) == [
        'rule b/r: pattern.a: [1, {"exists": false}] in one, [1] in two'
    ]


def test_a_setting_that_only_one_has_is_named() -> None:
    assert different(replace(FUNCTION, variables={"A": "1"}), FUNCTION) == [
        'lambda function f: variables.A: "1" in one, absent in two'
    ]


def test_variables_of_the_deployment_are_compared_by_name() -> None:
    here = {
        "QUEUE_URL": "http://127.0.0.1:4566/0/q",
        "DATABASE_HOST": "127.0.0.1",
        "GIT_SHA": "a",
        "OPENAI_BASE_URL": "x",
    }
    there = {"QUEUE_URL": "https://sqs.aws/0/q", "DATABASE_HOST": "db.aws", "GIT_SHA": "b", "OPENAI_BASE_URL": "y"}
    assert variables(here) == variables(there)
    assert different(replace(FUNCTION, variables=here), replace(FUNCTION, variables=there)) == []
    assert variables({**here, "QUEUE_URL": "http://127.0.0.1:4566/0/other"}) != variables(there)
    assert variables({"DATABASE_ROLE": "chat"}) != variables({"DATABASE_ROLE": "search"})
    assert variables({"GIT_SHA": "a"}) != variables({})


_DECLARED: dict[str, Any] = {"Effect": "Allow", "Action": ["sqs:SendMessage"], "Resource": ["arn:q"]}


@pytest.mark.parametrize(
    "statements",
    [
        [{**_DECLARED, "Action": ["sqs:SendMessage", "sqs:PurgeQueue"]}],
        [{**_DECLARED, "Resource": ["*"]}],
        [{**_DECLARED, "Resource": ["arn:other"]}],
        [{**_DECLARED, "Condition": {"StringEquals": {"aws:SourceAccount": "1"}}}],
        [{**_DECLARED, "Effect": "Deny"}],
        [_DECLARED, {**_DECLARED, "Action": "s3:GetObject"}],
        [],
    ],
    ids=["action", "wildcard", "resource", "condition", "effect", "second statement", "none"],
)
def test_policies_of_roles_are_compared_statement_by_statement(statements: list[dict[str, Any]]) -> None:
    def role(*found: dict[str, Any]) -> Role:
        return Role(name="f", trust=NOBODY, policies={"declared": {"Version": "2012-10-17", "Statement": list(found)}})

    assert different(role(_DECLARED), role({**_DECLARED, "Sid": "x", "Action": "sqs:SendMessage"})) == []
    (line, *_) = different(role(_DECLARED), role(*statements))
    assert line.startswith("role f: policies.declared")


def test_only_the_denial_of_requests_without_tls_is_ignored() -> None:
    denial = {
        "Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "arn:q",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip

    def senders(statement: dict[str, Any]) -> Any:
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        values = {"name": "q", "policy": policy, "message_retention_seconds": 1, "max_message_size": 1}
        planned = PlannedEnvironment(MANIFESTS, OUTPUTS, (Planned("q", "aws_sqs_queue", values),))
        return topology_from_terraform(planned).only(Queue).policy["Statement"]

    assert senders(denial) == []
    assert senders({**denial, "Condition": {}}) != []
