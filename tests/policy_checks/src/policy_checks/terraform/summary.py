"""A readable plan: one line a resource with its important attributes, deterministic for each commit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from mesh.infra.resources import UNKNOWN, Resource

# Attributes that define behaviour; `a.b` is one of a block. Other types show only their address.
# Policies are compared with the manifests; ids and sums change with every build.
SHOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "aws_apigatewayv2_authorizer": ("authorizer_type", "identity_sources"),
    "aws_apigatewayv2_route": ("authorization_type",),
    "aws_apigatewayv2_stage": (
        "default_route_settings.throttling_rate_limit",
        "default_route_settings.throttling_burst_limit",
    ),
    "aws_budgets_budget": ("limit_amount", "limit_unit", "time_unit"),
    "aws_cloudwatch_event_archive": ("retention_days", "event_pattern"),
    "aws_cloudwatch_event_rule": ("schedule_expression", "event_pattern"),
    "aws_cloudwatch_log_group": ("retention_in_days",),
    "aws_cloudwatch_metric_alarm": ("metric_name", "threshold", "period", "evaluation_periods"),
    "aws_cognito_user_pool": ("mfa_configuration", "deletion_protection", "password_policy.minimum_length"),
    "aws_cognito_user_pool_client": ("explicit_auth_flows", "access_token_validity", "refresh_token_validity"),
    "aws_db_instance": (
        "engine_version",
        "instance_class",
        "allocated_storage",
        "max_allocated_storage",
        "storage_encrypted",
        "iam_database_authentication_enabled",
        "backup_retention_period",
        "deletion_protection",
        "skip_final_snapshot",
    ),
    "aws_dynamodb_table": ("hash_key", "range_key", "ttl.attribute_name", "deletion_protection_enabled"),
    "aws_lambda_event_source_mapping": ("batch_size", "scaling_config.maximum_concurrency"),
    "aws_lambda_function": ("handler", "runtime", "architectures", "memory_size", "timeout"),
    "aws_lambda_function_event_invoke_config": ("maximum_retry_attempts",),
    "aws_lambda_permission": ("principal", "action"),
    "aws_s3_bucket": ("bucket", "force_destroy"),
    "aws_s3_bucket_versioning": ("versioning_configuration.status",),
    "aws_sqs_queue": ("visibility_timeout_seconds", "message_retention_seconds"),
    "aws_vpc_security_group_ingress_rule": ("cidr_ipv4", "from_port", "to_port"),
}


def summarise(resources: Iterable[Resource]) -> str:
    """The whole text, one line a resource, by address."""
    lines = sorted(_line(resource) for resource in resources)
    return "".join(f"{line}\n" for line in lines)


def _line(resource: Resource) -> str:
    shown = ((path, _at(resource, path)) for path in SHOWN.get(resource.type, ()))
    settings = (f"{path}={_shown(value)}" for path, value in shown if value not in (None, "", []))
    # All resources are in one module, so its name is redundant.
    address = resource.address.replace("module.", "").removeprefix("environment.")
    return " ".join([address, *settings])


def _at(resource: Resource, path: str) -> Any:
    block, _, name = path.rpartition(".")
    return resource.block(block).get(name) if block else resource[name]


def _shown(value: Any) -> str:
    if value is UNKNOWN:
        return repr(value)
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(json.loads(value), sort_keys=True, separators=(",", ":"))
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=repr)
