"""The bill is reckoned with what the plans really make.

`UPDATE_SNAPSHOTS=1` writes the inventory anew; then `mesh cost --write` makes the document again.
"""

import os
from typing import Any

import pytest

from mesh.cost.inventory import inventory_of_plan, load_inventories, save_inventories


@pytest.mark.parametrize("environment", ["dev", "prod", "staging"])
def test_the_inventory_is_that_of_the_plan(environment: str, plan: dict[str, Any]) -> None:
    found = inventory_of_plan(plan)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        save_inventories({**load_inventories(), environment: found})
    assert load_inventories()[environment] == found, "UPDATE_SNAPSHOTS=1, then: mesh cost --write"
