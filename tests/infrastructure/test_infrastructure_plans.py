"""The real `terraform plan` of each environment, with an emulator that answers the provider's calls.

All other tests use plans with a mocked provider (`policy_checks.terraform.mocked_apply`); this compares the two.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from localmesh.config import MeshSettings
from localmesh.emulator import Emulator
from policy_checks.rules.secrecy import secret_values
from policy_checks.terraform import Runner, environments_of, fits, resources_of_plan
from workspace import REPOSITORY

# A job of its own: on a push the mocked plans are compared with their snapshots.
pytestmark = [pytest.mark.integration, pytest.mark.scheduled]


@dataclass(frozen=True)
class ProviderPlan:
    """An environment, its plan, and the file that Terraform would apply."""

    environment: str
    document: dict[str, Any]
    file: Path


@pytest.fixture(scope="module", params=environments_of(REPOSITORY))
def provider_plan(request: pytest.FixtureRequest, runner: Runner, emulator: Emulator, copy: Path) -> ProviderPlan:
    environment = str(request.param)
    emulated = {"AWS_ENDPOINT_URL": emulator.url, "TF_VAR_endpoint": emulator.url}
    text = json.dumps(runner.planned_by_the_provider(environment, emulated))
    # Functions of a local environment have the emulator's address in a variable.
    usual = f"http://127.0.0.1:{MeshSettings.model_fields['emulator_port'].default}"
    file = copy / "terraform" / "environments" / environment / "checked.tfplan"
    return ProviderPlan(environment, json.loads(text.replace(emulator.url, usual)), file)


def test_the_mocked_plan_equals_the_real_one(provider_plan: ProviderPlan, runner: Runner) -> None:
    mocked = {item.address: item for item in resources_of_plan(runner.planned(provider_plan.environment))}
    found = {item.address: item for item in resources_of_plan(provider_plan.document)}
    assert mocked.keys() == found.keys()
    assert [address for address, item in mocked.items() if not fits(item.values, found[address].values)] == []


def test_no_secret_is_in_a_plan(provider_plan: ProviderPlan, canaries: dict[str, str]) -> None:
    """Neither in the JSON document nor in the plan file."""
    resources = resources_of_plan(provider_plan.document)
    assert [f"{item.address}: {path}" for item in resources for path, _ in secret_values(item)] == []
    with zipfile.ZipFile(provider_plan.file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert parts.keys() >= {"tfplan", "tfstate"}
    parts["document"] = json.dumps(provider_plan.document).encode()
    found = [(name, part) for name, value in canaries.items() for part, text in parts.items() if value.encode() in text]
    assert found == []
