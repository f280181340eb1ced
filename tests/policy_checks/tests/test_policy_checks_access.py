"""What functions may do is read from every kind of policy, and stated reasons are compared exactly."""

import json
from pathlib import Path
from typing import Any

import pytest

from manifests import load_manifests
from policy_checks.access import EffectivePolicies, capabilities_of, read_effective_policies, read_reasons, wildcards_of
from policy_checks.errors import PolicyNotUnderstoodError, ReasonsInvalidError
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.terraform import Resource
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
FUNCTION = "collections-dev-chat-events"
ARN = f"arn:aws:lambda:us-east-1:000000000000:function:{FUNCTION}"
OUTPUTS = {
    "environment": "dev", "region": "us-east-1", "account": "000000000000", "user_pool_id": "pool",
    "database": {"host": "db", "port": 5432, "auth": "iam", "sslmode": "verify-full", "resource_id": "db-A"},
}  # fmt: skip
TRUST = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: str, resource: str, **more: Any) -> str:
    return document({"Effect": "Allow", "Action": action, "Resource": resource, **more})


def planned(*resources: tuple[str, dict[str, Any]]) -> PlannedEnvironment:
    function = {"function_name": FUNCTION, "role": f"arn:aws:iam::000000000000:role/{FUNCTION}"}
    role = {"name": FUNCTION, "assume_role_policy": document(TRUST)}
    found = [("aws_lambda_function", function), ("aws_iam_role", role), *resources]
    return PlannedEnvironment(
        MANIFESTS, OUTPUTS, tuple(Resource(f"{type_}.x", type_, values) for type_, values in found)
    )


def policies(*resources: tuple[str, dict[str, Any]]) -> EffectivePolicies:
    return read_effective_policies(planned(*resources))


def inline(policy: str) -> tuple[str, dict[str, Any]]:
    return "aws_iam_role_policy", {"role": FUNCTION, "policy": policy}


@pytest.mark.parametrize(
    "resources",
    [
        [inline(allow("sqs:SendMessage", "arn:q"))],
        [
            ("aws_iam_policy", {"arn": "arn:p", "policy": allow("sqs:SendMessage", "arn:q")}),
            ("aws_iam_role_policy_attachment", {"role": FUNCTION, "policy_arn": "arn:p"}),
        ],
        [("aws_sqs_queue_policy", {"policy": allow("sqs:SendMessage", "arn:q", Principal="*")})],
        [("aws_sqs_queue", {"policy": allow("sqs:SendMessage", "arn:q", Principal={"AWS": "*"})})],
    ],
    ids=["inline", "attached", "policy of the queue", "inside of the queue"],
)
def test_a_permission_is_found_wherever_it_stands(resources: list[Any]) -> None:
    found = policies(*resources)
    assert found.may(FUNCTION, "sqs:SendMessage", "arn:q")
    assert not found.may(FUNCTION, "sqs:SendMessage", "arn:other")
    assert not policies().may(FUNCTION, "sqs:SendMessage", "arn:q")


def test_permissions_of_lambda_are_for_whom_they_name() -> None:
    permission = {
        "function_name": FUNCTION, "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com",
        "source_arn": "arn:aws:events:us-east-1:000000000000:rule/mine",
    }  # fmt: skip
    found = policies(("aws_lambda_permission", permission))
    mine, other = (
        {"aws:SourceArn": f"arn:aws:events:us-east-1:000000000000:rule/{rule}"} for rule in ("mine", "other")
    )
    assert found.service_may("events.amazonaws.com", "lambda:InvokeFunction", ARN, mine)
    assert not found.service_may("events.amazonaws.com", "lambda:InvokeFunction", ARN, other)
    assert not found.service_may("sns.amazonaws.com", "lambda:InvokeFunction", ARN, mine)
    assert not found.may(FUNCTION, "lambda:InvokeFunction", ARN)


@pytest.mark.parametrize(
    "resource",
    [
        (
            "aws_iam_role_policy_attachment",
            {"role": FUNCTION, "policy_arn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        ("aws_iam_role", {"name": "x", "assume_role_policy": document(TRUST), "inline_policy": [{"policy": "{}"}]}),
        ("aws_iam_user_policy", {"policy": allow("*", "*")}),
        ("aws_ecr_repository_policy", {"policy": allow("*", "*")}),
        ("aws_lambda_permission", {"function_name": FUNCTION, "principal_org_id": "o-1"}),
    ],
    ids=lambda resource: resource[0],
)
def test_what_is_not_known_is_not_passed_over(resource: tuple[str, dict[str, Any]]) -> None:
    with pytest.raises(PolicyNotUnderstoodError):
        policies(resource)


def test_each_kind_of_capability_has_holders_or_is_the_operators() -> None:
    found = capabilities_of(planned())
    held = {capability.kind for capability in found if capability.holders}
    owned = {capability.kind for capability in found if capability.owners}
    nobodys = {capability.kind for capability in found if not capability.owners}
    assert held == {"publish", "queue", "secret", "database", "table", "image", "log"}
    assert owned == held | {"function", "role", "rule"}
    assert nobodys >= {"publish", "queue", "database", "package", "replay", "alarm", "user"}
    services = set(MANIFESTS.services)
    assert {holder.partition(".")[0] for capability in found for holder in capability.holders} == services
    assert len({(item.action, item.resource, *item.context.values()) for item in found}) == len(found)


def reasons_in(folder: Path, *entries: dict[str, Any]) -> Path:
    file = folder / "reasons.yaml"
    file.write_text(json.dumps({"wildcards": list(entries)}), encoding="utf-8")
    return file


def reason(*actions: str, resource: str = "*", effect: str = "Allow") -> dict[str, Any]:
    return {"effect": effect, "actions": list(actions), "resources": [resource], "reason": "Because of a good reason."}


def test_a_wildcard_needs_its_own_reason_and_a_reason_its_wildcard(tmp_path: Path) -> None:
    wild = planned(inline(allow("s3:*", "*")))
    wildcards = wildcards_of(wild, read_effective_policies(wild))
    assert [(item.effect, item.action, item.resource) for item in wildcards] == [("Allow", "s3:*", "*")]
    for wrong in (reason("s3:Get*"), reason("s3:*", resource="arn:x"), reason("s3:*", effect="Deny")):
        reasons = read_reasons(reasons_in(tmp_path, wrong))
        assert reasons.unstated(wildcards) == wildcards
        assert len(reasons.unused(wildcards)) == 1
    reasons = read_reasons(reasons_in(tmp_path, reason("s3:*", "s3:Get*")))
    assert reasons.unstated(wildcards) == []
    assert reasons.unused(wildcards) == ["Allow s3:Get* on *"]


def test_names_of_a_place_are_not_part_of_a_reason() -> None:
    logs = f"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/{FUNCTION}:*"
    wild = planned(inline(allow("logs:PutLogEvents", logs)), inline(allow("sqs:SendMessage", "arn:q")))
    (found,) = wildcards_of(wild, read_effective_policies(wild))
    assert found.resource == "arn:aws:logs:{region}:{account}:log-group:/aws/lambda/{function}:*"


@pytest.mark.parametrize("entry", [{"effect": "Allow"}, {**reason("a"), "reason": "short"}, {**reason("a"), "more": 1}])
def test_a_file_of_reasons_that_says_too_little_is_refused(entry: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ReasonsInvalidError, match=r"reasons\.yaml"):
        read_reasons(reasons_in(tmp_path, entry))
