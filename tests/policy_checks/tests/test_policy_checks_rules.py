"""Every rule can fire: a small valid environment, and for each rule a change that violates it."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from manifests import load_manifests
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules import RULES, Rule, broken_rules
from policy_checks.rules.secrecy import secret_values
from policy_checks.terraform import UNKNOWN, Resource
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
PLATFORM = MANIFESTS.platform
PLACE = "us-east-1:000000000000"
QUEUE, DEAD = f"arn:aws:sqs:{PLACE}:q", f"arn:aws:sqs:{PLACE}:q-dlq"
RULE, TOPIC = f"arn:aws:events:{PLACE}:rule/bus/q", f"arn:aws:sns:{PLACE}:collections-prod-alarms"
KEY = f"arn:aws:kms:{PLACE}:key/k"
BUCKET = "collections-prod-images-000000000000"
HEARING = sorted({ref.service.service for ref in MANIFESTS.functions if ref.function.queue})
Change = Callable[[dict[str, Resource]], None]


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def tls_only(action: str, *resources: str) -> dict[str, Any]:
    condition = {"Bool": {"aws:SecureTransport": "false"}}
    return {"Effect": "Deny", "Principal": "*", "Action": action, "Resource": list(resources), "Condition": condition}


def from_the_rule(queue: str) -> dict[str, Any]:
    principal, condition = {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": RULE}}
    return {
        "Effect": "Allow", "Principal": principal, "Action": "sqs:SendMessage", "Resource": queue,
        "Condition": condition,
    }  # fmt: skip


def by_services(action: str, resource: str, *services: str) -> dict[str, Any]:
    principal = {"Service": list(services or ("cloudwatch.amazonaws.com", "budgets.amazonaws.com"))}
    condition = {"StringEquals": {"aws:SourceAccount": "000000000000"}}
    return {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": resource, "Condition": condition}


def alarm(namespace: str, metric: str, threshold: float, **dimensions: str) -> dict[str, Any]:
    return {
        "namespace": namespace, "metric_name": metric, "threshold": threshold, "dimensions": dimensions,
        "comparison_operator": "GreaterThanThreshold", "alarm_actions": [TOPIC], "alarm_name": f"{metric} {dimensions}",
        "extended_statistic": "p95" if metric == "Duration" else None,
    }  # fmt: skip


def queue(name: str, arn: str, **values: Any) -> dict[str, Any]:
    return {"name": name, "arn": arn, "sqs_managed_sse_enabled": True, "message_retention_seconds": 1209600, **values}


VALID: dict[str, dict[str, Any]] = {
    "aws_sqs_queue.q": queue("q", QUEUE, redrive_policy=json.dumps({"deadLetterTargetArn": DEAD})),
    "aws_sqs_queue.dead": queue("q-dlq", DEAD),
    "aws_sqs_queue_policy.q": {"policy": document(from_the_rule(QUEUE), tls_only("sqs:*", QUEUE))},
    "aws_sqs_queue_policy.dead": {"policy": document(from_the_rule(DEAD), tls_only("sqs:*", DEAD))},
    "aws_cloudwatch_event_rule.r": {"name": "q", "event_bus_name": "bus", "arn": RULE},
    "aws_cloudwatch_event_target.t": {
        "rule": "q", "event_bus_name": "bus", "arn": QUEUE, "dead_letter_config": [{"arn": DEAD}],
    },
    "aws_cloudwatch_metric_alarm.dead": alarm("AWS/SQS", "ApproximateNumberOfMessagesVisible", 0, QueueName="q-dlq"),
    "aws_cloudwatch_metric_alarm.age": alarm("AWS/SQS", "ApproximateAgeOfOldestMessage", 600, QueueName="q"),
    "aws_cloudwatch_metric_alarm.errors": alarm("AWS/Lambda", "Errors", 0, FunctionName="f"),
    "aws_cloudwatch_metric_alarm.throttles": alarm("AWS/Lambda", "Throttles", 0, FunctionName="f"),
    "aws_cloudwatch_metric_alarm.duration": alarm("AWS/Lambda", "Duration", 8000, FunctionName="f"),
    "aws_cloudwatch_metric_alarm.connections": alarm("AWS/RDS", "DatabaseConnections", 60, DBInstanceIdentifier="db"),
    "aws_cloudwatch_metric_alarm.storage": {
        **alarm("AWS/RDS", "FreeStorageSpace", 1, DBInstanceIdentifier="db"),
        "comparison_operator": "LessThanThreshold",
    },
    **{
        f"aws_cloudwatch_metric_alarm.{service}": alarm(
            "Collections", "ProjectionLag", 9, environment="prod", service=service
        )
        for service in HEARING
    },
    **{
        f"aws_cloudwatch_metric_alarm.{service.service}-parked": alarm(
            "Collections", "OutboxParked", 0, environment="prod", service=service.service
        )
        for service in MANIFESTS.services.values()
        if service.publishes
    },
    **{
        f"aws_cloudwatch_dashboard.{name}": {"dashboard_name": f"collections-prod-{name}"}
        for name in ("pipeline", *MANIFESTS.services)
    },
    "aws_sns_topic.alarms": {"name": "collections-prod-alarms", "arn": TOPIC, "kms_master_key_id": KEY},
    "aws_sns_topic_policy.alarms": {"policy": document(by_services("sns:Publish", TOPIC))},
    "aws_kms_key.k": {"arn": KEY, "policy": document(by_services("kms:*", "*"))},
    "aws_budgets_budget.b": {"notification": [{"notification_type": "ACTUAL"}, {"notification_type": "FORECASTED"}]},
    "aws_lambda_function.f": {
        "function_name": "f", "role": "arn:aws:iam::000000000000:role/f", "timeout": 10, "runtime": PLATFORM.runtime,
        "architectures": [PLATFORM.architecture], "s3_bucket": "collections-prod-packages-000000000000",
        "code_sha256": "sum", "environment": [{"variables": {"MAX_TOKENS": "4", "EVENT_BUS": "bus"}}],
    },
    "aws_lambda_permission.f": {
        "function_name": "f", "principal": "events.amazonaws.com", "source_arn": RULE,
        "action": "lambda:InvokeFunction",
    },
    "aws_iam_role.f": {
        "name": "f",
        "assume_role_policy": document(
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ),
    },
    "aws_cloudwatch_log_group.f": {
        "name": "/aws/lambda/f", "retention_in_days": PLATFORM.logs.retention_days, "arn": "g",
    },
    "aws_apigatewayv2_route.closed": {"route_key": "GET /items", "authorization_type": "JWT", "authorizer_id": "a"},
    "aws_apigatewayv2_route.open": {"route_key": "GET /health", "authorization_type": "NONE"},
    "aws_apigatewayv2_stage.s": {
        "default_route_settings": [{
            "throttling_rate_limit": PLATFORM.api.throttling.rate,
            "throttling_burst_limit": PLATFORM.api.throttling.burst,
        }],
        "access_log_settings": [{"destination_arn": "g"}],
    },
    "aws_s3_bucket.b": {"bucket": BUCKET, "id": BUCKET, "arn": f"arn:aws:s3:::{BUCKET}", "force_destroy": False},
    "aws_s3_bucket_public_access_block.b": {
        "bucket": BUCKET, "block_public_acls": True, "block_public_policy": True, "ignore_public_acls": True,
        "restrict_public_buckets": True,
    },
    "aws_s3_bucket_ownership_controls.b": {"bucket": BUCKET, "rule": [{"object_ownership": "BucketOwnerEnforced"}]},
    "aws_s3_bucket_server_side_encryption_configuration.b": {
        "bucket": BUCKET, "rule": [{"apply_server_side_encryption_by_default": [{"sse_algorithm": "AES256"}]}],
    },
    "aws_s3_bucket_policy.b": {
        "bucket": BUCKET, "policy": document(tls_only("s3:*", f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*")),
    },
    "aws_s3_bucket_versioning.b": {"bucket": BUCKET, "versioning_configuration": [{"status": "Enabled"}]},
    "aws_s3_bucket_lifecycle_configuration.b": {
        "bucket": BUCKET, "rule": [{"noncurrent_version_expiration": [{"noncurrent_days": 7}], "status": "Enabled"}],
    },
    "aws_dynamodb_table.t": {
        "point_in_time_recovery": [{"enabled": True}], "server_side_encryption": [{"enabled": True}],
        "deletion_protection_enabled": True,
    },
    "aws_db_instance.db": {
        "identifier": "db", "engine": "postgres", "storage_encrypted": True, "parameter_group_name": "g",
        "iam_database_authentication_enabled": True, "manage_master_user_password": True, "backup_retention_period": 7,
        "deletion_protection": True, "skip_final_snapshot": False,
    },
    "aws_db_parameter_group.g": {"name": "g", "parameter": [{"name": "rds.force_ssl", "value": "1"}]},
    "aws_cognito_user_pool.p": {"deletion_protection": "ACTIVE", "password_policy": [{"minimum_length": 10}]},
    "aws_cognito_user_pool_client.c": {
        "generate_secret": False, "client_secret": "mocked", "access_token_validity": 60,
        "token_validity_units": [{"access_token": "minutes"}],
    },
}  # fmt: skip
OUTPUTS = {
    "environment": "prod", "region": "us-east-1", "account": "000000000000", "user_pool_id": "pool",
    "database": {
        "host": "db.example", "port": 5432, "auth": "iam", "sslmode": "verify-full", "resource_id": "db-A",
        "administrator_secret": "arn:aws:secretsmanager:us-east-1:000000000000:secret:rds",
    },
}  # fmt: skip


def planned(*changes: Change, **outputs: Any) -> PlannedEnvironment:
    resources = {address: Resource(address, address.split(".")[0], values) for address, values in VALID.items()}
    for change in changes:
        change(resources)
    return PlannedEnvironment(MANIFESTS, {**OUTPUTS, **outputs}, tuple(resources.values()))


def without(address: str) -> Change:
    return lambda resources: resources.__delitem__(address)


def having(address: str, **values: Any) -> Change:
    def change(resources: dict[str, Resource]) -> None:
        known = resources.get(address, Resource(address, address.split(".")[0], {}))
        resources[address] = replace(known, values={**known.values, **values})

    return change


def test_a_valid_environment_has_no_findings() -> None:
    assert broken_rules(planned()) == []


_TRUSTED_BY_ALL = document({"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"})
_OPEN_TO_ALL = document({"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": QUEUE})
_FOR_ANY_SOURCE = document(
    {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:*", "Resource": QUEUE}
)
_ALL_SECRETS = document(
    {"Effect": "Allow", "Action": "ssm:GetParameter", "Resource": f"arn:aws:ssm:{PLACE}:parameter/*"}
)
_FOR_A_ROLE = document(
    {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::000000000000:role/f"}, "Action": "s3:*", "Resource": BUCKET}
)
VIOLATIONS: list[tuple[str, str, Change]] = [
    ("every_queue_has_a_dead_letter_queue", "aws_sqs_queue.q", having("aws_sqs_queue.q", redrive_policy="")),
    ("every_queue_has_a_dead_letter_queue", "aws_sqs_queue.q", without("aws_sqs_queue.dead")),
    (
        "every_rule_target_has_a_dead_letter_queue",
        "aws_cloudwatch_event_target.t",
        having("aws_cloudwatch_event_target.t", dead_letter_config=[]),
    ),
    ("queues_are_encrypted", "aws_sqs_queue.dead", having("aws_sqs_queue.dead", sqs_managed_sse_enabled=False)),
    (
        "queues_require_tls",
        "aws_sqs_queue.q",
        having("aws_sqs_queue_policy.q", policy=document(from_the_rule(QUEUE))),
    ),
    (
        "dead_letters_are_kept_two_weeks",
        "aws_sqs_queue.dead",
        having("aws_sqs_queue.dead", message_retention_seconds=345600),
    ),
    (
        "no_access_is_anonymous",
        "aws_sqs_queue_policy.q",
        having("aws_sqs_queue_policy.q", policy=_OPEN_TO_ALL),
    ),
    (
        "no_access_is_anonymous",
        "aws_sqs_queue_policy.q",
        having("aws_sqs_queue_policy.q", policy=_FOR_ANY_SOURCE),
    ),
    (
        "permissions_allow_one_source_to_invoke",
        "aws_lambda_permission.f",
        having("aws_lambda_permission.f", source_arn=""),
    ),
    (
        "permissions_allow_one_source_to_invoke",
        "aws_lambda_permission.f",
        having("aws_lambda_permission.f", action="lambda:*"),
    ),
    (
        "permissions_allow_one_source_to_invoke",
        "aws_lambda_permission.f",
        having("aws_lambda_permission.f", principal_org_id="o-1"),
    ),
    (
        "every_kind_of_policy_is_checked",
        "aws_ecr_repository_policy.x",
        having("aws_ecr_repository_policy.x", policy=_OPEN_TO_ALL),
    ),
    ("every_kind_of_policy_is_checked", "aws_iam_user_policy.x", having("aws_iam_user_policy.x", policy="{}")),
    (
        "resource_policies_allow_only_services",
        "aws_s3_bucket_policy.b",
        having("aws_s3_bucket_policy.b", policy=_FOR_A_ROLE),
    ),
    ("resource_policies_allow_only_services", "aws_sqs_queue.q", having("aws_sqs_queue.q", policy=_FOR_A_ROLE)),
    (
        "resource_policies_deny_only_requests_without_tls",
        "aws_sqs_queue_policy.q",
        having("aws_sqs_queue_policy.q", policy=document({**tls_only("sqs:*", QUEUE), "Condition": {}})),
    ),
    ("every_dead_letter_queue_has_an_alarm", "aws_sqs_queue.dead", without("aws_cloudwatch_metric_alarm.dead")),
    (
        "every_dead_letter_queue_has_an_alarm",
        "aws_sqs_queue.dead",
        having("aws_cloudwatch_metric_alarm.dead", threshold=1),
    ),
    ("every_queue_has_an_alarm_on_its_oldest_message", "aws_sqs_queue.q", without("aws_cloudwatch_metric_alarm.age")),
    ("every_function_has_alarms", "aws_lambda_function.f", without("aws_cloudwatch_metric_alarm.errors")),
    ("every_function_has_alarms", "aws_lambda_function.f", without("aws_cloudwatch_metric_alarm.throttles")),
    (
        "every_function_has_alarms",
        "aws_lambda_function.f",
        having("aws_cloudwatch_metric_alarm.duration", threshold=10000),
    ),
    ("every_consuming_service_has_an_alarm_on_its_lag", "chat", without("aws_cloudwatch_metric_alarm.chat")),
    (
        "every_consuming_service_has_an_alarm_on_its_lag",
        "chat",
        having("aws_cloudwatch_metric_alarm.chat", comparison_operator="LessThanThreshold"),
    ),
    (
        "every_publishing_service_has_an_alarm_on_parked_events",
        "chat",
        without("aws_cloudwatch_metric_alarm.chat-parked"),
    ),
    (
        "every_publishing_service_has_an_alarm_on_parked_events",
        "chat",
        having("aws_cloudwatch_metric_alarm.chat-parked", threshold=1),
    ),
    ("the_database_has_alarms", "aws_db_instance.db", without("aws_cloudwatch_metric_alarm.storage")),
    (
        "the_database_has_alarms",
        "aws_db_instance.db",
        having("aws_cloudwatch_metric_alarm.storage", comparison_operator="GreaterThanThreshold"),
    ),
    ("everything_is_on_a_dashboard", "aws_cloudwatch_dashboard", without("aws_cloudwatch_dashboard.pipeline")),
    ("everything_is_on_a_dashboard", "aws_cloudwatch_dashboard", without("aws_cloudwatch_dashboard.chat")),
    (
        "every_alarm_notifies_the_topic",
        "aws_cloudwatch_metric_alarm.age",
        having("aws_cloudwatch_metric_alarm.age", alarm_actions=[]),
    ),
    (
        "every_alarm_notifies_the_topic",
        "aws_cloudwatch_metric_alarm.age",
        having("aws_cloudwatch_metric_alarm.age", actions_enabled=False),
    ),
    (
        "names_of_alarms_are_unique",
        "aws_cloudwatch_metric_alarm.age",
        having("aws_cloudwatch_metric_alarm.age", alarm_name=VALID["aws_cloudwatch_metric_alarm.errors"]["alarm_name"]),
    ),
    ("there_is_one_topic", "aws_sns_topic", having("aws_sns_topic.second", name="second", arn="arn:second")),
    ("alarms_may_publish_to_the_topic", "aws_sns_topic.alarms", without("aws_sns_topic_policy.alarms")),
    ("alarms_may_publish_to_the_topic", "aws_sns_topic.alarms", without("aws_kms_key.k")),
    (
        "alarms_may_publish_to_the_topic",
        "aws_sns_topic.alarms",
        having(
            "aws_sns_topic_policy.alarms",
            policy=document(by_services("sns:Publish", TOPIC, "cloudwatch.amazonaws.com")),
        ),
    ),
    (
        "alarms_may_publish_to_the_topic",
        "aws_sns_topic.alarms",
        having(
            "aws_sns_topic_policy.alarms",
            policy=document({**by_services("sns:Publish", TOPIC), "Condition": {}}),
        ),
    ),
    ("there_is_a_budget", "aws_budgets_budget", without("aws_budgets_budget.b")),
    (
        "functions_run_on_the_declared_platform",
        "aws_lambda_function.f",
        having("aws_lambda_function.f", architectures=["x86_64"]),
    ),
    (
        "functions_run_on_the_declared_platform",
        "aws_lambda_function.f",
        having("aws_lambda_function.f", s3_bucket="other"),
    ),
    ("every_function_has_a_log_group", "aws_lambda_function.f", having("aws_cloudwatch_log_group.f", name="other")),
    (
        "logs_are_kept_for_a_limited_time",
        "aws_cloudwatch_log_group.f",
        having("aws_cloudwatch_log_group.f", retention_in_days=0),
    ),
    (
        "routes_need_a_token_unless_declared",
        "aws_apigatewayv2_route.closed",
        having("aws_apigatewayv2_route.closed", authorization_type="NONE"),
    ),
    (
        "functions_have_no_url",
        "aws_lambda_function_url.f",
        having("aws_lambda_function_url.f", function_name="f"),
    ),
    (
        "the_api_is_throttled_and_logged",
        "aws_apigatewayv2_stage.s",
        having("aws_apigatewayv2_stage.s", default_route_settings=[]),
    ),
    (
        "the_api_is_throttled_and_logged",
        "aws_apigatewayv2_stage.s",
        having("aws_apigatewayv2_stage.s", access_log_settings=[]),
    ),
    (
        "every_function_has_a_role_of_its_own",
        "aws_lambda_function.f",
        having("aws_lambda_function.second", function_name="second", role="f"),
    ),
    ("only_lambda_assumes_roles", "aws_iam_role.f", having("aws_iam_role.f", assume_role_policy=_TRUSTED_BY_ALL)),
    (
        "only_lambda_assumes_roles",
        "aws_iam_role.second",
        having("aws_iam_role.second", name="second", assume_role_policy=_TRUSTED_BY_ALL),
    ),
    (
        "only_functions_have_roles",
        "aws_iam_role.second",
        having("aws_iam_role.second", name="second", assume_role_policy=_TRUSTED_BY_ALL),
    ),
    (
        "roles_have_only_inline_policies",
        "aws_iam_role_policy_attachment.f",
        having("aws_iam_role_policy_attachment.f", role="f", policy_arn="arn:aws:iam::aws:policy/AdministratorAccess"),
    ),
    ("roles_have_only_inline_policies", "aws_iam_role.f", having("aws_iam_role.f", inline_policy=[{"policy": "{}"}])),
    (
        "policies_for_operators_stay_in_their_environment",
        "aws_iam_policy.operator",
        having("aws_iam_policy.operator", policy=_ALL_SECRETS),
    ),
    ("buckets_are_private", "aws_s3_bucket.b", having("aws_s3_bucket_public_access_block.b", block_public_acls=False)),
    ("buckets_are_private", "aws_s3_bucket.b", without("aws_s3_bucket_ownership_controls.b")),
    ("buckets_are_private", "aws_s3_bucket_acl.b", having("aws_s3_bucket_acl.b", bucket=BUCKET)),
    ("buckets_are_encrypted", "aws_s3_bucket.b", without("aws_s3_bucket_server_side_encryption_configuration.b")),
    ("buckets_require_tls", "aws_s3_bucket.b", without("aws_s3_bucket_policy.b")),
    (
        "buckets_are_versioned",
        "aws_s3_bucket.b",
        having("aws_s3_bucket_versioning.b", versioning_configuration=[{"status": "Suspended"}]),
    ),
    ("buckets_are_versioned", "aws_s3_bucket.b", without("aws_s3_bucket_lifecycle_configuration.b")),
    ("production_keeps_its_pictures", "aws_s3_bucket.b", having("aws_s3_bucket.b", force_destroy=True)),
    ("tables_can_be_restored", "aws_dynamodb_table.t", having("aws_dynamodb_table.t", point_in_time_recovery=[])),
    ("tables_are_encrypted", "aws_dynamodb_table.t", having("aws_dynamodb_table.t", server_side_encryption=[])),
    (
        "production_tables_cannot_be_deleted",
        "aws_dynamodb_table.t",
        having("aws_dynamodb_table.t", deletion_protection_enabled=False),
    ),
    ("there_is_one_database_in_aws", "aws_db_instance", having("aws_db_instance.second", engine="mysql")),
    ("the_database_is_encrypted", "aws_db_instance.db", having("aws_db_instance.db", storage_encrypted=False)),
    ("the_database_is_encrypted", "aws_db_instance.db", having("aws_db_parameter_group.g", parameter=[])),
    (
        "no_database_password_is_in_terraform",
        "aws_db_instance.db",
        having("aws_db_instance.db", manage_master_user_password=None, password="known"),
    ),
    (
        "no_database_password_is_in_terraform",
        "aws_db_instance.db",
        having("aws_db_instance.db", iam_database_authentication_enabled=False),
    ),
    ("the_database_is_backed_up", "aws_db_instance.db", having("aws_db_instance.db", backup_retention_period=1)),
    (
        "the_production_database_cannot_be_deleted",
        "aws_db_instance.db",
        having("aws_db_instance.db", deletion_protection=False),
    ),
    (
        "the_production_database_cannot_be_deleted",
        "aws_db_instance.db",
        having("aws_db_instance.db", skip_final_snapshot=True),
    ),
    (
        "production_users_cannot_be_deleted",
        "aws_cognito_user_pool.p",
        having("aws_cognito_user_pool.p", deletion_protection="INACTIVE"),
    ),
    (
        "no_secret_has_a_value",
        "aws_lambda_function.f",
        having("aws_lambda_function.f", environment=[{"variables": {"DATABASE_PASSWORD": "hunter2"}}]),
    ),
    (
        "no_secret_has_a_value",
        "aws_cognito_user_pool_client.c",
        having("aws_cognito_user_pool_client.c", generate_secret=True),
    ),
    (
        "nothing_sensitive_has_a_value",
        "aws_sns_topic.alarms",
        lambda all_: all_.update(
            {"aws_sns_topic.alarms": replace(all_["aws_sns_topic.alarms"], sensitive={"arn": True, "tags": {}})}
        ),
    ),
    (
        "no_parameter_has_a_value",
        "aws_ssm_parameter.key",
        having("aws_ssm_parameter.key", type="SecureString", value="sk-1"),
    ),
]


@pytest.mark.parametrize(
    ("rule", "address", "change"), VIOLATIONS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_violation_is_found(rule: str, address: str, change: Change) -> None:
    (checked,) = [item for item in RULES if item.check.__name__ == rule]
    assert address in {found for found, _ in checked.check(planned(change))}


def test_iam_users_are_violations() -> None:
    (rule,) = [item for item in RULES if item.check.__name__ == "there_are_no_iam_users"]
    assert list(rule.check(planned(having("aws_iam_user.me", name="me")))) == [
        ("aws_iam_user.me", "is an IAM user or belongs to one")
    ]


def test_outputs_are_checked_too() -> None:
    (rule,) = [item for item in RULES if item.check.__name__ == "outputs_contain_no_secret"]
    assert list(rule.check(planned(api_token="abc"))) == [("output.api_token", "has a value")]


def test_every_rule_has_a_violation() -> None:
    apart = {"there_are_no_iam_users", "outputs_contain_no_secret"}
    assert {name(rule) for rule in RULES} == {rule for rule, _, _ in VIOLATIONS} | apart


def test_only_production_is_protected_from_deletion() -> None:
    changes = [
        having("aws_s3_bucket.b", force_destroy=True),
        having("aws_dynamodb_table.t", deletion_protection_enabled=False),
        having("aws_db_instance.db", deletion_protection=False, skip_final_snapshot=True),
        having("aws_cognito_user_pool.p", deletion_protection="INACTIVE"),
    ]
    rules = [rule for rule in RULES if "production" in name(rule)]
    assert len(rules) == 4
    assert broken_rules(planned(*changes, environment="dev"), rules) == []
    assert len(broken_rules(planned(*changes), rules)) == 5


@pytest.mark.parametrize(
    ("values", "secret"),
    [
        ({"password": "x"}, True),
        ({"master_password": "x"}, True),
        ({"auth_token": "x"}, True),
        ({"secret_string": "x"}, True),
        ({"variables": {"LANGSMITH_SECRET": "x"}}, True),
        ({"block": [{"private_key": "x"}]}, True),
        ({"variables": {"ANTHROPIC_API_KEY": "x"}}, True),
        ({"api_key_selection_expression": "$request.header.x-api-key"}, False),
        ({"password": UNKNOWN}, False),
        ({"password": None}, False),
        ({"password": ""}, False),
        ({"manage_master_user_password": True}, False),
        ({"secret_arn": "arn:x"}, False),
        ({"variables": {"CHAT_MAX_TOKENS": "2048"}}, False),
        ({"password_policy": [{"minimum_length": 8}]}, False),
        ({"access_token_validity": 60}, False),
    ],
)
def test_secrets_are_recognised_by_name(values: dict[str, Any], secret: bool) -> None:
    assert bool(list(secret_values(Resource("aws_x.y", "aws_x", values)))) is secret


def name(rule: Rule) -> str:
    return rule.check.__name__
