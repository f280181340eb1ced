"""What the plan of each environment makes, as text: a change of infrastructure is seen in review.

`UPDATE_SNAPSHOTS=1 make test ARGS=tests/infrastructure` writes the files anew.
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
def test_the_plan_is_as_it_was_reviewed(environment: str, plan: dict[str, Any]) -> None:
    file = SNAPSHOTS / f"{environment}.txt"
    found = summarise(resources_of_plan(plan))
    if os.environ.get("UPDATE_SNAPSHOTS"):
        file.write_text(found, encoding="utf-8")
    kept = file.read_text(encoding="utf-8") if file.exists() else ""
    changes = difflib.unified_diff(
        kept.splitlines(), found.splitlines(), f"reviewed {file.name}", "planned now", "", "", 0
    )
    assert found == kept, "\n".join(["the plan is not the one that was reviewed (UPDATE_SNAPSHOTS=1):", *changes])


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_new_environment_is_made_of_new_things_alone(environment: str, plan: dict[str, Any]) -> None:
    actions = {tuple(change["change"]["actions"]) for change in plan["resource_changes"] if change["mode"] == "managed"}
    assert actions == {("create",)}


def test_no_snapshot_is_left_of_an_environment_that_is_gone() -> None:
    assert {file.stem for file in SNAPSHOTS.glob("*.txt")} <= set(ENVIRONMENTS)
