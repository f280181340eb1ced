"""One client for each AWS service, all on the endpoint of one mesh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from botocore.config import Config

from localmesh.aws import open_session

if TYPE_CHECKING:
    from mypy_boto3_apigatewayv2 import ApiGatewayV2Client
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

THREADS = 8


@dataclass(frozen=True, slots=True)
class Clients:
    """All clients, created in one thread: using them is thread-safe, creating them is not."""

    apigateway: ApiGatewayV2Client
    cognito: CognitoIdentityProviderClient
    dynamodb: DynamoDBClient
    events: EventBridgeClient
    iam: IAMClient
    functions: LambdaClient
    logs: CloudWatchLogsClient
    s3: S3Client
    sqs: SQSClient
    ssm: SSMClient


@cache
def make_clients(endpoint_url: str, region: str) -> Clients:
    """Clients with the emulator's root credentials; created once, because that takes longer than their work."""
    session = open_session(endpoint_url, region)
    config = Config(
        max_pool_connections=THREADS * 2,
        connect_timeout=5,
        read_timeout=60,
        retries={"mode": "standard", "total_max_attempts": 4},
        s3={"addressing_style": "path"},
        # Requests to this machine must not go through a proxy configured in the shell.
        proxies={},
    )
    return Clients(
        apigateway=session.client("apigatewayv2", config=config),
        cognito=session.client("cognito-idp", config=config),
        dynamodb=session.client("dynamodb", config=config),
        events=session.client("events", config=config),
        iam=session.client("iam", config=config),
        functions=session.client("lambda", config=config),
        logs=session.client("logs", config=config),
        s3=session.client("s3", config=config),
        sqs=session.client("sqs", config=config),
        ssm=session.client("ssm", config=config),
    )
