"""Plans an environment for its cost estimate."""

from __future__ import annotations

from mesh.cost.inventory import Inventory, inventory_of_plan
from mesh.infra.preparing import prepare
from mesh.infra.running import make_plan, progress_printer, temporary_plan
from mesh.infra.workspace import Workspace
from workspace import REPOSITORY


def plan(environment: str) -> Inventory:
    """Plan as `mesh infra plan` does, and read the result. Raises mesh.infra's InfraError, PlanUnreadableError."""
    workspace = Workspace(REPOSITORY, environment)
    ready = prepare(workspace, progress_printer(json_wanted=True), quiet=True)
    with temporary_plan(workspace, "cost") as file:
        _, document = make_plan(ready, file)
    return inventory_of_plan(document)
