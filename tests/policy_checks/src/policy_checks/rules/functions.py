"""Functions, their logs, and who may call them."""

from __future__ import annotations

from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule


def functions_run_on_the_declared_platform(planned: PlannedEnvironment) -> Faults:
    """The declared runtime and architecture, installed from the packages bucket."""
    platform = planned.manifests.platform
    for function in planned.of_type("aws_lambda_function"):
        if function["runtime"] != platform.runtime:
            yield function.address, f"runs on {function['runtime']}"
        if function["architectures"] != [platform.architecture]:
            yield function.address, f"runs on {function['architectures']}"
        if function["s3_bucket"] != planned.names.packages_bucket or not function["code_sha256"]:
            yield function.address, "is not installed from the packages bucket by its checksum"


def every_function_has_a_log_group(planned: PlannedEnvironment) -> Faults:
    """Log groups that Lambda creates itself never expire."""
    groups = {group["name"] for group in planned.of_type("aws_cloudwatch_log_group")}
    for function in planned.of_type("aws_lambda_function"):
        if f"/aws/lambda/{function['function_name']}" not in groups:
            yield function.address, "has no log group"


def logs_are_kept_for_a_limited_time(planned: PlannedEnvironment) -> Faults:
    """For the retention of the platform."""
    for group in planned.of_type("aws_cloudwatch_log_group"):
        if group["retention_in_days"] != planned.manifests.platform.logs.retention_days:
            yield group.address, f"has a log retention of {group['retention_in_days'] or 'unlimited'} days"


def routes_need_a_token_unless_declared(planned: PlannedEnvironment) -> Faults:
    """Routes are protected unless the manifest declares them public."""
    routes = [route for ref in planned.manifests.functions for route in ref.function.gateway_routes]
    open_routes = {route.key for route in routes if route.auth.value == "none"}
    for route in planned.of_type("aws_apigatewayv2_route"):
        key = str(route["route_key"])
        secured = route["authorization_type"] == "JWT" and route["authorizer_id"]
        if not secured and key not in open_routes and not key.startswith("OPTIONS "):
            yield route.address, f"{key} is public"


def functions_have_no_url(planned: PlannedEnvironment) -> Faults:
    """The API is the only entrance."""
    for url in planned.of_type("aws_lambda_function_url"):
        yield url.address, "bypasses the API and its authorizer"


def the_api_is_throttled_and_logged(planned: PlannedEnvironment) -> Faults:
    """With the limits of the platform, and an access log with our retention."""
    throttling = planned.manifests.platform.api.throttling
    groups = {str(group["arn"]).removesuffix(":*") for group in planned.of_type("aws_cloudwatch_log_group")}
    for stage in planned.of_type("aws_apigatewayv2_stage"):
        settings = stage.block("default_route_settings")
        limits = (settings.get("throttling_rate_limit"), settings.get("throttling_burst_limit"))
        if limits != (throttling.rate, throttling.burst):
            yield stage.address, f"is throttled to {limits}"
        log = str(stage.block("access_log_settings").get("destination_arn") or "").removesuffix(":*")
        if log not in groups and planned.database.auth == "iam":
            yield stage.address, "has no access log"


RULES: Final = tuple(
    map(
        Rule,
        (
            functions_run_on_the_declared_platform,
            every_function_has_a_log_group,
            logs_are_kept_for_a_limited_time,
            routes_need_a_token_unless_declared,
            functions_have_no_url,
            the_api_is_throttled_and_logged,
        ),
    )
)
