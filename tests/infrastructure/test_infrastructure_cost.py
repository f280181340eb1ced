"""The cost estimate uses the resources of the plans.

`UPDATE_SNAPSHOTS=1` rewrites the inventory; then run `mesh cost --write` to update the document.
"""

import os
from typing import Any

import pytest

from mesh.cost.inventory import inventory_of_plan, load_inventories, save_inventories


@pytest.mark.parametrize(
    "environment",
    [pytest.param("dev", marks=pytest.mark.scheduled), "prod", pytest.param("staging", marks=pytest.mark.scheduled)],
)
def test_the_inventory_is_that_of_the_plan(environment: str, plan: dict[str, Any]) -> None:
    found = inventory_of_plan(plan)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        save_inventories({**load_inventories(), environment: found})
    assert load_inventories()[environment] == found, "UPDATE_SNAPSHOTS=1, then: mesh cost --write"
