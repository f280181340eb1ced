"""The topology that Terraform makes, from an planned.

What is in it and in no manifest (alarms, dashboards, the database, budgets) is for the rules, not for this.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from mesh.infra.resources import Resource
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.topology import forms
from policy_checks.topology.forms import Key, Settings, Topology

_Part = Iterator[tuple[Key, Settings]]
# Deletes what nobody can see: parts of uploads that broke off, marks of deletions.
_TIDYING = "leftovers"


def topology_from_terraform(planned: PlannedEnvironment) -> Topology:
    """Read it from an planned."""
    parts = (
        _functions,
        _roles,
        _queues,
        _rules,
        _mappings,
        _invokers,
        _routes,
        _tables,
        _logs,
        _bus,
        _bucket,
        _identity,
    )
    return {key: settings for part in parts for key, settings in part(planned)}


def _functions(planned: PlannedEnvironment) -> _Part:
    for function in planned.of_type("aws_lambda_function"):
        yield (
            Key("function", function["function_name"]),
            {
                "handler": function["handler"],
                "memory_mb": function["memory_size"],
                "timeout_s": function["timeout"],
                "runtime": function["runtime"],
                "architectures": function["architectures"],
                "role": _last(function["role"]),
                "variables": forms.variables(function.block("environment").get("variables")),
            },
        )


def _roles(planned: PlannedEnvironment) -> _Part:
    """Of functions; those of AWS's services are for the rules."""
    of_functions = {_last(function["role"]) for function in planned.of_type("aws_lambda_function")}
    policies: dict[str, dict[str, Any]] = defaultdict(dict)
    for policy in planned.of_type("aws_iam_role_policy"):
        policies[_last(policy["role"])][policy["name"]] = forms.policy(policy["policy"])
    for attachment in planned.of_type("aws_iam_role_policy_attachment"):
        policies[_last(attachment["role"])][attachment["policy_arn"]] = "attached"
    for role in planned.of_type("aws_iam_role"):
        name = role["name"]
        if name in of_functions:
            yield Key("role", name), {"trust": forms.policy(role["assume_role_policy"]), "policies": policies[name]}


def _queues(planned: PlannedEnvironment) -> _Part:
    policies = {item["queue_url"]: item["policy"] for item in planned.of_type("aws_sqs_queue_policy")}
    redrives = {item["queue_url"]: item["redrive_policy"] for item in planned.of_type("aws_sqs_queue_redrive_policy")}
    for queue in planned.of_type("aws_sqs_queue"):
        redrive = forms.redrive(queue["redrive_policy"] or redrives.get(queue["url"]))
        yield (
            Key("queue", queue["name"]),
            {
                # A dead-letter queue is read by people: whatever SQS takes as its default will do.
                "visibility_s": queue["visibility_timeout_seconds"] if redrive else None,
                "retention_s": queue["message_retention_seconds"],
                "largest": queue["max_message_size"],
                "redrive": redrive,
                "senders": forms.senders(queue["policy"] or policies.get(queue["url"])),
            },
        )


def _rules(planned: PlannedEnvironment) -> _Part:
    targets: dict[str, list[Settings]] = defaultdict(list)
    for target in planned.of_type("aws_cloudwatch_event_target"):
        targets[f"{_bus_of(target)}/{target['rule']}"].append(
            {
                "arn": target["arn"],
                "input": forms.decoded(target["input"] or None),
                "dead_letters": target.block("dead_letter_config").get("arn"),
            }
        )
    for rule in planned.of_type("aws_cloudwatch_event_rule"):
        name = f"{_bus_of(rule)}/{rule['name']}"
        yield (
            Key("rule", name),
            {
                "pattern": forms.pattern(rule["event_pattern"]),
                "schedule": rule["schedule_expression"] or None,
                "enabled": rule["state"] in (None, "", "ENABLED"),
                "targets": forms.ordered(targets[name]),
            },
        )


def _mappings(planned: PlannedEnvironment) -> _Part:
    for mapping in planned.of_type("aws_lambda_event_source_mapping"):
        yield (
            Key("mapping", str(mapping["function_name"]).rsplit(":", 1)[-1]),
            {
                "queue": mapping["event_source_arn"],
                "batch_size": mapping["batch_size"],
                "maximum_concurrency": mapping.block("scaling_config").get("maximum_concurrency"),
                "responses": mapping["function_response_types"],
                "enabled": mapping["enabled"] is not False,
            },
        )


