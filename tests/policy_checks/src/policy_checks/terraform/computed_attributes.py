"""Computed attributes of a planned resource (id, ARN, addresses) in AWS's formats.

Formats: https://docs.aws.amazon.com/service-authorization/latest/reference/, by service.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from mesh.infra.resources import UNKNOWN, Resource

# The account id that emulators use.
ACCOUNT: Final = "000000000000"
REGION: Final = "us-east-1"
ZONES: Final = ("us-east-1a", "us-east-1b", "us-east-1c")

# By type: attributes that others refer to. `{id}` is generated first, `{digest}` is unique to each address, all others
# are attributes known in the plan. A type that is missing here has only an id.
_ID: Final = "id"
_FORMS: Final[Mapping[str, Mapping[str, str]]] = {
    "aws_apigatewayv2_api": {
        _ID: "{digest:.10}",
        "arn": "arn:aws:apigateway:{region}::/apis/{id}",
        "execution_arn": "arn:aws:execute-api:{region}:{account}:{id}",
        "api_endpoint": "https://{id}.execute-api.{region}.amazonaws.com",
    },
    "aws_cloudwatch_event_archive": {_ID: "{name}", "arn": "arn:aws:events:{region}:{account}:archive/{name}"},
    "aws_cloudwatch_event_bus": {_ID: "{name}", "arn": "arn:aws:events:{region}:{account}:event-bus/{name}"},
    "aws_cloudwatch_event_rule": {_ID: "{event_bus_name}/{name}", "arn": "arn:aws:events:{region}:{account}:rule/{id}"},
    "aws_cloudwatch_log_group": {_ID: "{name}", "arn": "arn:aws:logs:{region}:{account}:log-group:{name}"},
    "aws_cloudwatch_metric_alarm": {_ID: "{alarm_name}", "arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{id}"},
    "aws_cognito_user_pool": {
        _ID: "{region}_{digest:.9}",
        "arn": "arn:aws:cognito-idp:{region}:{account}:userpool/{id}",
        "endpoint": "cognito-idp.{region}.amazonaws.com/{id}",
    },
    "aws_db_instance": {
        _ID: "db-{digest}",
        "arn": "arn:aws:rds:{region}:{account}:db:{identifier}",
        "resource_id": "db-{digest}",
        "address": "{identifier}.{digest:.12}.{region}.rds.amazonaws.com",
        "endpoint": "{identifier}.{digest:.12}.{region}.rds.amazonaws.com:5432",
    },
    "aws_db_parameter_group": {_ID: "{name_prefix}{digest:.10}", "name": "{id}"},
    "aws_dynamodb_table": {_ID: "{name}", "arn": "arn:aws:dynamodb:{region}:{account}:table/{name}"},
    "aws_iam_policy": {"arn": "arn:aws:iam::{account}:policy/{name}"},
    "aws_iam_role": {_ID: "{name}", "arn": "arn:aws:iam::{account}:role/{name}"},
    "aws_internet_gateway": {_ID: "igw-{digest:.17}"},
    "aws_kms_key": {_ID: "{digest}", "key_id": "{digest}", "arn": "arn:aws:kms:{region}:{account}:key/{digest}"},
    "aws_lambda_function": {
        _ID: "{function_name}",
        "arn": "arn:aws:lambda:{region}:{account}:function:{function_name}",
        "invoke_arn": "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
        "arn:aws:lambda:{region}:{account}:function:{function_name}/invocations",
    },
    "aws_route_table": {_ID: "rtb-{digest:.17}"},
    "aws_s3_bucket": {_ID: "{bucket}", "arn": "arn:aws:s3:::{bucket}"},
    "aws_schemas_registry": {"arn": "arn:aws:schemas:{region}:{account}:registry/{name}"},
    "aws_security_group": {_ID: "sg-{digest:.17}"},
    "aws_sns_topic": {_ID: "arn:aws:sns:{region}:{account}:{name}", "arn": "arn:aws:sns:{region}:{account}:{name}"},
    "aws_sqs_queue": {
        _ID: "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "url": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "arn": "arn:aws:sqs:{region}:{account}:{name}",
    },
    "aws_subnet": {_ID: "subnet-{digest:.17}"},
    "aws_vpc": {_ID: "vpc-{digest:.17}"},
}
# ARNs of rules on the default bus omit its name.
_OF_THE_DEFAULT_BUS: Final = {**_FORMS["aws_cloudwatch_event_rule"], _ID: "{name}"}


def computed_attributes(resource: Resource) -> dict[str, Any]:
    """Values for attributes that AWS computes and the plan does not know; deterministic for each address."""
    digest = hashlib.sha256(resource.address.encode()).hexdigest()[:26]
    known = {name: value for name, value in resource.values.items() if isinstance(value, str)}
    known |= {"digest": digest, "account": ACCOUNT, "region": REGION}
    computed: dict[str, Any] = {}
    # The id comes first: the others contain it.
    for name, form in {_ID: "{digest}", **_forms(resource)}.items():
        if resource[name] is UNKNOWN:
            computed[name] = form.format_map(known)
        known.setdefault(name, computed.get(name, ""))
    if resource.type == "aws_db_instance" and resource["manage_master_user_password"]:
        secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:rds!{computed['resource_id']}-{digest[:6]}"
        computed["master_user_secret"] = [{"secret_arn": secret, "secret_status": "active", "kms_key_id": ""}]
    return computed


def answers() -> dict[str, dict[str, Any]]:
    """Values of the data sources for account, region and the like, by type."""
    return {
        "aws_availability_zones": {"names": list(ZONES)},
        "aws_caller_identity": {"account_id": ACCOUNT},
        "aws_region": {"region": REGION},
    }


def _forms(resource: Resource) -> Mapping[str, str]:
    if resource.type == "aws_cloudwatch_event_rule" and not resource["event_bus_name"]:
        return _OF_THE_DEFAULT_BUS
    return _FORMS.get(resource.type, {})
