"""Monthly quantities: the plan's resources multiplied by the usage assumptions."""

from __future__ import annotations

import re
from typing import Final

from mesh.cost.data import Amount, Profile, Usage
from mesh.cost.errors import PlanUnreadableError, UsageUnknownError
from mesh.cost.inventory import Inventory

Quantities = dict[str, float]

_GB: Final = 1e9
_RATE: Final = re.compile(r"rate\((\d+) (minute|hour|day)s?\)")
_PER_HOUR: Final = {"minute": 60.0, "hour": 1.0, "day": 1 / 24}


def meter(inventory: Inventory, usage: Usage, profile: Profile) -> Quantities:
    """Quantities by meter. Raises UsageUnknownError when plan and assumptions have different functions."""
    _check(inventory, usage)
    runs = {name: _runs(inventory, usage, profile, name) for name in inventory.functions}
    by_trigger = {"routes": 0.0, "queue": 0.0, "schedule": 0.0}
    for name, count in runs.items():
        by_trigger[usage.functions[name].trigger] += count
    measured = {name: _amount(usage, profile, amount) for name, amount in usage.meters.items()}
    computed = {
        "function_runs": sum(runs.values()),
        "function_gb_seconds": sum(_gb_seconds(inventory, usage, profile, name, count) for name, count in runs.items()),
        "queue_requests": _queue_requests(inventory, usage, by_trigger["queue"]),
        "api_requests": by_trigger["routes"],
        "log_ingested": measured["log_ingested"] + _log_gb(usage, sum(runs.values()), by_trigger["routes"]),
        "alarm_metrics": inventory.alarm_metrics,
        "dashboards": inventory.resources.get("aws_cloudwatch_dashboard", 0),
        "keys": inventory.resources.get("aws_kms_key", 0),
        f"users_{inventory.user_pool_tier.lower()}": profile.users,
    }
    computed["log_storage"] = computed["log_ingested"] * usage.logs.days_kept / 30
    return {**measured, **computed, **_database(inventory, usage, profile)}


def _check(inventory: Inventory, usage: Usage) -> None:
    """Both must have the same functions, and the same schedules."""
    unknown = sorted(inventory.functions.keys() ^ usage.functions.keys())
    if unknown:
        raise UsageUnknownError(f"only one of plan and usage.yaml has {', '.join(unknown)}")
    scheduled = {name for name, use in usage.functions.items() if use.trigger == "schedule"}
    if different := sorted(scheduled ^ inventory.schedules.keys()):
        raise UsageUnknownError(f"only one of plan and usage.yaml has a schedule for {', '.join(different)}")


def _runs(inventory: Inventory, usage: Usage, profile: Profile, name: str) -> float:
    if name in inventory.schedules:
        return usage.hours * _runs_per_hour(inventory.schedules[name])
    use = usage.functions[name]
    return use.upload * profile.uploads + use.message * profile.messages


def _runs_per_hour(expression: str) -> float:
    found = _RATE.fullmatch(expression)
    if found is None:
        raise PlanUnreadableError(f"unsupported schedule {expression}: only rate(…) can be metered")
    return _PER_HOUR[found[2]] / int(found[1])


def _gb_seconds(inventory: Inventory, usage: Usage, profile: Profile, name: str, runs: float) -> float:
    """Functions that run every minute have no cold starts."""
    share = 0 if name in inventory.schedules else profile.cold_share
    seconds = (usage.functions[name].ms + share * usage.cold_start_ms) / 1000
    return runs * seconds * inventory.functions[name] / 1024


def _queue_requests(inventory: Inventory, usage: Usage, messages: float) -> float:
    mappings = inventory.resources.get("aws_lambda_event_source_mapping", 0)
    polls = mappings * usage.queue.pollers * usage.hours * 3600 / usage.queue.poll_seconds
    return polls + messages * usage.queue.requests_per_message


def _log_gb(usage: Usage, runs: float, requests: float) -> float:
    return (runs * usage.logs.bytes_per_run + requests * usage.logs.bytes_per_request) / _GB


def _database(inventory: Inventory, usage: Usage, profile: Profile) -> Quantities:
    database = inventory.database
    if database is None:
        return {}
    needed = _amount(usage, profile, usage.database_gb)
    return {
        f"database_hours_{profile.database_class or database.instance_class}": usage.hours,
        "database_storage": max(float(database.storage_gb), needed),
        "public_address_hours": usage.hours if database.public else 0,
        "managed_secrets": 1 if database.managed_secret else 0,
    }


def _amount(usage: Usage, profile: Profile, amount: Amount) -> float:
    return (
        amount.fixed
        + amount.upload * profile.uploads
        + amount.message * profile.messages
        + amount.kept_upload * profile.uploads * usage.months_kept
        + amount.kept_message * profile.messages * usage.months_kept
        + amount.active_hour * profile.active_hours
        + amount.active_month * profile.active_hours / usage.hours
    )
