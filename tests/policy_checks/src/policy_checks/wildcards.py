"""Wildcards in policies: each needs a stated reason."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import policies_of_resources, policies_of_roles


@dataclass(frozen=True, slots=True, order=True)
class Wildcard:
    """An action and a resource of one statement, one of which has a wildcard; names that differ between environments or
    functions are given as `{account}`, `{function}` and the like. `origin` is where it was found."""

    effect: str
    action: str
    resource: str
    origin: str = ""

    def __str__(self) -> str:
        """Render as one line."""
        return f"{self.origin}: {self.effect} {self.action} on {self.resource}"


def wildcards_of(planned: PlannedEnvironment) -> list[Wildcard]:
    """Every wildcard in every policy of an environment. Raises PolicyNotUnderstoodError."""
    return sorted(set(_wildcards(planned)))


def _wildcards(planned: PlannedEnvironment) -> Iterator[Wildcard]:
    for origin, found in (*policies_of_roles(planned), *policies_of_resources(planned)):
        for statement in found:
            for action in statement["Action"]:
                for resource in statement["Resource"]:
                    if _is_wild(action) or _is_wild(resource):
                        yield Wildcard(statement["Effect"], action, with_placeholders(planned, resource), origin)


def with_placeholders(planned: PlannedEnvironment, text: str) -> str:
    """A resource with placeholders for names of this environment and its functions."""
    names = planned.names
    for function in sorted(planned.functions, key=len, reverse=True):
        text = text.replace(function, "{function}")
    for table in sorted(
        (table for service in planned.manifests.services.values() for table in service.tables), key=len
    ):
        text = re.sub(rf"table/{re.escape(names.table(table))}\b", "table/{table}", text)
    text = text.replace(f":parameter{names.parameter_prefix}/", ":parameter{parameters}/")
    text = text.replace(names.prefix, "{prefix}").replace(names.bus, "{bus}")
    return text.replace(names.account, "{account}").replace(names.region, "{region}")


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text
