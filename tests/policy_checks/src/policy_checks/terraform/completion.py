"""A plan completed with what only applying it makes known."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from mesh.infra.resources import UNKNOWN, Resource
from policy_checks.errors import TerraformFailedError

# What a mocked provider makes up where it is given nothing.
_MADE_UP: Final = re.compile(r"[a-z0-9]{8}")


def completed(planned: Iterable[Resource], applied: Iterable[Resource]) -> list[Resource]:
    """What was planned, with what only applying it makes known; values unknown even after apply are None.

    Raises TerraformFailedError when what was applied is not what was planned.
    """
    states = {resource.address: resource for resource in applied}
    made = []
    for item in planned:
        state = states.get(item.address)
        if state is None or not fits(item.values, state.values):
            raise TerraformFailedError(f"{item.address} is not applied as it was planned")
        made.append(replace(item, values=_completed(item.values, state.values), sensitive=state.sensitive))
    return made


def fits(planned: Any, other: Any) -> bool:
    """Whether something says all that a plan says, and maybe what that leaves open.

    The order of lists is no matter, nor how JSON in a text is written; what is left open contradicts nothing.
    """
    if planned is UNKNOWN or planned is None or other is UNKNOWN:
        return True
    if isinstance(planned, Mapping):
        return isinstance(other, Mapping) and all(fits(value, other.get(name)) for name, value in planned.items())
    if isinstance(planned, list):
        return isinstance(other, list) and len(planned) == len(other) and None not in _partners(planned, other)
    return bool(_decoded(planned) == _decoded(other))


def _decoded(value: Any) -> Any:
    """What a text of JSON says; anything else as it is."""
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _completed(planned: Any, applied: Any) -> Any:
    """Put what was applied where the plan did not know."""
    if planned is UNKNOWN:
        return _without_made_up(applied)
    if isinstance(planned, Mapping):
        return {name: _completed(value, applied.get(name)) for name, value in planned.items()}
    if isinstance(planned, list):
        partners = _partners(planned, applied)
        return [
            _completed(item, applied[place]) for item, place in zip(planned, partners, strict=True) if place is not None
        ]
    return planned


def _partners(planned: list[Any], other: list[Any]) -> list[int | None]:
    """For each item the place of the first one left that fits it: a set is in another order once all is known."""
    left = list(range(len(other)))
    found: list[int | None] = [None] * len(planned)
    # What is wholly unknown fits everything: it takes what the others leave.
    for index in sorted(range(len(planned)), key=lambda index: planned[index] is UNKNOWN):
        place = next((place for place in left if fits(planned[index], other[place])), None)
        if place is not None:
            left.remove(place)
        found[index] = place
    return found


def _without_made_up(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _without_made_up(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_made_up(inner) for inner in value]
    return None if isinstance(value, str) and _MADE_UP.fullmatch(value) else value
