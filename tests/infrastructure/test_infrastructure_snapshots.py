"""The plan of each environment as text: changes of infrastructure show up in review.

The snapshots hold what no manifest and no contract declares; the rest of the plan is compared with those.
`UPDATE_SNAPSHOTS=1 make test ARGS="--scheduled tests/infrastructure"` rewrites the files.
"""

import difflib
import os
import re
from pathlib import Path
from typing import Any

import pytest

from manifests import Manifests, Names
from policy_checks.terraform import environments_of, resources_of_plan, summarise
from policy_checks.terraform.declared import TYPES, declared_resources
from workspace import REPOSITORY

ENVIRONMENTS = environments_of(REPOSITORY)
SNAPSHOTS = Path(__file__).parent / "snapshots"
#: Those that are like production, with other numbers, are planned in the scheduled run and in a job of its own.
PLANNED = [
    pytest.param(name, marks=pytest.mark.scheduled) if name in {"dev", "staging"} else name for name in ENVIRONMENTS
]


@pytest.mark.parametrize("environment", PLANNED)
def test_the_plan_equals_its_snapshot(environment: str, plan: dict[str, Any]) -> None:
    file = SNAPSHOTS / f"{environment}.txt"
    found = summarise(resource for resource in resources_of_plan(plan) if resource.type not in TYPES)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    changes = difflib.unified_diff(
        kept.splitlines(), found.splitlines(), f"reviewed {file.name}", "planned now", "", "", 0
    )
    assert found == kept, "\n".join(["the plan differs from its snapshot (UPDATE_SNAPSHOTS=1 rewrites it):", *changes])


@pytest.mark.parametrize("environment", PLANNED)
def test_the_plan_has_what_manifests_and_contracts_declare(
    environment: str, plan: dict[str, Any], manifests: Manifests
) -> None:
    # Emulators have no schema registry.
    contracts = [] if environment == "local" else [path.name for path in (REPOSITORY / "contracts/schemas").iterdir()]
    declared = declared_resources(manifests, Names(environment, "us-east-1", "000000000000"), contracts)
    found = summarise(resource for resource in resources_of_plan(plan) if resource.type in TYPES)
    assert found.splitlines() == summarise(declared).splitlines()


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_snapshot_is_of_the_declared_functions_and_tables(environment: str, manifests: Manifests) -> None:
    """Without Terraform: a function or table that is new, or gone, is missed in the snapshot."""
    text = (SNAPSHOTS / f"{environment}.txt").read_text(encoding="utf-8")
    address = r'^(\w+)\.service\.aws_iam_role\.main\["([^"]+)"\]'
    assert set(re.findall(address, text, re.M)) == {(ref.service.service, ref.name) for ref in manifests.functions}
    table = r'^(\w+)\.service\.tables\.aws_dynamodb_table\.main\["([^"]+)"\] hash_key=(\w+) range_key=(\w+)'
    assert set(re.findall(table, text, re.M)) == {
        (name, key, table.partition_key, table.sort_key)
        for name, service in manifests.services.items()
        for key, table in service.tables.items()
    }
    assert not any(f".{kind}." in text for kind in TYPES)


@pytest.mark.parametrize("environment", PLANNED)
def test_a_plan_of_an_empty_account_only_creates(environment: str, plan: dict[str, Any]) -> None:
    actions = {tuple(change["change"]["actions"]) for change in plan["resource_changes"] if change["mode"] == "managed"}
    assert actions == {("create",)}


def test_staging_is_planned_as_dev_is() -> None:
    dev, staging = ((SNAPSHOTS / f"{name}.txt").read_text(encoding="utf-8") for name in ("dev", "staging"))
    assert staging.replace("staging", "dev") == dev


def test_every_snapshot_has_an_environment() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.txt")} <= set(ENVIRONMENTS)
