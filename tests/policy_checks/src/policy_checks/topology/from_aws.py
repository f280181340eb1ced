"""The topology as AWS's APIs tell it: what the local provisioner has made of an emulator."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import ClientError

from localmesh.provision.clients import Clients
from localmesh.provision.context import error_code
from localmesh.provision.result import Provisioned
from manifests import Names
from policy_checks.topology import forms
from policy_checks.topology.forms import Key, Settings, Topology

_Part = Iterator[tuple[Key, Settings]]
_PAGE = "500"


def topology_from_aws(clients: Clients, provisioned: Provisioned) -> Topology:
    """Read everything whose name begins as those of the environment do. Raises what boto3 raises."""
    reader = _Reader(clients, provisioned)
    parts = (
        reader.functions,
        reader.roles,
        reader.queues,
        reader.rules,
        reader.mappings,
        reader.routes,
        reader.tables,
        reader.logs,
        reader.bus,
        reader.bucket,
        reader.identity,
    )
    return {key: settings for part in parts for key, settings in part()}


class _Reader:
    def __init__(self, clients: Clients, provisioned: Provisioned) -> None:
        self._clients = clients
        self._provisioned = provisioned
        self._names = Names(provisioned.environment, provisioned.region, provisioned.account)
        self._places = {
            provisioned.issuer: "(issuer)",
            provisioned.client_id: "(client)",
            f":{provisioned.api_id}/": ":(api)/",
        }

    def functions(self) -> _Part:
        client: Any = self._clients.functions
        for page in client.get_paginator("list_functions").paginate():
            for function in page["Functions"]:
                name = function["FunctionName"]
                if not self._is_ours(name):
                    continue
                yield (
                    Key("function", name),
                    {
                        "handler": function["Handler"],
                        "memory_mb": function["MemorySize"],
                        "timeout_s": function["Timeout"],
                        "runtime": function["Runtime"],
                        "architectures": function["Architectures"],
                        "role": str(function["Role"]).rsplit("/", 1)[-1],
                        "variables": forms.variables(function.get("Environment", {}).get("Variables")),
                    },
                )
                if invokers := self._invokers(name):
                    yield Key("invokers", name), {"invokers": invokers}

    def _invokers(self, function: str) -> list[Settings]:
        """Who may invoke a function; emulators tell an empty policy where AWS tells none."""
        try:
            policy = json.loads(self._clients.functions.get_policy(FunctionName=function)["Policy"])
        except ClientError as error:
            if error_code(error) == "ResourceNotFoundException":
                return []
            raise
        return forms.ordered(
            {
                "principal": statement["Principal"]["Service"],
                "source": forms.without(statement["Condition"]["ArnLike"]["AWS:SourceArn"], self._places),
            }
            for statement in policy["Statement"]
        )

    def roles(self) -> _Part:
        client: Any = self._clients.iam
        for page in client.get_paginator("list_roles").paginate():
            for role in page["Roles"]:
                name = role["RoleName"]
                if not self._is_ours(name):
                    continue
                policies: dict[str, Any] = {
                    item: forms.policy(client.get_role_policy(RoleName=name, PolicyName=item)["PolicyDocument"])
                    for item in client.list_role_policies(RoleName=name)["PolicyNames"]
                }
                for item in client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
                    policies[item["PolicyArn"]] = "attached"
                yield Key("role", name), {"trust": forms.policy(role["AssumeRolePolicyDocument"]), "policies": policies}

    def queues(self) -> _Part:
        client: Any = self._clients.sqs
        for page in client.get_paginator("list_queues").paginate(QueueNamePrefix=self._names.prefix):
            for url in page.get("QueueUrls", []):
                found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
                redrive = forms.redrive(found.get("RedrivePolicy"))
                yield (
                    Key("queue", url.rsplit("/", 1)[-1]),
                    {
                        "visibility_s": int(found["VisibilityTimeout"]) if redrive else None,
                        "retention_s": int(found["MessageRetentionPeriod"]),
                        "largest": int(found["MaximumMessageSize"]),
                        "redrive": redrive,
                        "senders": forms.senders(found.get("Policy")),
                    },
                )

    def rules(self) -> _Part:
        client: Any = self._clients.events
        for bus in (self._names.bus, "default"):
            pages = client.get_paginator("list_rules").paginate(NamePrefix=self._names.prefix, EventBusName=bus)
            for rule in [rule for page in pages for rule in page["Rules"]]:
                targets = client.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
                yield (
                    Key("rule", f"{bus}/{rule['Name']}"),
                    {
                        "pattern": forms.pattern(rule.get("EventPattern")),
                        "schedule": rule.get("ScheduleExpression") or None,
                        "enabled": rule["State"] == "ENABLED",
                        "targets": forms.ordered(map(_target, targets)),
                    },
                )

    def mappings(self) -> _Part:
        client: Any = self._clients.functions
        for page in client.get_paginator("list_event_source_mappings").paginate():
            for mapping in page["EventSourceMappings"]:
                name = str(mapping["FunctionArn"]).rsplit(":", 1)[-1]
                if self._is_ours(name):
                    yield (
                        Key("mapping", name),
                        {
                            "queue": mapping["EventSourceArn"],
                            "batch_size": mapping["BatchSize"],
                            "maximum_concurrency": mapping.get("ScalingConfig", {}).get("MaximumConcurrency"),
                            "responses": mapping["FunctionResponseTypes"],
                            "enabled": mapping["State"] == "Enabled",
                        },
                    )

    def routes(self) -> _Part:
        client: Any = self._clients.apigateway
        api = self._provisioned.api_id
        integrations = client.get_integrations(ApiId=api, MaxResults=_PAGE)["Items"]
        functions = {item["IntegrationId"]: item["IntegrationUri"] for item in integrations}
        authorizers = client.get_authorizers(ApiId=api)["Items"]
        names = {item["AuthorizerId"]: item["Name"] for item in authorizers}
        for route in client.get_routes(ApiId=api, MaxResults=_PAGE)["Items"]:
            yield (
                Key("route", route["RouteKey"]),
                {
                    "function": functions.get(route["Target"].removeprefix("integrations/")),
                    "authorization": route["AuthorizationType"],
                    "authorizer": names.get(route.get("AuthorizerId")),
                },
            )
        found = client.get_api(ApiId=api)
        (stage,) = client.get_stages(ApiId=api)["Items"]
        limits, cors = stage["DefaultRouteSettings"], found["CorsConfiguration"]
        yield (
            Key("api", found["Name"]),
            {
                "cors": {
                    "origins": sorted(cors["AllowOrigins"]),
                    "methods": sorted(cors["AllowMethods"]),
                    "headers": sorted(cors["AllowHeaders"]),
                    "exposed": sorted(cors["ExposeHeaders"]),
                    "age_s": cors["MaxAge"],
                },
                "throttling": [limits["ThrottlingRateLimit"], limits["ThrottlingBurstLimit"]],
                "authorizers": {item["Name"]: self._authorizer(item["JwtConfiguration"]) for item in authorizers},
            },
        )

    def _authorizer(self, found: Settings) -> Settings:
        return {
            "audience": [forms.without(item, self._places) for item in sorted(found["Audience"])],
            "issuer": forms.without(found["Issuer"], self._places),
        }

    def tables(self) -> _Part:
        client: Any = self._clients.dynamodb
        for page in client.get_paginator("list_tables").paginate():
            for name in filter(self._is_ours, page["TableNames"]):
                table = client.describe_table(TableName=name)["Table"]
                ttl = client.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
                kinds = {item["AttributeType"] for item in table["AttributeDefinitions"]}
                yield (
                    Key("table", name),
                    {
                        "keys": _keys(table["KeySchema"]),
                        "ttl": ttl.get("AttributeName") if ttl["TimeToLiveStatus"] == "ENABLED" else None,
                        "indexes": {
                            item["IndexName"]: [*_keys(item["KeySchema"]), item["Projection"]["ProjectionType"]]
                            for item in table.get("GlobalSecondaryIndexes") or ()
                        },
                        "billing": table["BillingModeSummary"]["BillingMode"],
                        "attributes": "strings" if kinds == {"S"} else "others",
                    },
                )

    def logs(self) -> _Part:
        client: Any = self._clients.logs
        prefix = f"/aws/lambda/{self._names.prefix}"
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                yield Key("log group", group["logGroupName"]), {"days": group.get("retentionInDays")}

    def bus(self) -> _Part:
        client: Any = self._clients.events
        for bus in client.list_event_buses(NamePrefix=self._names.bus)["EventBuses"]:
            if bus["Name"] == self._names.bus:
                yield Key("bus", bus["Name"]), {}
        for item in client.list_archives(NamePrefix=self._names.bus)["Archives"]:
            archive = client.describe_archive(ArchiveName=item["ArchiveName"])
            if archive["EventSourceArn"] == self._names.bus_arn:
                yield (
                    Key("archive", archive["ArchiveName"]),
                    {
                        "bus": archive["EventSourceArn"],
                        "pattern": forms.pattern(archive.get("EventPattern")),
                        "days": archive["RetentionDays"],
                    },
                )

    def bucket(self) -> _Part:
        client: Any = self._clients.s3
        name = self._names.images_bucket
        blocks = client.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
        lifecycle = client.get_bucket_lifecycle_configuration(Bucket=name)["Rules"]
        rules = {rule["ID"]: rule for rule in lifecycle if rule["Status"] == "Enabled"}
        old = rules.pop("noncurrent-versions", {})
        yield (
            Key("bucket", name),
            {
                "private": len(blocks) == _BLOCKS and all(blocks.values()),
                "versioning": client.get_bucket_versioning(Bucket=name).get("Status"),
                "tells the bus": "EventBridgeConfiguration"
                in client.get_bucket_notification_configuration(Bucket=name),
                "cors": [_cors(rule) for rule in client.get_bucket_cors(Bucket=name)["CORSRules"]],
                "old versions go after": old.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays"),
                "expire": {id_: [rule["Filter"]["Prefix"], rule["Expiration"]["Days"]] for id_, rule in rules.items()},
            },
        )

    def identity(self) -> _Part:
        client: Any = self._clients.cognito
        pool_id = self._provisioned.user_pool_id
        pool = client.describe_user_pool(UserPoolId=pool_id)["UserPool"]
        password = pool["Policies"]["PasswordPolicy"]
        yield (
            Key("user pool", pool["Name"]),
            {
                "names are": sorted(pool["UsernameAttributes"]),
                "verified": sorted(pool["AutoVerifiedAttributes"]),
                "password": {
                    "length": password["MinimumLength"],
                    "lowercase": password["RequireLowercase"],
                    "uppercase": password["RequireUppercase"],
                    "numbers": password["RequireNumbers"],
                    "symbols": password["RequireSymbols"],
                },
            },
        )
        pages = client.get_paginator("list_user_pool_clients").paginate(UserPoolId=pool_id)
        for item in [item for page in pages for item in page["UserPoolClients"]]:
            found = client.describe_user_pool_client(UserPoolId=pool_id, ClientId=item["ClientId"])["UserPoolClient"]
            units = found["TokenValidityUnits"]
            yield (
                Key("client", found["ClientName"]),
                {
                    "flows": sorted(found["ExplicitAuthFlows"]),
                    "access": [found["AccessTokenValidity"], units["AccessToken"]],
                    "id": [found["IdTokenValidity"], units["IdToken"]],
                    "refresh": [found["RefreshTokenValidity"], units["RefreshToken"]],
                    "tells who exists": found["PreventUserExistenceErrors"] != "ENABLED",
                    "secret": bool(found.get("ClientSecret")),
                },
            )

    def _is_ours(self, name: str) -> bool:
        return name.startswith(self._names.prefix)


_BLOCKS = 4


def _target(target: Settings) -> Settings:
    return {
        "arn": target["Arn"],
        "input": forms.decoded(target.get("Input")),
        "dead_letters": target.get("DeadLetterConfig", {}).get("Arn"),
    }


def _keys(schema: list[Settings]) -> list[str | None]:
    """Partition key and sort key."""
    keys = {item["KeyType"]: item["AttributeName"] for item in schema}
    return [keys["HASH"], keys.get("RANGE")]


def _cors(rule: Settings) -> Settings:
    return {
        "headers": sorted(rule["AllowedHeaders"]),
        "methods": sorted(rule["AllowedMethods"]),
        "origins": sorted(rule["AllowedOrigins"]),
        "age_s": rule["MaxAgeSeconds"],
    }