def _invokers(planned: PlannedEnvironment) -> _Part:
    places = _places(planned)
    found: dict[str, list[Settings]] = defaultdict(list)
    for permission in planned.of_type("aws_lambda_permission"):
        source = forms.without(str(permission["source_arn"]), places)
        invoker = {"principal": permission["principal"], "source": source}
        found[str(permission["function_name"]).rsplit(":", 1)[-1]].append(invoker)
    for function, invokers in found.items():
        yield Key("invokers", function), {"invokers": forms.ordered(invokers)}


def _routes(planned: PlannedEnvironment) -> _Part:
    functions = {str(item["id"]): item["integration_uri"] for item in planned.of_type("aws_apigatewayv2_integration")}
    authorizers = {str(item["id"]): item["name"] for item in planned.of_type("aws_apigatewayv2_authorizer")}
    for route in planned.of_type("aws_apigatewayv2_route"):
        yield (
            Key("route", route["route_key"]),
            {
                "function": functions.get(str(route["target"]).removeprefix("integrations/")),
                "authorization": route["authorization_type"],
                "authorizer": authorizers.get(str(route["authorizer_id"])),
            },
        )
    places = _places(planned)
    stages = {
        str(item["api_id"]): item.block("default_route_settings") for item in planned.of_type("aws_apigatewayv2_stage")
    }
    for api in planned.of_type("aws_apigatewayv2_api"):
        limits, cors = stages.get(str(api["id"]), {}), api.block("cors_configuration")
        yield (
            Key("api", api["name"]),
            {
                "cors": {
                    "origins": sorted(cors.get("allow_origins") or ()),
                    "methods": sorted(cors.get("allow_methods") or ()),
                    "headers": sorted(cors.get("allow_headers") or ()),
                    "exposed": sorted(cors.get("expose_headers") or ()),
                    "age_s": cors.get("max_age"),
                },
                "throttling": [limits.get("throttling_rate_limit"), limits.get("throttling_burst_limit")],
                "authorizers": {item["name"]: _authorizer(item, places) for item in _authorizers(planned, api)},
            },
        )


def _authorizers(planned: PlannedEnvironment, api: Resource) -> list[Resource]:
    return [item for item in planned.of_type("aws_apigatewayv2_authorizer") if item["api_id"] == api["id"]]


def _authorizer(authorizer: Resource, places: dict[str, str]) -> Settings:
    settings = authorizer.block("jwt_configuration")
    return {
        "audience": [forms.without(item, places) for item in sorted(settings.get("audience") or ())],
        "issuer": forms.without(str(settings.get("issuer")), places),
    }


def _tables(planned: PlannedEnvironment) -> _Part:
    for table in planned.of_type("aws_dynamodb_table"):
        ttl = table.block("ttl")
        yield (
            Key("table", table["name"]),
            {
                "keys": [table["hash_key"], table["range_key"] or None],
                "ttl": ttl.get("attribute_name") if ttl.get("enabled") else None,
                "indexes": {index["name"]: _index(index) for index in table["global_secondary_index"] or ()},
                "billing": table["billing_mode"],
                "attributes": "strings" if {item["type"] for item in table["attribute"]} == {"S"} else "others",
            },
        )


def _index(index: Settings) -> list[Any]:
    """Partition key, sort key, projection; newer schemas tell the keys as blocks."""
    keys = {item["key_type"]: item["attribute_name"] for item in index.get("key_schema") or ()}
    partition = keys.get("HASH") or index.get("hash_key")
    return [partition, keys.get("RANGE") or index.get("range_key") or None, index["projection_type"]]


def _logs(planned: PlannedEnvironment) -> _Part:
    for group in planned.of_type("aws_cloudwatch_log_group"):
        if group["name"].startswith("/aws/lambda/"):
            yield Key("log group", group["name"]), {"days": group["retention_in_days"]}


