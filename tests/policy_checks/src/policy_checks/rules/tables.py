"""DynamoDB tables."""

from __future__ import annotations

from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule


def tables_can_be_restored(planned: PlannedEnvironment) -> Faults:
    """Point-in-time recovery is on."""
    for table in planned.of_type("aws_dynamodb_table"):
        if table.block("point_in_time_recovery").get("enabled") is not True:
            yield table.address, "has no point-in-time recovery"


def tables_are_encrypted(planned: PlannedEnvironment) -> Faults:
    """With a key whose use is logged."""
    for table in planned.of_type("aws_dynamodb_table"):
        if table.block("server_side_encryption").get("enabled") is not True:
            yield table.address, "is encrypted with a key of AWS's own"


def production_tables_cannot_be_deleted(planned: PlannedEnvironment) -> Faults:
    """Deletion protection is on."""
    for table in planned.of_type("aws_dynamodb_table"):
        if planned.is_production and table["deletion_protection_enabled"] is not True:
            yield table.address, "can be deleted"


RULES: Final = tuple(map(Rule, (tables_can_be_restored, tables_are_encrypted, production_tables_cannot_be_deleted)))
