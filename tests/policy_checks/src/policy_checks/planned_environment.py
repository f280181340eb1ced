"""An environment as Terraform would leave it: the input of the checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from manifests import DatabaseAddress, FunctionRef, Manifests, Names
from mesh.infra.resources import Resource, of_type, resources_of_plan
from policy_checks.terraform.completion import completed


@dataclass(frozen=True)
class PlannedEnvironment:
    """The resources of an environment, its output, and the manifests it is derived from."""

    manifests: Manifests
    outputs: Mapping[str, Any]
    resources: tuple[Resource, ...]

    @classmethod
    def of(cls, manifests: Manifests, plan: Mapping[str, Any], known: Mapping[str, Any]) -> PlannedEnvironment:
        """Read a plan, and the values unknown in it from the same plan with everything known, both with mocks.

        Raises TerraformFailedError when the two do not match.
        """
        outputs = known["output_changes"]["environment"]["after"]
        resources = completed(resources_of_plan(plan), resources_of_plan(known))
        return cls(manifests, outputs, tuple(resources))

    @property
    def environment(self) -> str:
        """Its name."""
        return str(self.outputs["environment"])

    @property
    def is_production(self) -> bool:
        """Whether it is the environment with users' data."""
        return self.environment == "prod"

    @cached_property
    def names(self) -> Names:
        """Names of everything in it."""
        return Names(self.environment, self.outputs["region"], self.outputs["account"])

    @cached_property
    def database(self) -> DatabaseAddress:
        """The address of its Postgres."""
        found = self.outputs["database"]
        address = DatabaseAddress(found["host"], int(found["port"]), found["auth"], found["sslmode"])
        known = found.get("resource_id")
        return replace(address, resource_id=known) if known else address

    @cached_property
    def functions(self) -> dict[str, FunctionRef]:
        """Every declared function, by its resource name."""
        return {self.names.function(ref): ref for ref in self.manifests.functions}

    def of_type(self, *types: str) -> list[Resource]:
        """Resources of some types."""
        return of_type(self.resources, *types)
