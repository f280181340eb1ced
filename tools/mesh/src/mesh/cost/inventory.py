"""The billed resources of environments; kept in `terraform/cost-inventory.json`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from mesh.cost.data import load_prices
from mesh.cost.errors import PlanUnreadableError
from mesh.infra.resources import Resource, resources_of_plan
from workspace import REPOSITORY

INVENTORY_FILE: Final = REPOSITORY / "terraform" / "cost-inventory.json"
# The environment whose bill is listed row by row: the one that has every resource.
DETAILED: Final = "prod"


class DatabaseInstance(BaseModel):
    """The billed properties of the database."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    instance_class: str
    storage_gb: int
    public: bool
    managed_secret: bool


class Inventory(BaseModel):
    """How many resources of each billed type, and which types are free of charge, however many; memory in MB and
    schedules of functions by `<service>.<function>`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    environment: str
    resources: dict[str, int]
    free_of_charge: tuple[str, ...] = ()
    functions: dict[str, int]
    schedules: dict[str, str]
    alarm_metrics: int
    user_pool_tier: str
    database: DatabaseInstance | None


Inventories = dict[str, Inventory]
_INVENTORIES: Final = TypeAdapter(Inventories)


def inventory_of_plan(plan: Mapping[str, Any]) -> Inventory:
    """The resources that exist after a plan (`terraform show -json`). Raises PlanUnreadableError."""
    try:
        return _inventory(resources_of_plan(plan))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise PlanUnreadableError(f"this is not a plan from `terraform show -json` ({reason})") from error


def _inventory(resources: list[Resource]) -> Inventory:
    buses = _of_type(resources, "aws_cloudwatch_event_bus")
    if len(buses) != 1:
        raise PlanUnreadableError(f"the plan has {len(buses)} event buses, so it is not an environment's")
    prefix = f"{buses[0]['name']}-"
    functions = {_key(prefix, each["function_name"]): int(each["memory_size"]) for each in _functions(resources)}
    rules = _of_type(resources, "aws_cloudwatch_event_rule")
    pools = _of_type(resources, "aws_cognito_user_pool")
    counts = dict(sorted(Counter(resource.type for resource in resources).items()))
    free = load_prices().free_of_charge
    return Inventory(
        environment=prefix.split("-", 1)[1].rstrip("-"),
        resources={kind: count for kind, count in counts.items() if kind not in free},
        free_of_charge=tuple(kind for kind in counts if kind in free),
        functions=functions,
        schedules={_key(prefix, rule["name"]): rule["schedule_expression"] for rule in rules if _is_schedule(rule)},
        alarm_metrics=sum(_metrics(alarm) for alarm in _of_type(resources, "aws_cloudwatch_metric_alarm")),
        user_pool_tier=str(pools[0]["user_pool_tier"] or "ESSENTIALS") if pools else "ESSENTIALS",
        database=_database(_of_type(resources, "aws_db_instance")),
    )


def read_plan(file: Path) -> Inventory:
    """The inventory of a plan file. Raises PlanUnreadableError."""
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise PlanUnreadableError(f"{file} cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise PlanUnreadableError(f"{file} does not hold a plan")
    return inventory_of_plan(document)


def load_inventories(file: Path = INVENTORY_FILE) -> Inventories:
    """The committed inventories, by environment. Raises PlanUnreadableError."""
    try:
        return _INVENTORIES.validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise PlanUnreadableError(f"{file} does not hold inventories: {' '.join(str(error).split())}") from error


def save_inventories(inventories: Inventories, file: Path = INVENTORY_FILE) -> None:
    """Write inventories in their committed form."""
    document = _INVENTORIES.dump_python(inventories)
    file.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _of_type(resources: list[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource.type == kind]


def _functions(resources: list[Resource]) -> list[Resource]:
    return _of_type(resources, "aws_lambda_function")


def _key(prefix: str, name: str) -> str:
    """`collections-dev-chat-http` -> `chat.http`; services have no dash in their names."""
    return name.removeprefix(prefix).replace("-", ".", 1)


def _is_schedule(rule: Resource) -> bool:
    return bool(rule["schedule_expression"])


def _metrics(alarm: Resource) -> int:
    """The number of billed metrics of an alarm: those that its expression reads, or one."""
    queries = [query for query in alarm["metric_query"] or () if query.get("metric")]
    return len(queries) or 1


def _database(instances: list[Resource]) -> DatabaseInstance | None:
    if not instances:
        return None
    instance = instances[0]
    if len(instances) > 1 or instance["multi_az"] is True:
        raise PlanUnreadableError("the prices cover a single database in a single zone only")
    return DatabaseInstance(
        instance_class=instance["instance_class"],
        storage_gb=int(instance["allocated_storage"]),
        public=bool(instance["publicly_accessible"]),
        managed_secret=bool(instance["manage_master_user_password"]),
    )
