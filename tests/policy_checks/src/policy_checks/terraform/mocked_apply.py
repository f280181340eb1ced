"""Plan and apply without AWS: `terraform test` with a mocked provider.

The provider's own schema and validation are used; values that AWS would compute are supplied as overrides
(https://developer.hashicorp.com/terraform/language/tests/mocking). The real provider and any
that serves its schema give the same result.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mesh.infra.resources import Resource, resources_of_plan
from policy_checks.terraform.computed_attributes import answers, computed_attributes
from policy_checks.terraform.running import Terraform

Document = Mapping[str, Any]
_RUN: Final = "mocked"


def mocked_plan(terraform: Terraform, folder: Path, variables: Document) -> Document:
    """The plan of an environment in an empty account: `resource_changes` in the format of `terraform show -json`.

    Raises TerraformFailedError.
    """
    return terraform.run_mocked(folder, _written("plan", variables), "test_plan")


def known_plan(terraform: Terraform, folder: Path, variables: Document, plan: Document) -> Document:
    """The same plan with everything known, ids in AWS's formats: what an apply would leave, at a third of its cost.

    Raises TerraformFailedError.
    """
    written = _written("plan", variables, resources_of_plan(plan), during="plan")
    return terraform.run_mocked(folder, written, "test_plan")


def mocked_apply(terraform: Terraform, folder: Path, variables: Document, plan: Document) -> Document:
    """The state after applying the plan, with ids in AWS's formats: `values` in the format of `terraform show -json`.

    Raises TerraformFailedError.
    """
    return terraform.run_mocked(folder, _written("apply", variables, resources_of_plan(plan)), "test_state")


def _written(
    command: str, variables: Document, resources: Iterable[Resource] = (), *, during: str = "apply"
) -> Document:
    """A test file of one run, in Terraform's JSON syntax."""
    mocks = {type_: {"defaults": values} for type_, values in answers().items()}
    overrides = [
        {"target": resource.address, "values": computed_attributes(resource), "override_during": during}
        for resource in resources
    ]
    return {
        "mock_provider": {"aws": {"mock_data": mocks, "override_during": during}},
        "override_resource": overrides,
        "variables": dict(variables),
        "run": {_RUN: {"command": command}},
    }
