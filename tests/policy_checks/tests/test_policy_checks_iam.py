"""The small IAM decides as AWS documents it, and raises where it would have to guess."""

from typing import Any

import pytest

from policy_checks.errors import PolicyNotUnderstoodError
from policy_checks.iam import Decision, Principal, Request, decide, read_policy
from policy_checks.iam.matching import matches_action, matches_resource

ROLE = Principal("AWS", "arn:aws:iam::000000000000:role/reader")
OTHER = Principal("AWS", "arn:aws:iam::000000000000:role/other")
EVENTS = Principal("Service", "events.amazonaws.com")
QUEUE = "arn:aws:sqs:us-east-1:000000000000:letters"


def policy(*statements: dict[str, Any]) -> Any:
    return read_policy({"Version": "2012-10-17", "Statement": list(statements)}, "test")


def allow(action: Any, resource: Any = QUEUE, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any, resource: Any = QUEUE, **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def receive(resource: str = QUEUE, principal: Principal = ROLE, context: dict[str, str] | None = None) -> Request:
    return Request(principal, "sqs:ReceiveMessage", resource, context or {})


@pytest.mark.parametrize(
    ("statements", "decision"),
    [
        ([], Decision.NOT_ALLOWED),
        ([allow("sqs:ReceiveMessage")], Decision.ALLOWED),
        ([allow(["sqs:SendMessage", "sqs:ReceiveMessage"], ["arn:x", QUEUE])], Decision.ALLOWED),
        ([allow("sqs:SendMessage")], Decision.NOT_ALLOWED),
        ([allow("sqs:ReceiveMessage", f"{QUEUE}-dlq")], Decision.NOT_ALLOWED),
        ([allow("SQS:receivemessage")], Decision.ALLOWED),
        ([allow("sqs:Receive*")], Decision.ALLOWED),
        ([allow("*", "*")], Decision.ALLOWED),
        ([allow("sqs:*"), deny("sqs:ReceiveMessage")], Decision.DENIED),
        ([deny("sqs:DeleteMessage"), allow("sqs:*")], Decision.ALLOWED),
        ([deny("*", "*")], Decision.DENIED),
    ],
)
def test_a_deny_wins_then_any_allow_then_no(statements: list[dict[str, Any]], decision: Decision) -> None:
    assert decide(receive(), [policy(*statements)]) is decision


@pytest.mark.parametrize(
    ("pattern", "resource", "matches"),
    [
        ("arn:aws:s3:::b/*/images/*", "arn:aws:s3:::b/tenant/images/a.jpg", True),
        ("arn:aws:s3:::b/*/images/*", "arn:aws:s3:::b/tenant/thumbnails/a.jpg", False),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b", False),
        ("arn:aws:logs:r:1:log-group:/a:*", "arn:aws:logs:r:1:log-group:/a:log-stream:s", True),
        ("arn:aws:logs:r:1:log-group:/a:*", "arn:aws:logs:r:1:log-group:/ab:log-stream:s", False),
        ("arn:a?b", "arn:axb", True),
        ("arn:a?b", "arn:ab", False),
        # What means something in regular expressions means itself here.
        ("arn:a.b", "arn:axb", False),
        ("arn:[ab]", "arn:a", False),
    ],
)
def test_wildcards(pattern: str, resource: str, matches: bool) -> None:
    assert matches_resource(pattern, resource) is matches
    assert matches_action(pattern, resource.upper()) is matches


@pytest.mark.parametrize(
    ("condition", "context", "decision"),
    [
        ({"StringEquals": {"events:source": "a"}}, {"events:source": "a"}, Decision.ALLOWED),
        ({"StringEquals": {"EVENTS:Source": ["b", "a"]}}, {"events:source": "a"}, Decision.ALLOWED),
        ({"StringEquals": {"events:source": "a"}}, {"events:source": "A"}, Decision.NOT_ALLOWED),
        ({"StringEquals": {"events:source": "a*"}}, {"events:source": "ab"}, Decision.NOT_ALLOWED),
        ({"StringLike": {"events:source": "a*"}}, {"events:source": "ab"}, Decision.ALLOWED),
        ({"StringEquals": {"events:source": "a"}}, {}, Decision.NOT_ALLOWED),
        ({"ForAllValues:StringEquals": {"events:source": "a"}}, {"events:source": "a"}, Decision.ALLOWED),
        ({"ForAllValues:StringEquals": {"events:source": "a"}}, {"events:source": "b"}, Decision.NOT_ALLOWED),
        ({"ForAllValues:StringEquals": {"events:source": "a"}}, {}, Decision.ALLOWED),
        ({"Null": {"events:source": "false"}}, {"events:source": "a"}, Decision.ALLOWED),
        ({"Null": {"events:source": "false"}}, {}, Decision.NOT_ALLOWED),
        ({"Null": {"events:source": True}}, {}, Decision.ALLOWED),
        ({"ArnEquals": {"aws:SourceArn": QUEUE}}, {"aws:SourceArn": QUEUE}, Decision.ALLOWED),
        ({"ArnEquals": {"aws:SourceArn": "arn:aws:sqs:*:*:letters"}}, {"aws:SourceArn": QUEUE}, Decision.ALLOWED),
        ({"ArnLike": {"aws:SourceArn": "arn:aws:sqs:*:letters"}}, {"aws:SourceArn": QUEUE}, Decision.NOT_ALLOWED),
        ({"ArnLike": {"aws:SourceArn": f"{QUEUE}*"}}, {"aws:SourceArn": f"{QUEUE}:a/b"}, Decision.ALLOWED),
        ({"ArnLike": {"aws:SourceArn": QUEUE}}, {"aws:SourceArn": "letters"}, Decision.NOT_ALLOWED),
        ({"Bool": {"aws:SecureTransport": True}}, {}, Decision.ALLOWED),
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "false"}, Decision.NOT_ALLOWED),
        (
            {"StringEquals": {"a": "1"}, "ArnLike": {"aws:SourceArn": QUEUE}},
            {"a": "1", "aws:SourceArn": f"{QUEUE}-dlq"},
            Decision.NOT_ALLOWED,
        ),
    ],
)
def test_conditions(condition: Any, context: dict[str, str], decision: Decision) -> None:
    assert decide(receive(context=context), [policy(allow("sqs:*", Condition=condition))]) is decision


