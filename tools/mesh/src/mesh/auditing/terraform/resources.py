"""Resources of a plan or of a state, in one form."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mesh.auditing.errors import TerraformFailedError


class _Unknown:
    """What a plan does not know yet."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = _Unknown()
# What a mocked provider makes up where it was told nothing.
_MADE_UP = re.compile(r"[a-z0-9]{8}")


@dataclass(frozen=True)
class Resource:
    """A managed resource; attributes that are not known yet are UNKNOWN. `sensitive` has Terraform's own marks."""

    address: str
    type: str
    values: Mapping[str, Any]
    sensitive: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any value
        return self.values.get(name)

    def block(self, name: str) -> Mapping[str, Any]:
        """A nested block that occurs once at most; empty when it does not occur."""
        found = self.values.get(name) or [{}]
        return dict(found[0]) if found is not UNKNOWN else {}


def resources_of_plan(plan: Mapping[str, Any]) -> list[Resource]:
    """What the plan makes, by address."""
    made = [
        Resource(
            address=change["address"],
            type=change["type"],
            values=_merged(change["change"]["after"], change["change"]["after_unknown"]),
            sensitive=change["change"].get("after_sensitive") or {},
        )
        for change in plan["resource_changes"]
        if change["mode"] == "managed" and change["change"]["after"] is not None
    ]
    return sorted(made, key=lambda resource: resource.address)


def resources_of_state(state: Mapping[str, Any]) -> list[Resource]:
    """What a state holds (its `values`, as `terraform show -json` tells them), by address."""
    held = [
        Resource(item["address"], item["type"], item["values"], item.get("sensitive_values") or {})
        for item in _walk(state["root_module"])
        if item["mode"] == "managed"
    ]
    return sorted(held, key=lambda resource: resource.address)


def completed(planned: Iterable[Resource], applied: Iterable[Resource]) -> list[Resource]:
    """What was planned, with what only applying it tells; what is still nobody's to tell is None.

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


def of_type(resources: Iterable[Resource], *types: str) -> list[Resource]:
    """Those of some types."""
    return [resource for resource in resources if resource.type in types]


def _walk(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _walk(child)


def _merged(known: Any, unknown: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Put UNKNOWN where Terraform says that it does not know."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping):
        held = known if isinstance(known, Mapping) else {}
        return {name: _merged(held.get(name), unknown.get(name)) for name in {**held, **unknown}}
    if isinstance(unknown, list) and isinstance(known, list):
        padded = [*unknown, *[None] * (len(known) - len(unknown))]
        return [_merged(item, mark) for item, mark in zip(known, padded, strict=False)]
    return known


def fits(planned: Any, other: Any) -> bool:  # noqa: ANN401 - any JSON value
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


def _decoded(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """What a text of JSON says; anything else as it is."""
    if not (isinstance(value, str) and value.startswith("{")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _completed(planned: Any, applied: Any) -> Any:  # noqa: ANN401 - any JSON value
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


def _without_made_up(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, Mapping):
        return {name: _without_made_up(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_made_up(inner) for inner in value]
    return None if isinstance(value, str) and _MADE_UP.fullmatch(value) else value
