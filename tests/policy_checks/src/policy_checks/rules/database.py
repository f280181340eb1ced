"""The Postgres instance. It is reached from the internet by design: TLS and short-lived tokens are its doors."""

from __future__ import annotations

from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule

_BACKUP_DAYS = 7


def there_is_one_database_in_aws(planned: PlannedEnvironment) -> Faults:
    """With pgvector's engine, of the small class that the budget is made for."""
    found = [instance["engine"] for instance in planned.of_type("aws_db_instance")]
    if planned.database.auth == "iam" and found != ["postgres"]:
        yield "aws_db_instance", f"the engines are {found}"


def the_database_is_encrypted(planned: PlannedEnvironment) -> Faults:
    """What it keeps, and every connection."""
    groups = {group["name"]: group for group in planned.of_type("aws_db_parameter_group")}
    for instance in planned.of_type("aws_db_instance"):
        if instance["storage_encrypted"] is not True:
            yield instance.address, "is not encrypted"
        group = groups.get(instance["parameter_group_name"])
        settings = {item["name"]: item["value"] for item in (group["parameter"] if group else ())}
        if settings.get("rds.force_ssl") != "1":
            yield instance.address, "takes connections without TLS"


def nobody_signs_in_with_a_password_that_terraform_knows(planned: PlannedEnvironment) -> Faults:
    """Services sign in with tokens; the first password is RDS's own and lies in Secrets Manager."""
    for instance in planned.of_type("aws_db_instance"):
        if instance["iam_database_authentication_enabled"] is not True:
            yield instance.address, "takes no tokens"
        if instance["manage_master_user_password"] is not True or instance["password"]:
            yield instance.address, "has a password that Terraform knows"


def the_database_is_backed_up(planned: PlannedEnvironment) -> Faults:
    """Every day, for a week at least, tags included."""
    for instance in planned.of_type("aws_db_instance"):
        if int(instance["backup_retention_period"] or 0) < _BACKUP_DAYS:
            yield instance.address, f"keeps backups {instance['backup_retention_period']} days"


def the_production_database_cannot_be_deleted(planned: PlannedEnvironment) -> Faults:
    """Until somebody turns the protection off, and then not without a last snapshot."""
    for instance in planned.of_type("aws_db_instance"):
        if planned.is_production and instance["deletion_protection"] is not True:
            yield instance.address, "can be deleted"
        if planned.is_production and instance["skip_final_snapshot"] is not False:
            yield instance.address, "goes without a last snapshot"


def production_users_cannot_be_deleted(planned: PlannedEnvironment) -> Faults:
    """The pool of users is as hard to come by again as the database."""
    for pool in planned.of_type("aws_cognito_user_pool"):
        if planned.is_production and pool["deletion_protection"] != "ACTIVE":
            yield pool.address, "can be deleted"


RULES: Final = tuple(
    map(
        Rule,
        (
            there_is_one_database_in_aws,
            the_database_is_encrypted,
            nobody_signs_in_with_a_password_that_terraform_knows,
            the_database_is_backed_up,
            the_production_database_cannot_be_deleted,
            production_users_cannot_be_deleted,
        ),
    )
)