def _bus(planned: PlannedEnvironment) -> _Part:
    for bus in planned.of_type("aws_cloudwatch_event_bus"):
        yield Key("bus", bus["name"]), {}
    for archive in planned.of_type("aws_cloudwatch_event_archive"):
        yield (
            Key("archive", archive["name"]),
            {
                "bus": archive["event_source_arn"],
                "pattern": forms.pattern(archive["event_pattern"]),
                "days": archive["retention_days"],
            },
        )


def _bucket(planned: PlannedEnvironment) -> _Part:
    """The one of images; the one of packages is no matter of the manifests."""
    name = planned.names.images_bucket
    if any(bucket["bucket"] == name for bucket in planned.of_type("aws_s3_bucket")):
        blocks = _first(planned, "aws_s3_bucket_public_access_block", name)
        lifecycle = _first(planned, "aws_s3_bucket_lifecycle_configuration", name)
        rules = {rule["id"]: rule for rule in (lifecycle["rule"] if lifecycle else ()) if rule["id"] != _TIDYING}
        old = rules.pop("noncurrent-versions", {"noncurrent_version_expiration": []})
        versioning = _first(planned, "aws_s3_bucket_versioning", name)
        notification = _first(planned, "aws_s3_bucket_notification", name)
        cors = _first(planned, "aws_s3_bucket_cors_configuration", name)
        yield (
            Key("bucket", name),
            {
                "private": blocks is not None and all(blocks[item] is True for item in _BLOCKS),
                "versioning": versioning.block("versioning_configuration").get("status") if versioning else None,
                "tells the bus": bool(notification and notification["eventbridge"]),
                "cors": [_cors(rule) for rule in (cors["cors_rule"] if cors else ())],
                "old versions go after": next(
                    (item["noncurrent_days"] for item in old["noncurrent_version_expiration"]), None
                ),
                "expire": {id_: _expiry(rule) for id_, rule in rules.items()},
            },
        )


_BLOCKS = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def _cors(rule: Settings) -> Settings:
    return {
        "headers": sorted(rule["allowed_headers"]),
        "methods": sorted(rule["allowed_methods"]),
        "origins": sorted(rule["allowed_origins"]),
        "age_s": rule["max_age_seconds"],
    }


def _expiry(rule: Settings) -> list[Any]:
    """Prefix and days."""
    return [rule["filter"][0]["prefix"], rule["expiration"][0]["days"] if rule["status"] == "Enabled" else None]


def _identity(planned: PlannedEnvironment) -> _Part:
    for pool in planned.of_type("aws_cognito_user_pool"):
        password = pool.block("password_policy")
        yield (
            Key("user pool", pool["name"]),
            {
                "names are": sorted(pool["username_attributes"] or ()),
                "verified": sorted(pool["auto_verified_attributes"] or ()),
                "password": {
                    "length": password.get("minimum_length"),
                    "lowercase": password.get("require_lowercase"),
                    "uppercase": password.get("require_uppercase"),
                    "numbers": password.get("require_numbers"),
                    "symbols": password.get("require_symbols"),
                },
            },
        )
    for client in planned.of_type("aws_cognito_user_pool_client"):
        units = client.block("token_validity_units")
        yield (
            Key("client", client["name"]),
            {
                "flows": sorted(client["explicit_auth_flows"] or ()),
                "access": [client["access_token_validity"], units.get("access_token")],
                "id": [client["id_token_validity"], units.get("id_token")],
                "refresh": [client["refresh_token_validity"], units.get("refresh_token")],
                "tells who exists": client["prevent_user_existence_errors"] != "ENABLED",
                "secret": bool(client["generate_secret"]),
            },
        )


def _places(planned: PlannedEnvironment) -> dict[str, str]:
    """Ids that AWS makes, and what they are ids of."""
    apis = {str(api["id"]): "(api)" for api in planned.of_type("aws_apigatewayv2_api")}
    return {
        planned.outputs["issuer"]: "(issuer)",
        planned.outputs["client_id"]: "(client)",
        **apis,
    }


def _first(planned: PlannedEnvironment, type_: str, bucket: str) -> Resource | None:
    return next((item for item in planned.of_type(type_) if item["bucket"] == bucket), None)


def _bus_of(resource: Resource) -> str:
    return str(resource["event_bus_name"] or "default").rsplit("/", 1)[-1]


def _last(role: Any) -> str:
    return str(role).rsplit("/", 1)[-1]
