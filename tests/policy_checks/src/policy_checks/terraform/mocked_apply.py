"""A plan, and what becomes of it, without AWS: `terraform test` with the provider mocked.

The provider's own schema and its checks of every value are used; what AWS would answer or make is told in advance
(https://developer.hashicorp.com/terraform/language/tests/mocking). The real provider and any that serves its schema
say the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mesh.infra.resources import Resource, resources_of_plan
from policy_checks.terraform.computed_attributes import answers, made_of
from policy_checks.terraform.running import Terraform

Document = Mapping[str, Any]
_RUN: Final = "mocked"


def mocked_plan(terraform: Terraform, folder: Path, variables: Document) -> Document:
    """What an environment in an empty account would be made of; `resource_changes` as `terraform show -json` has them.

    Raises TerraformFailedError.
    """
    return terraform.run_mocked(folder, _written("plan", variables), "test_plan")


def mocked_apply(terraform: Terraform, folder: Path, variables: Document, plan: Document) -> Document:
    """The state after a plan was applied, with ids in AWS's forms, as `terraform show -json` has its `values`.

    Raises TerraformFailedError.
    """
    return terraform.run_mocked(folder, _written("apply", variables, resources_of_plan(plan)), "test_state")


def _written(command: str, variables: Document, resources: Iterable[Resource] = ()) -> Document:
    """A test file of one run, in Terraform's JSON syntax."""
    mocks = {type_: {"defaults": values} for type_, values in answers().items()}
    made = [{"target": resource.address, "values": made_of(resource)} for resource in resources]
    return {
        "mock_provider": {"aws": {"mock_data": mocks}},
        "override_resource": made,
        "variables": dict(variables),
        "run": {_RUN: {"command": command}},
    }
