"""Completes a plan with the values known only after apply."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from mesh.infra.resources import UNKNOWN, Resource
from policy_checks.errors import TerraformFailedError

# Values that a mocked provider generates by default.
_MADE_UP: Final = re.compile(r"[a-z0-9]{8}")


def completed(planned: Iterable[Resource], applied: Iterable[Resource]) -> list[Resource]:
    """The planned resources with values known after apply; values unknown even then are None.

    Raises TerraformFailedError when the applied resources differ from the planned ones.
    """
    states = {resource.address: resource for resource in applied}
    result = []
    for item in planned:
        state = states.get(item.address)
        if state is None or not fits(item.values, state.values):
            raise TerraformFailedError(f"{item.address} is not applied as it was planned")
        result.append(replace(item, values=_completed(item.values, state.values), sensitive=state.sensitive))
    return result


def fits(planned: Any, other: Any) -> bool:
    """Whether a value agrees with a planned one, wherever the plan knows it.

    The order of lists and the formatting of JSON strings are ignored; unknown values match anything.
    """
    if planned is UNKNOWN or planned is None or other is UNKNOWN:
        return True
    if isinstance(planned, Mapping):
        return isinstance(other, Mapping) and all(fits(value, other.get(name)) for name, value in planned.items())
    if isinstance(planned, list):
        return isinstance(other, list) and len(planned) == len(other) and None not in _partners(planned, other)
    return bool(_decoded(planned) == _decoded(other))


def _decoded(value: Any) -> Any:
    """The parsed value of a JSON string; anything else unchanged."""
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _completed(planned: Any, applied: Any) -> Any:
    """Fill unknown values of the plan with the applied ones."""
    if planned is UNKNOWN:
        return _without_generated(applied)
    if isinstance(planned, Mapping):
        return {name: _completed(value, applied.get(name)) for name, value in planned.items()}
    if isinstance(planned, list):
        partners = _partners(planned, applied)
        return [
            _completed(item, applied[place]) for item, place in zip(planned, partners, strict=True) if place is not None
        ]
    return planned


def _partners(planned: list[Any], other: list[Any]) -> list[int | None]:
    """For each item the index of the first unused match: sets may change their order after apply."""
    left = list(range(len(other)))
    found: list[int | None] = [None] * len(planned)
    # Wholly unknown items match anything, so they are matched last.
    for index in sorted(range(len(planned)), key=lambda index: planned[index] is UNKNOWN):
        place = next((place for place in left if fits(planned[index], other[place])), None)
        if place is not None:
            left.remove(place)
        found[index] = place
    return found


def _without_generated(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_generated(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_generated(inner) for inner in value]
    return None if isinstance(value, str) and _MADE_UP.fullmatch(value) else value
