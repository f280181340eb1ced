"""Topologies are compared item by item, and their one form leaves out what only one place can have."""

from typing import Any

import pytest

from manifests import DatabaseAddress, Deployment, Names, load_manifests
from policy_checks.topology import Key, differences, forms, topology_from_manifests
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)


def declared(environment: str = "dev", auth: Any = "iam") -> Any:
    address = DatabaseAddress("db.example", 5432, auth, "require", "db-A")
    return topology_from_manifests(
        MANIFESTS, Deployment(Names(environment, "us-east-1", "000000000000"), address, "https://sqs.example")
    )


def test_every_thing_and_every_setting_is_compared_in_both_directions() -> None:
    queue, rule = Key("queue", "q"), Key("rule", "r")
    left = {queue: {"retention": 1, "redrive": {"after": 5}, "list": [1, {"a": 2}]}}
    right = {queue: {"retention": 2, "redrive": {"after": 5, "to": "x"}, "list": [1, {"a": 3}]}, rule: {}}
    assert differences(left, right, "one", "two") == [
        "queue q: list[1].a: 2 in one, 3 in two",
        'queue q: redrive.to: absent in one, "x" in two',
        "queue q: retention: 1 in one, 2 in two",
        "rule r: only in two",
    ]
    assert differences(right, left, "two", "one")[-1] == "rule r: only in two"
    assert differences(left, left, "one", "two") == []


def test_lists_of_different_length_differ_as_a_whole() -> None:
    key = Key("rule", "r")
    assert differences({key: {"t": [1]}}, {key: {"t": [1, 2]}}, "one", "two") == [
        "rule r: t: [1] in one, [1, 2] in two"
    ]


def test_a_place_is_known_by_name_alone() -> None:
    here = {
        "QUEUE_URL": "http://127.0.0.1:4566/0/q",
        "DATABASE_HOST": "127.0.0.1",
        "GIT_SHA": "a",
        "OPENAI_BASE_URL": "x",
    }
    there = {"QUEUE_URL": "https://sqs.aws/0/q", "DATABASE_HOST": "db.aws", "GIT_SHA": "b", "OPENAI_BASE_URL": "y"}
    assert forms.variables(here) == forms.variables(there)
    assert forms.variables({**here, "QUEUE_URL": "http://127.0.0.1:4566/0/other"}) != forms.variables(there)
    assert forms.variables({"DATABASE_ROLE": "chat"}) != forms.variables({"DATABASE_ROLE": "search"})
    assert forms.variables({"GIT_SHA": "a"}) != forms.variables({})


@pytest.mark.parametrize("quoted", [False, True])
def test_policies_are_compared_by_what_they_say(quoted: bool) -> None:
    one = {"Effect": "Allow", "Action": ["b", "a"], "Resource": "r", "Condition": {}}
    two = {"Effect": "Deny", "Action": "c", "Resource": ["s"], "Principal": {"AWS": "x"}}
    document: Any = {"Version": "2012-10-17", "Statement": [one, two]}
    other: Any = {"Version": "2012-10-17", "Statement": [two, {**one, "Action": ["a", "b"], "Resource": ["r"]}]}
    if quoted:
        import json
        from urllib.parse import quote

        document = quote(json.dumps(document))
    assert forms.policy(document) == forms.policy(other)
    assert forms.senders(other) == [item for item in forms.policy(other) if item["Effect"] == "Allow"]
    assert forms.policy({**other, "Statement": [one]}) != forms.policy({**other, "Statement": [{**one, "Action": "a"}]})


def test_patterns_are_compared_as_sets() -> None:
    assert forms.pattern('{"a": [2, {"exists": false}, 1]}') == forms.pattern({"a": [1, 2, {"exists": False}]})
    assert forms.pattern('{"a": [1]}') != forms.pattern('{"a": [1, 2]}')
    assert forms.pattern("") is None


def test_the_receive_count_is_a_number_however_it_is_told() -> None:
    assert forms.redrive('{"deadLetterTargetArn": "d", "maxReceiveCount": "5"}') == {"to": "d", "after": 5}
    assert forms.redrive("") is None


def test_what_is_declared_depends_on_the_place_in_names_alone() -> None:
    dev, prod = declared(), declared("prod")
    assert {Key(key.kind, key.name.replace("-dev", "-prod")) for key in dev} == set(prod)
    assert differences(dev, prod, "dev", "prod") != []
    by_token, by_password = declared(), declared(auth="password")
    roles = {line.partition(":")[0] for line in differences(by_token, by_password, "a", "b") if line.startswith("role")}
    assert len(roles) == len(MANIFESTS.functions)
