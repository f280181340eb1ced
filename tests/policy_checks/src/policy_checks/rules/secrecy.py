"""No secret is in plan or state: both end up on laptops and in build logs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from mesh.infra.resources import UNKNOWN, Resource
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule

_TELLING = re.compile(
    r"(^|_)((password|passwd|passphrase|secret|secrets|token|private_key|credential|credentials)(_|$)|(api|access)_key$)"
)
# Attributes about secrets that hold none: their validity, location or presence.
_ABOUT = re.compile(
    r"_(arn|arns|id|name|enabled|status|validity|policy|period|minutes|days|length|revocation)$|^(manage|generate|enable)_"
)
_MEASURES = re.compile(r"^token_validity_units\[")


def no_secret_has_a_value(planned: PlannedEnvironment) -> Faults:
    """No attribute named like a secret has a value."""
    for resource in planned.resources:
        for path, value in secret_values(resource):
            yield resource.address, f"{path} has a value ({len(str(value))} characters)"


def secret_values(resource: Resource) -> Iterator[tuple[str, Any]]:
    """Attributes named like a secret, with a known value that is not empty."""
    for path, name, value in _leaves(resource.values, ""):
        if value is UNKNOWN or value in (None, "", 0) or isinstance(value, bool) or _MEASURES.match(path):
            continue
        if _TELLING.search(name) and not _ABOUT.search(name) and not _is_none(resource, path):
            yield path, value


def nothing_sensitive_has_a_value(planned: PlannedEnvironment) -> Faults:
    """Whatever its name: the provider marks sensitive attributes."""
    for resource in planned.resources:
        for path, _, mark in _leaves(resource.sensitive, ""):
            name = path.split(".")[0].split("[")[0]
            if mark is True and resource[name] not in (None, "", [], {}) and not _is_none(resource, name):
                yield resource.address, f"{path} has a value"


def _is_none(resource: Resource, path: str) -> bool:
    """Cognito generates client secrets on request; ours is a public client, without one."""
    is_client = resource.type == "aws_cognito_user_pool_client" and path == "client_secret"
    return is_client and not resource["generate_secret"]


def no_parameter_has_a_value(planned: PlannedEnvironment) -> Faults:
    """Terraform manages names of secrets and access to them; `mesh secrets` sets the values."""
    for parameter in planned.of_type("aws_ssm_parameter", "aws_secretsmanager_secret_version", "aws_iam_access_key"):
        if parameter["value"] or parameter["insecure_value"] or parameter["secret_string"] or parameter["secret"]:
            yield parameter.address, "has its value in the state"


def outputs_contain_no_secret(planned: PlannedEnvironment) -> Faults:
    """Outputs are saved in files for other commands."""
    for path, name, value in _leaves(planned.outputs, ""):
        if isinstance(value, str) and value and _TELLING.search(name) and not value.startswith("arn:"):
            yield f"output.{path}", "has a value"


def _leaves(value: Any, path: str, name: str = "") -> Iterator[tuple[str, str, Any]]:
    """Path, name of the attribute (elements of lists have that of the list), and value."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key), str(key).lower())
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{number}]", name)
    else:
        yield path, name, value


RULES: Final = tuple(
    map(
        Rule,
        (
            no_secret_has_a_value,
            nothing_sensitive_has_a_value,
            no_parameter_has_a_value,
            outputs_contain_no_secret,
        ),
    )
)
