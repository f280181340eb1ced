"""Summary of a plan: counts of changes per part, and lost data."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from mesh.infra.terraform import Json


class Action(StrEnum):
    """What happens to a resource."""

    CREATE = "create"
    CHANGE = "change"
    REPLACE = "replace"
    DESTROY = "destroy"
    MOVE = "move"  # another address, the same resource
    FORGET = "forget"  # it stays, and Terraform no longer manages it


_ACTIONS: Final[Mapping[tuple[str, ...], Action]] = {
    ("create",): Action.CREATE,
    ("update",): Action.CHANGE,
    ("delete",): Action.DESTROY,
    ("delete", "create"): Action.REPLACE,
    ("create", "delete"): Action.REPLACE,
    ("forget",): Action.FORGET,
    ("create", "forget"): Action.REPLACE,
}
#: Resources that hold data which cannot be recreated, and what that data is.
STATEFUL: Final[Mapping[str, str]] = {
    "aws_s3_bucket": "every object in it",
    "aws_db_instance": "the database",
    "aws_dynamodb_table": "every item in it",
    "aws_cognito_user_pool": "every user account",
    "aws_cloudwatch_event_archive": "archived events",
}
#: Type, attribute and value that protect a resource from deletion.
_PROTECTION: Final = (
    ("aws_db_instance", "deletion_protection", True),
    ("aws_dynamodb_table", "deletion_protection_enabled", True),
    ("aws_cognito_user_pool", "deletion_protection", "ACTIVE"),
    ("aws_s3_bucket", "force_destroy", False),  # unless it is empty, which a plan does not show
)
_STEP: Final = re.compile(r'module\.([^.\[]+)(?:\["?([^"\]]+)"?\])?')
_WRAPPER: Final = "environment"  # the one module that environments call; the summary is by its parts
_KEYED: Final = frozenset({"service", "services"})  # modules of which each is a part
_ROOT: Final = "(environment)"


@dataclass(frozen=True, slots=True)
class Change:
    """The change of one resource; `because` names the attributes that force a replacement."""

    address: str
    type: str
    part: str
    action: Action
    because: tuple[str, ...] = ()

    @property
    def loses(self) -> str | None:
        """The data that is lost with it for good."""
        return STATEFUL.get(self.type) if self.action in (Action.DESTROY, Action.REPLACE) else None


@dataclass(frozen=True, slots=True)
class Summary:
    """A plan. `differs`: whether there is anything to do. `outputs`: names of changed outputs, or of changed attributes
    of an object. `drifted`: resources changed outside Terraform."""

    differs: bool
    changes: tuple[Change, ...]
    outputs: tuple[str, ...]
    drifted: tuple[str, ...]

    @property
    def losses(self) -> tuple[Change, ...]:
        """Changes that lose data."""
        return tuple(change for change in self.changes if change.loses)

    @property
    def counts(self) -> Counter[Action]:
        """The number of changes by action."""
        return Counter(change.action for change in self.changes)

    @property
    def parts(self) -> dict[str, Counter[Action]]:
        """The counts per service and shared module, by name."""
        parts: dict[str, Counter[Action]] = {}
        for change in sorted(self.changes, key=lambda change: change.part):
            parts.setdefault(change.part, Counter())[change.action] += 1
        return parts


def summarize(plan: Json, *, differs: bool) -> Summary:
    """Summarize a plan from its JSON document and its exit code."""
    changes = (_change(resource) for resource in _managed(plan.get("resource_changes")))
    outputs = plan.get("output_changes") or {}
    return Summary(
        differs=differs,
        changes=tuple(change for change in changes if change),
        outputs=tuple(sorted(path for name, change in outputs.items() for path in _changed(name, change))),
        drifted=tuple(sorted(resource["address"] for resource in _managed(plan.get("resource_drift")))),
    )


def protected(plan: Json) -> list[str]:
    """Addresses of resources that a plan would delete although they are protected."""
    return sorted(
        resource["address"]
        for resource in _managed(plan.get("resource_changes"))
        if "delete" in resource["change"]["actions"]
        and _refuses(resource["type"], resource["change"].get("before") or {})
    )


def part_of(address: str) -> str:
    """The service or shared module that a resource belongs to."""
    steps = [key if name in _KEYED and key else name for name, key in _STEP.findall(address)]
    if steps[:1] == [_WRAPPER]:
        steps = steps[1:]
    return steps[0] if steps else _ROOT


def _managed(resources: Iterable[Json] | None) -> list[Json]:
    return [resource for resource in resources or () if resource["mode"] == "managed"]


def _change(resource: Json) -> Change | None:
    change = resource["change"]
    moved = Action.MOVE if "previous_address" in resource else None
    action = _ACTIONS.get(tuple(change["actions"]), moved)
    if action is None:
        return None
    because = tuple(".".join(map(str, path)) for path in change.get("replace_paths") or ())
    return Change(resource["address"], resource["type"], part_of(resource["address"]), action, because)


def _changed(output: str, change: Json) -> list[str]:
    before, after, unknown = change.get("before") or {}, change.get("after"), change.get("after_unknown") or {}
    if change["actions"] == ["no-op"]:
        return []
    if not isinstance(before, dict) or not isinstance(after, dict):
        return [output]
    names = {**before, **after, **unknown}
    return [name for name in names if unknown.get(name) is True or before.get(name) != after.get(name)]


def _refuses(kind: str, before: Mapping[str, Any]) -> bool:
    return any(kind == type_ and before.get(attribute) == value for type_, attribute, value in _PROTECTION)
