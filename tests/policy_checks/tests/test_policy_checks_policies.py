"""Policies are parsed strictly into a normal form, and reasons are matched exactly."""

import json
from pathlib import Path
from typing import Any

import pytest

from manifests import load_manifests
from policy_checks.errors import PolicyNotUnderstoodError, ReasonsInvalidError
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import allows, refuses_without_tls, statements
from policy_checks.reasons import read_reasons
from policy_checks.terraform import Resource
from policy_checks.wildcards import wildcards_of
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
FUNCTION = "collections-dev-chat-events"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"
OUTPUTS = {
    "environment": "dev", "region": "us-east-1", "account": "000000000000", "user_pool_id": "pool",
    "database": {"host": "db", "port": 5432, "auth": "iam", "sslmode": "verify-full", "resource_id": "db-A"},
}  # fmt: skip


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, **more: Any) -> str:
    return document({"Effect": "Allow", "Action": action, "Resource": resource, **more})


def planned(*resources: tuple[str, dict[str, Any]]) -> PlannedEnvironment:
    return PlannedEnvironment(
        MANIFESTS, OUTPUTS, tuple(Resource(f"{type_}.x", type_, values) for type_, values in resources)
    )


def inline(policy: str) -> tuple[str, dict[str, Any]]:
    return "aws_iam_role_policy", {"role": FUNCTION, "policy": policy}


@pytest.mark.parametrize("quoted", [False, True])
def test_policies_are_compared_by_meaning(quoted: bool) -> None:
    one = {"Effect": "Allow", "Action": ["b", "a"], "Resource": "r", "Condition": {}}
    two = {"Sid": "x", "Effect": "Deny", "Action": "c", "Resource": ["s"], "Principal": "*"}
    written: Any = {"Version": "2012-10-17", "Statement": [one, two]}
    other: Any = {
        "Version": "2012-10-17",
        "Statement": [{**two, "Principal": {"AWS": "*"}}, {**one, "Action": ["a", "b"], "Resource": ["r"]}],
    }
    assert statements(json.dumps(written) if quoted else written) == statements(other)
    assert statements({**other, "Statement": one}) != statements({**other, "Statement": [{**one, "Action": "a"}]})
    (without_tls,) = statements(document({**two, "Condition": {"Bool": {"aws:SecureTransport": False}}}))
    assert refuses_without_tls(without_tls)
    assert not refuses_without_tls({**without_tls, "Principal": {"AWS": ["arn:x"]}})


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "sqs:*", "Resource": ARN},
        {"Effect": "Allow", "Action": "sqs:*", "NotResource": ARN},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": ARN, "NotPrincipal": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:::${aws:username}"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": ARN, "Principal": {"Federated": "somebody"}},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": ARN, "Principal": "somebody"},
    ],
)
def test_unsupported_statements_are_errors(statement: dict[str, Any]) -> None:
    with pytest.raises(PolicyNotUnderstoodError):
        statements(document(statement))


def test_policies_of_another_version_are_refused() -> None:
    with pytest.raises(PolicyNotUnderstoodError, match="version"):
        statements({"Version": "2008-10-17", "Statement": []})


def test_a_service_is_allowed_an_action_on_behalf_of_a_named_source() -> None:
    source = "arn:aws:cloudwatch:us-east-1:000000000000:alarm:a-1"

    def allowed(condition: dict[str, Any], action: str = "sns:Publish", service: str = "cloudwatch") -> bool:
        found = statements(allow("sns:Pub*", "arn:t", Principal={"Service": "cloudwatch"}, Condition=condition))
        return allows(found, service, action, "arn:t", source)

    assert allowed({"ArnLike": {"aws:SourceArn": source.replace("a-1", "a-*")}})
    assert allowed({"StringEquals": {"aws:SourceAccount": "000000000000"}})
    assert not allowed({"ArnLike": {"aws:SourceArn": source.replace("a-1", "b-*")}})
    assert not allowed({"StringEquals": {"aws:SourceAccount": "999999999999"}})
    assert not allowed({"StringEquals": {"aws:SourceAccount": "000000000000", "aws:SourceOrgID": "o"}})
    assert not allowed({}, action="sns:Subscribe")
    assert not allowed({}, service="budgets")


def reasons_in(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "reasons.yaml"
    file.write_text(json.dumps({"wildcards": list(entries)}), encoding="utf-8")
    return file


def reason(*actions: str, resource: str = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"effect": effect, "actions": list(actions), "resources": [resource], "reason": "Because of a good reason."}


def test_a_wildcard_needs_its_own_reason_and_a_reason_its_wildcard(tmp_path: Path) -> None:
    wild = planned(inline(allow("s3:*", "*")))
    wildcards = wildcards_of(wild)
    assert [(item.effect, item.action, item.resource) for item in wildcards] == [("Allow", "s3:*", "*")]
    for wrong in (reason("s3:Get*"), reason("s3:*", resource="arn:x"), reason("s3:*", effect="Deny")):
        reasons = read_reasons(reasons_in(tmp_path, wrong))
        assert reasons.unstated(wildcards) == wildcards
        assert len(reasons.unused(wildcards)) == 1
    reasons = read_reasons(reasons_in(tmp_path, reason("s3:*", "s3:Get*")))
    assert reasons.unstated(wildcards) == []
    assert reasons.unused(wildcards) == ["Allow s3:Get* on *"]


def test_names_of_an_environment_become_placeholders() -> None:
    logs = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{FUNCTION}:*"
    wild = planned(inline(allow("logs:PutLogEvents", logs)), inline(allow("sqs:SendMessage", "arn:q")))
    (found,) = wildcards_of(wild)
    assert found.resource == "arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{function}:*"


@pytest.mark.parametrize("entry", [{"effect": "Allow"}, {**reason("a"), "reason": "short"}, {**reason("a"), "more": 1}])
def test_an_incomplete_file_of_reasons_is_rejected(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ReasonsInvalidError, match=r"reasons\.yaml"):
        read_reasons(reasons_in(tmp_path, entry))
