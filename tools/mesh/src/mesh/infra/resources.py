"""Resources of a plan or of a state, in one form."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class _Unknown:
    """A value that is not known before apply."""

    def __repr__(self) -> str:
        return "(known after apply)"


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Resource:
    """A managed resource; attributes known only after apply are UNKNOWN. `sensitive` has Terraform's own marks."""

    address: str
    type: str
    values: Mapping[str, Any]
    sensitive: Mapping[str, Any] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - any value
        return self.values.get(name)

    def block(self, name: str) -> Mapping[str, Any]:
        """A nested block that occurs at most once; empty when absent."""
        found = self.values.get(name) or [{}]
        return dict(found[0]) if found is not UNKNOWN else {}


def resources_of_plan(plan: Mapping[str, Any]) -> list[Resource]:
    """The planned resources, by address."""
    planned = [
        Resource(
            address=change["address"],
            type=change["type"],
            values=_merged(change["change"]["after"], change["change"]["after_unknown"]),
            sensitive=change["change"].get("after_sensitive") or {},
        )
        for change in plan["resource_changes"]
        if change["mode"] == "managed" and change["change"]["after"] is not None
    ]
    return sorted(planned, key=lambda resource: resource.address)


def resources_of_state(state: Mapping[str, Any]) -> list[Resource]:
    """The resources of a state (`values` of `terraform show -json`), by address."""
    held = [
        Resource(item["address"], item["type"], item["values"], item.get("sensitive_values") or {})
        for item in _walk(state["root_module"])
        if item["mode"] == "managed"
    ]
    return sorted(held, key=lambda resource: resource.address)


def of_type(resources: Iterable[Resource], *types: str) -> list[Resource]:
    """The resources of the given types."""
    return [resource for resource in resources if resource.type in types]


def _walk(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from module.get("resources", ())
    for child in module.get("child_modules", ()):
        yield from _walk(child)


def _merged(known: Any, unknown: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Replace values that are known only after apply by UNKNOWN."""
    if unknown is True:
        return UNKNOWN
    if isinstance(unknown, Mapping):
        held = known if isinstance(known, Mapping) else {}
        return {name: _merged(held.get(name), unknown.get(name)) for name in {**held, **unknown}}
    if isinstance(unknown, list) and isinstance(known, list):
        padded = [*unknown, *[None] * (len(known) - len(unknown))]
        return [_merged(item, mark) for item, mark in zip(known, padded, strict=False)]
    return known
