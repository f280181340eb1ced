"""Compares two topologies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

from manifests.topology import LambdaFunction, Resource, Topology
from policy_checks.policies import statements

_ABSENT: Final = object()
# Variables for the deployment and the build: every deployment has them, with values of its own.
_PLACES: Final = re.compile(
    r"^(AWS_ENDPOINT_URL|DATABASE_HOST|DATABASE_PORT|GIT_SHA|GIT_TAG|GIT_BRANCH|BUILD_TIMESTAMP|[A-Z]+_BASE_URL)$"
)
_HOST: Final = re.compile(r"^https?://[^/]+")


def differences(left: Topology, right: Topology, of_left: str, of_right: str) -> list[str]:
    """Resources that only one side has, and settings that differ; one line each."""
    first, second = _comparable(left), _comparable(right)
    return [line for key in sorted({*first, *second}) for line in _of_resource(key, first, second, of_left, of_right)]


def variables(found: Mapping[str, str]) -> dict[str, str]:
    """Environment variables: those of the deployment only by name, queue URLs without the host."""
    return {name: _variable(name, value) for name, value in found.items()}


def _comparable(topology: Topology) -> dict[str, Any]:
    return {f"{_kind(resource)} {resource.key}": _settings(resource) for resource in topology.resources}


def _kind(resource: Resource) -> str:
    """The class name in words."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", type(resource).__name__).lower()


def _settings(resource: Resource) -> Any:
    settings = _plain(resource)
    if isinstance(resource, LambdaFunction):
        settings["variables"] = variables(resource.variables)
    return settings


def _plain(value: Any) -> Any:
    """JSON values; the order of lists is ignored."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return statements(value) if "Statement" in value else {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return sorted(map(_plain, value), key=lambda item: json.dumps(item, sort_keys=True))
    return value


def _variable(name: str, value: str) -> str:
    if _PLACES.match(name):
        return "(of the deployment)"
    return _HOST.sub("", value) if name.endswith("QUEUE_URL") else value


def _of_resource(
    key: str, left: Mapping[str, Any], right: Mapping[str, Any], of_left: str, of_right: str
) -> Iterator[str]:
    if key not in left:
        yield f"{key}: only in {of_right}"
    elif key not in right:
        yield f"{key}: only in {of_left}"
    else:
        for path, first, second in _of_values(left[key], right[key], ""):
            yield f"{key}: {path}: {_shown(first)} in {of_left}, {_shown(second)} in {of_right}"


def _of_values(left: Any, right: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        for name in sorted({*left, *right}):
            inner = f"{path}.{name}" if path else str(name)
            yield from _of_values(left.get(name, _ABSENT), right.get(name, _ABSENT), inner)
    elif isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        for number, (first, second) in enumerate(zip(left, right, strict=True)):
            yield from _of_values(first, second, f"{path}[{number}]")
    elif left != right:
        yield path, left, right


def _shown(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value, sort_keys=True)
