"""Policy documents in a normal form, and where an environment has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from policy_checks.errors import PolicyNotUnderstoodError
from policy_checks.planned_environment import PlannedEnvironment

# Sorted lists of strings; the principal by kind, `*` as an AWS principal; no Sid.
Statement = Mapping[str, Any]

# Resources that have a policy of their own, and the attribute it is in.
RESOURCE_POLICIES: Final[Mapping[str, str]] = {
    "aws_cloudwatch_event_bus_policy": "policy",
    "aws_cloudwatch_log_resource_policy": "policy_document",
    "aws_dynamodb_resource_policy": "policy",
    "aws_kms_key": "policy",
    "aws_s3_bucket_policy": "policy",
    "aws_schemas_registry_policy": "policy",
    "aws_secretsmanager_secret": "policy",
    "aws_secretsmanager_secret_policy": "policy",
    "aws_sns_topic": "policy",
    "aws_sns_topic_policy": "policy",
    "aws_sqs_queue": "policy",
    "aws_sqs_queue_policy": "policy",
}
_KEYS: Final = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
_WITHOUT_TLS: Final = {"Bool": {"aws:SecureTransport": ["false"]}}
_EVERYBODY: Final = {"AWS": ["*"]}


def statements(document: Any, origin: str = "a policy") -> list[Statement]:
    """The statements of a policy, sorted. Raises PolicyNotUnderstoodError for what that form cannot express."""
    parsed: Any = json.loads(document) if isinstance(document, str) else document
    if parsed.get("Version") != "2012-10-17":
        raise PolicyNotUnderstoodError(f"{origin}: version {parsed.get('Version')!r}")
    found = parsed["Statement"]
    read = [_statement(item, origin) for item in (found if isinstance(found, list) else [found])]
    return sorted(read, key=lambda statement: json.dumps(statement, sort_keys=True))


def policies_of_roles(planned: PlannedEnvironment) -> Iterator[tuple[str, list[Statement]]]:
    """Address and statements of roles' inline policies, and of managed policies for operators."""
    for policy in planned.of_type("aws_iam_role_policy", "aws_iam_policy"):
        yield policy.address, statements(policy["policy"], policy.address)


def policies_of_resources(planned: PlannedEnvironment, *types: str) -> Iterator[tuple[str, list[Statement]]]:
    """Address and statements of resource policies; of all types that have one, unless types are given."""
    for type_ in types or RESOURCE_POLICIES:
        for resource in planned.of_type(type_):
            document = resource[RESOURCE_POLICIES[type_]]
            if document not in ("", "{}", None):
                yield resource.address, statements(document, resource.address)


def refuses_without_tls(statement: Statement) -> bool:
    """Whether it denies requests without TLS, to all principals, and nothing else."""
    return (statement["Effect"], statement.get("Principal"), statement.get("Condition")) == (
        "Deny",
        _EVERYBODY,
        _WITHOUT_TLS,
    )


def allows(found: Iterable[Statement], service: str, action: str, resource: str, source: str) -> bool:
    """Whether an AWS service may perform an action on behalf of a source (an ARN); conditions on anything else
    count as not met."""
    return any(
        statement["Effect"] == "Allow"
        and service in statement.get("Principal", {}).get("Service", ())
        and any(fnmatchcase(action, pattern) for pattern in statement["Action"])
        and any(fnmatchcase(resource, pattern) for pattern in statement["Resource"])
        and all(
            _is_source(key, values, source)
            for tests in statement.get("Condition", {}).values()
            for key, values in tests.items()
        )
        for statement in found
    )


def _is_source(key: str, values: Iterable[str], source: str) -> bool:
    actual = {"aws:SourceArn": source, "aws:SourceAccount": source.split(":")[4]}.get(key)
    return actual is not None and any(fnmatchcase(actual, value) for value in values)


def _statement(item: Mapping[str, Any], origin: str) -> Statement:
    if strange := set(item) - _KEYS:
        raise PolicyNotUnderstoodError(f"{origin}: {', '.join(sorted(strange))} in a statement")
    form: dict[str, Any] = {"Effect": item["Effect"], "Action": _texts(item["Action"], origin)}
    if "Resource" in item:
        form["Resource"] = _texts(item["Resource"], origin)
    if "Principal" in item:
        principal = _EVERYBODY if item["Principal"] == "*" else item["Principal"]
        if not isinstance(principal, Mapping) or set(principal) - {"AWS", "Service"}:
            raise PolicyNotUnderstoodError(f"{origin}: principal {principal!r}")
        form["Principal"] = {kind: _texts(names, origin) for kind, names in principal.items()}
    if item.get("Condition"):
        form["Condition"] = {
            operator: {key: _texts(values, origin) for key, values in tests.items()}
            for operator, tests in item["Condition"].items()
        }
    return form


def _texts(found: Any, origin: str) -> list[str]:
    """A string or a list of strings; booleans may be unquoted."""
    values = found if isinstance(found, list | tuple) else [found]
    texts = sorted(str(value).lower() if isinstance(value, bool) else str(value) for value in values)
    if variables := [text for text in texts if "${" in text]:
        raise PolicyNotUnderstoodError(f"{origin}: policy variable in {variables[0]!r}")
    return texts
