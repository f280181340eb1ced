"""The topology that Terraform creates.

Resources that no manifest declares (alarms, dashboards, the database, budgets) are left to the rules.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from manifests.topology import (
    ApiRoute,
    Archive,
    Authorizer,
    Bucket,
    Cors,
    DynamoTable,
    EventBus,
    ExpiryRule,
    HttpApi,
    Index,
    Invoker,
    LambdaFunction,
    LogGroup,
    Policy,
    Queue,
    QueueMapping,
    Redrive,
    Resource,
    Role,
    Rule,
    Target,
    Topology,
    UserPool,
    UserPoolClient,
)
from mesh.infra.resources import Resource as Planned
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import refuses_without_tls, statements

_VERSION: Final = "2012-10-17"
# Lifecycle rules that expire old versions and delete markers.
_NONCURRENT, _LEFTOVERS = "noncurrent-versions", "leftovers"
_BLOCKS: Final = ("block_public_acls", "block_public_policy", "ignore_public_acls", "restrict_public_buckets")


def topology_from_terraform(planned: PlannedEnvironment) -> Topology:
    """Read it from a planned environment. Raises PolicyNotUnderstoodError."""
    parts = (_functions, _roles, _queues, _mappings, _rules, _bus, _api, _tables, _logs, _bucket, _identity)
    return Topology(tuple(resource for part in parts for resource in part(planned)))


def _functions(planned: PlannedEnvironment) -> Iterator[Resource]:
    invokers: dict[str, list[Invoker]] = defaultdict(list)
    for permission in planned.of_type("aws_lambda_permission"):
        invoker = Invoker(
            statement=permission["statement_id"],
            principal=permission["principal"],
            source_arn=permission["source_arn"],
        )
        invokers[_last(permission["function_name"])].append(invoker)
    for function in planned.of_type("aws_lambda_function"):
        variables = function.block("environment").get("variables") or {}
        yield LambdaFunction(
            name=function["function_name"],
            service=variables.get("SERVICE", ""),
            handler=function["handler"],
            runtime=function["runtime"],
            architecture=",".join(function["architectures"]),
            memory_mb=function["memory_size"],
            timeout_s=function["timeout"],
            role_arn=function["role"],
            variables=variables,
            invokers=tuple(invokers[function["function_name"]]),
        )


def _roles(planned: PlannedEnvironment) -> Iterator[Resource]:
    """All roles: each belongs to a function."""
    policies: dict[str, dict[str, Policy]] = defaultdict(dict)
    for policy in planned.of_type("aws_iam_role_policy"):
        policies[_last(policy["role"])][policy["name"]] = json.loads(policy["policy"])
    attached: dict[str, list[str]] = defaultdict(list)
    for attachment in planned.of_type("aws_iam_role_policy_attachment"):
        attached[_last(attachment["role"])].append(attachment["policy_arn"])
    for role in planned.of_type("aws_iam_role"):
        name = role["name"]
        trust = json.loads(role["assume_role_policy"])
        yield Role(name=name, trust=trust, policies=policies[name], attached=tuple(attached[name]))


def _queues(planned: PlannedEnvironment) -> Iterator[Resource]:
    policies = {item["queue_url"]: item["policy"] for item in planned.of_type("aws_sqs_queue_policy")}
    redrives = {item["queue_url"]: item["redrive_policy"] for item in planned.of_type("aws_sqs_queue_redrive_policy")}
    for queue in planned.of_type("aws_sqs_queue"):
        redrive = _redrive(queue["redrive_policy"] or redrives.get(queue["url"]))
        yield Queue(
            name=queue["name"],
            retention_s=queue["message_retention_seconds"],
            max_bytes=queue["max_message_size"],
            policy=_senders(queue["policy"] or policies.get(queue["url"])),
            # Dead-letter queues are read by operators: the default of SQS is fine.
            visibility_s=queue["visibility_timeout_seconds"] if redrive else None,
            redrive=redrive,
        )


def _redrive(document: str | None) -> Redrive | None:
    if not document:
        return None
    parsed = json.loads(document)
    return Redrive(queue_arn=parsed["deadLetterTargetArn"], max_receives=int(parsed["maxReceiveCount"]))


def _senders(document: str | None) -> Policy:
    """Without the denial of requests without TLS, which is only for AWS: emulators use HTTP."""
    found = statements(document) if document else []
    return {"Version": _VERSION, "Statement": [item for item in found if not refuses_without_tls(item)]}


def _mappings(planned: PlannedEnvironment) -> Iterator[Resource]:
    for mapping in planned.of_type("aws_lambda_event_source_mapping"):
        yield QueueMapping(
            name=_last(mapping["function_name"]),
            queue_arn=mapping["event_source_arn"],
            batch_size=mapping["batch_size"],
            max_concurrency=mapping.block("scaling_config").get("maximum_concurrency", 0),
            responses=tuple(mapping["function_response_types"]),
            enabled=mapping["enabled"] is not False,
        )


def _rules(planned: PlannedEnvironment) -> Iterator[Resource]:
    targets: dict[tuple[str, str], list[Target]] = defaultdict(list)
    for target in planned.of_type("aws_cloudwatch_event_target"):
        rule_target = Target(
            arn=target["arn"],
            dead_letter_arn=target.block("dead_letter_config").get("arn", ""),
            input=json.loads(target["input"]) if target["input"] else None,
        )
        targets[_bus_of(target), target["rule"]].append(rule_target)
    for rule in planned.of_type("aws_cloudwatch_event_rule"):
        yield Rule(
            name=rule["name"],
            bus=_bus_of(rule),
            pattern=json.loads(rule["event_pattern"]) if rule["event_pattern"] else None,
            schedule=rule["schedule_expression"] or None,
            enabled=rule["state"] in (None, "", "ENABLED"),
            targets=tuple(targets[_bus_of(rule), rule["name"]]),
        )


def _bus(planned: PlannedEnvironment) -> Iterator[Resource]:
    for bus in planned.of_type("aws_cloudwatch_event_bus"):
        yield EventBus(name=bus["name"])
    for archive in planned.of_type("aws_cloudwatch_event_archive"):
        yield Archive(
            name=archive["name"],
            bus_arn=archive["event_source_arn"],
            pattern=json.loads(archive["event_pattern"] or "{}"),
            retention_days=archive["retention_days"],
        )


def _api(planned: PlannedEnvironment) -> Iterator[Resource]:
    functions = {str(item["id"]): item["integration_uri"] for item in planned.of_type("aws_apigatewayv2_integration")}
    authorizers = {str(item["id"]): item["name"] for item in planned.of_type("aws_apigatewayv2_authorizer")}
    for route in planned.of_type("aws_apigatewayv2_route"):
        authorizer = authorizers.get(str(route["authorizer_id"]))
        yield ApiRoute(
            name=route["route_key"],
            function_arn=functions.get(str(route["target"]).removeprefix("integrations/"), ""),
            authorizer=authorizer if route["authorization_type"] == "JWT" else None,
        )
    stages = {str(item["api_id"]): item for item in planned.of_type("aws_apigatewayv2_stage")}
    for api in planned.of_type("aws_apigatewayv2_api"):
        stage, cors = stages.get(str(api["id"])), api.block("cors_configuration")
        limits = stage.block("default_route_settings") if stage else {}
        yield HttpApi(
            name=api["name"],
            cors=_cors(cors, "allow_origins", "allow_methods", "allow_headers", "expose_headers", age="max_age"),
            rate=limits.get("throttling_rate_limit", 0),
            burst=limits.get("throttling_burst_limit", 0),
            authorizers=tuple(
                _authorizer(item, planned)
                for item in planned.of_type("aws_apigatewayv2_authorizer")
                if item["api_id"] == api["id"]
            ),
        )


def _authorizer(authorizer: Planned, planned: PlannedEnvironment) -> Authorizer:
    """Ids assigned by AWS are replaced by the names of their resources."""
    settings = authorizer.block("jwt_configuration")
    clients = {str(client["id"]): client["name"] for client in planned.of_type("aws_cognito_user_pool_client")}
    pools = {str(pool["endpoint"]): pool["name"] for pool in planned.of_type("aws_cognito_user_pool")}
    issuer, audience = str(settings.get("issuer")), settings.get("audience") or ()
    return Authorizer(
        name=authorizer["name"],
        identity_source=",".join(authorizer["identity_sources"] or ()),
        user_pool=pools.get(issuer.removeprefix("https://"), issuer),
        client=",".join(clients.get(client, client) for client in audience),
    )


def _tables(planned: PlannedEnvironment) -> Iterator[Resource]:
    for table in planned.of_type("aws_dynamodb_table"):
        ttl = table.block("ttl")
        yield DynamoTable(
            name=table["name"],
            partition_key=table["hash_key"],
            sort_key=table["range_key"] or None,
            ttl=ttl.get("attribute_name") if ttl.get("enabled") else None,
            indexes=tuple(map(_index, table["global_secondary_index"] or ())),
            billing=table["billing_mode"],
            key_type=",".join(sorted({item["type"] for item in table["attribute"]})),
        )


def _index(index: Mapping[str, Any]) -> Index:
    """Newer provider schemas have the keys as blocks."""
    keys = {item["key_type"]: item["attribute_name"] for item in index.get("key_schema") or ()}
    return Index(
        name=index["name"],
        partition_key=keys.get("HASH") or index["hash_key"],
        sort_key=keys.get("RANGE") or index.get("range_key") or None,
        projection=index["projection_type"],
    )


def _logs(planned: PlannedEnvironment) -> Iterator[Resource]:
    for group in planned.of_type("aws_cloudwatch_log_group"):
        if group["name"].startswith("/aws/lambda/"):
            yield LogGroup(name=group["name"], retention_days=group["retention_in_days"])


def _bucket(planned: PlannedEnvironment) -> Iterator[Resource]:
    """The images bucket; the manifests do not declare the packages bucket."""
    name = planned.names.images_bucket

    def first(type_: str) -> Planned:
        absent = Planned(f"{type_}.absent", type_, {})
        return next((item for item in planned.of_type(type_) if item["bucket"] == name), absent)

    if not first("aws_s3_bucket").values:
        return
    blocks = first("aws_s3_bucket_public_access_block")
    versioning = first("aws_s3_bucket_versioning").block("versioning_configuration")
    found = first("aws_s3_bucket_lifecycle_configuration")["rule"] or ()
    rules = {rule["id"]: rule for rule in found if rule["status"] == "Enabled" and rule["id"] != _LEFTOVERS}
    noncurrent = rules.pop(_NONCURRENT, {}).get("noncurrent_version_expiration") or [{"noncurrent_days": 0}]
    yield Bucket(
        name=name,
        private=all(blocks[item] is True for item in _BLOCKS),
        versioned=versioning.get("status") == "Enabled",
        notifies_bus=bool(first("aws_s3_bucket_notification")["eventbridge"]),
        cors=tuple(
            _cors(
                rule, "allowed_origins", "allowed_methods", "allowed_headers", "expose_headers", age="max_age_seconds"
            )
            for rule in first("aws_s3_bucket_cors_configuration")["cors_rule"] or ()
        ),
        noncurrent_days=noncurrent[0]["noncurrent_days"],
        expiries=tuple(
            ExpiryRule(id=id_, prefix=rule["filter"][0]["prefix"], days=rule["expiration"][0]["days"])
            for id_, rule in rules.items()
        ),
    )


def _cors(found: Mapping[str, Any], *lists: str, age: str) -> Cors:
    """The names of the four lists and of the age differ between resource types."""
    origins, methods, headers, exposed = (tuple(found.get(name) or ()) for name in lists)
    return Cors(origins=origins, methods=methods, headers=headers, exposed=exposed, max_age_s=found.get(age) or 0)


def _identity(planned: PlannedEnvironment) -> Iterator[Resource]:
    for pool in planned.of_type("aws_cognito_user_pool"):
        password = pool.block("password_policy")
        yield UserPool(
            name=pool["name"],
            username_attributes=tuple(pool["username_attributes"] or ()),
            verified_attributes=tuple(pool["auto_verified_attributes"] or ()),
            minimum_length=password.get("minimum_length", 0),
            **{
                kind: bool(password.get(f"require_{kind}")) for kind in ("lowercase", "uppercase", "numbers", "symbols")
            },
        )
    for client in planned.of_type("aws_cognito_user_pool_client"):
        units = client.block("token_validity_units")
        access, id_, refresh = (
            (client[f"{token}_validity"], units.get(token, ""))
            for token in ("access_token", "id_token", "refresh_token")
        )
        yield UserPoolClient(
            name=client["name"],
            flows=tuple(client["explicit_auth_flows"] or ()),
            access_token=access,
            id_token=id_,
            refresh_token=refresh,
            hides_users=client["prevent_user_existence_errors"] == "ENABLED",
            has_secret=bool(client["generate_secret"]),
        )


def _bus_of(resource: Planned) -> str:
    return str(resource["event_bus_name"] or "default").rsplit("/", 1)[-1]


def _last(name: Any) -> str:
    """The name at the end of an ARN, or the name itself."""
    return str(name).rsplit("/", 1)[-1].rsplit(":", 1)[-1]