@pytest.mark.parametrize(
    ("principal", "decision"),
    [
        ("*", Decision.ALLOWED),
        ({"AWS": "*"}, Decision.ALLOWED),
        ({"AWS": ROLE.name}, Decision.ALLOWED),
        ({"AWS": OTHER.name}, Decision.NOT_ALLOWED),
        ({"Service": "events.amazonaws.com"}, Decision.NOT_ALLOWED),
        # It leaves the decision to the policies of the role, which has none here.
        ({"AWS": "arn:aws:iam::000000000000:root"}, Decision.NOT_ALLOWED),
    ],
)
def test_policies_of_resources_name_whom_they_mean(principal: Any, decision: Decision) -> None:
    assert decide(receive(), (), [policy(allow("sqs:*", Principal=principal))]) is decision


def test_within_an_account_either_policy_may_allow_and_either_may_deny() -> None:
    of_role, of_queue = policy(allow("sqs:*")), policy(deny("sqs:*", Principal="*"))
    assert decide(receive(), [of_role]) is Decision.ALLOWED
    assert decide(receive(), [of_role], [of_queue]) is Decision.DENIED
    of_account = policy(deny("sqs:*", Principal={"AWS": "arn:aws:iam::000000000000:root"}))
    assert decide(receive(), [of_role], [of_account]) is Decision.DENIED


def test_a_service_has_no_policy_but_that_of_the_resource() -> None:
    rule = "arn:aws:events:us-east-1:000000000000:rule/mine"
    condition = {"ArnEquals": {"aws:SourceArn": rule}}
    of_queue = policy(allow("sqs:*", Principal={"Service": EVENTS.name}, Condition=condition))
    assert decide(receive(principal=EVENTS, context={"aws:SourceArn": rule}), (), [of_queue]) is Decision.ALLOWED
    assert (
        decide(receive(principal=EVENTS, context={"aws:SourceArn": f"{rule}-not"}), (), [of_queue])
        is Decision.NOT_ALLOWED
    )


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "sqs:*", "Resource": QUEUE},
        {"Effect": "Allow", "Action": "sqs:*", "NotResource": QUEUE},
        {"Effect": "Deny", "Action": "sqs:*", "Resource": QUEUE, "NotPrincipal": "*"},
        allow("sqs:*", "arn:aws:sqs:::${aws:username}"),
        allow("sqs:*", Principal={"Federated": "somebody"}),
        allow("sqs:*", Principal="somebody"),
    ],
)
def test_what_is_not_known_is_not_guessed(statement: dict[str, Any]) -> None:
    with pytest.raises(PolicyNotUnderstoodError):
        policy(statement)


def test_an_unknown_operator_is_not_guessed_where_it_matters() -> None:
    conditions = {"Bool": {"aws:SecureTransport": "false"}, "DateLessThan": {"aws:CurrentTime": "2030"}}
    strange = policy(allow("sqs:*", Condition=conditions))
    with pytest.raises(PolicyNotUnderstoodError, match="DateLessThan"):
        decide(receive(), [strange])
    assert decide(receive("arn:another"), [strange]) is Decision.NOT_ALLOWED


def test_policies_of_another_version_are_refused() -> None:
    with pytest.raises(PolicyNotUnderstoodError, match="version"):
        read_policy({"Version": "2008-10-17", "Statement": []}, "test")
