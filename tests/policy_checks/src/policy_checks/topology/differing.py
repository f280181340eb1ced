"""Compares two topologies."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from policy_checks.topology.forms import Topology

_ABSENT = object()


def differences(left: Topology, right: Topology, of_left: str, of_right: str) -> list[str]:
    """What one has and the other has not, and settings that are not the same; a line each."""
    return [line for key in sorted({*left, *right}) for line in _of_thing(key, left, right, of_left, of_right)]


def _of_thing(key: Any, left: Topology, right: Topology, of_left: str, of_right: str) -> Iterator[str]:
    if key not in left:
        yield f"{key}: only in {of_right}"
    elif key not in right:
        yield f"{key}: only in {of_left}"
    else:
        for path, first, second in _of_values(left[key], right[key], ""):
            yield f"{key}: {path}: {_told(first)} in {of_left}, {_told(second)} in {of_right}"


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


def _told(value: Any) -> str:
    return "absent" if value is _ABSENT else json.dumps(value, sort_keys=True)
