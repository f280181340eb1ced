"""The Postgres instance. It is reachable from the internet by design, with TLS and short-lived tokens."""

from __future__ import annotations

from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule

_BACKUP_DAYS = 7


def there_is_one_database_in_aws(planned: PlannedEnvironment) -> Faults:
    """With an engine that has pgvector, of the small class that the budget assumes."""
    found = [instance["engine"] for instance in planned.of_type("aws_db_instance")]
    if planned.database.auth == "iam" and found != ["postgres"]:
        yield "aws_db_instance", f"the engines are {found}"


def the_database_is_encrypted(planned: PlannedEnvironment) -> Faults:
    """At rest and in transit."""
    groups = {group["name"]: group for group in planned.of_type("aws_db_parameter_group")}
    for instance in planned.of_type("aws_db_instance"):
        if instance["storage_encrypted"] is not True:
            yield instance.address, "is not encrypted"
        group = groups.get(instance["parameter_group_name"])
        settings = {item["name"]: item["value"] for item in (group["parameter"] if group else ())}
        if settings.get("rds.force_ssl") != "1":
            yield instance.address, "accepts connections without TLS"


def no_database_password_is_in_terraform(planned: PlannedEnvironment) -> Faults:
    """Services sign in with tokens; RDS generates the master password and keeps it in Secrets Manager."""
    for instance in planned.of_type("aws_db_instance"):
        if instance["iam_database_authentication_enabled"] is not True:
            yield instance.address, "accepts no tokens"
        if instance["manage_master_user_password"] is not True or instance["password"]:
            yield instance.address, "has a password in the Terraform state"


def the_database_is_backed_up(planned: PlannedEnvironment) -> Faults:
    """Daily, kept for at least a week, tags included."""
    for instance in planned.of_type("aws_db_instance"):
        if int(instance["backup_retention_period"] or 0) < _BACKUP_DAYS:
            yield instance.address, f"keeps backups for {instance['backup_retention_period']} days"


def the_production_database_cannot_be_deleted(planned: PlannedEnvironment) -> Faults:
    """Deletion protection is on, and a final snapshot is taken."""
    for instance in planned.of_type("aws_db_instance"):
        if planned.is_production and instance["deletion_protection"] is not True:
            yield instance.address, "can be deleted"
        if planned.is_production and instance["skip_final_snapshot"] is not False:
            yield instance.address, "is deleted without a final snapshot"


def production_users_cannot_be_deleted(planned: PlannedEnvironment) -> Faults:
    """A deleted user pool cannot be restored."""
    for pool in planned.of_type("aws_cognito_user_pool"):
        if planned.is_production and pool["deletion_protection"] != "ACTIVE":
            yield pool.address, "can be deleted"


RULES: Final = tuple(
    map(
        Rule,
        (
            there_is_one_database_in_aws,
            the_database_is_encrypted,
            no_database_password_is_in_terraform,
            the_database_is_backed_up,
            the_production_database_cannot_be_deleted,
            production_users_cannot_be_deleted,
        ),
    )
)
