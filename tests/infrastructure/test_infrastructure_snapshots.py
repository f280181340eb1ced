"""The plan of each environment as text: changes of infrastructure show up in review.

`UPDATE_SNAPSHOTS=1 make test ARGS=tests/infrastructure` rewrites the files.
"""

import difflib
import os
from pathlib import Path
from typing import Any

import pytest

from policy_checks.terraform import environments_of, resources_of_plan, summarise
from workspace import REPOSITORY

ENVIRONMENTS = environments_of(REPOSITORY)
SNAPSHOTS = Path(__file__).parent / "snapshots"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_plan_equals_its_snapshot(environment: str, plan: dict[str, Any]) -> None:
    file = SNAPSHOTS / f"{environment}.txt"
    found = summarise(resources_of_plan(plan))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    changes = difflib.unified_diff(
        kept.splitlines(), found.splitlines(), f"reviewed {file.name}", "planned now", "", "", 0
    )
    assert found == kept, "\n".join(["the plan differs from its snapshot (UPDATE_SNAPSHOTS=1 rewrites it):", *changes])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_plan_of_an_empty_account_only_creates(environment: str, plan: dict[str, Any]) -> None:
    actions = {tuple(change["change"]["actions"]) for change in plan["resource_changes"] if change["mode"] == "managed"}
    assert actions == {("create",)}


def test_every_snapshot_has_an_environment() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.txt")} <= set(ENVIRONMENTS)
