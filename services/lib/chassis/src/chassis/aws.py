"""AWS clients of one environment: created for its endpoint, region and credentials, and handed to what needs them.

A function is given the environment it runs in (`Aws()`: boto3 finds everything by itself); an operator's command or a
worker elsewhere names another. Each client is created when first used and kept as long as the `Aws` it came from.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore import UNSIGNED
from botocore.config import Config

if TYPE_CHECKING:
    import boto3
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_ssm import SSMClient

__all__ = ["Aws", "Credentials"]


def _retrying(attempts: int = 3, **options: Any) -> Config:  # noqa: ANN401  # whatever botocore takes
    return Config(retries={"mode": "standard", "total_max_attempts": attempts}, **options)


_QUICK = _retrying(connect_timeout=2, read_timeout=5)
# SigV4 path-style links are the only kind that every emulator checks.
_SIGNED: dict[str, Any] = {"signature_version": "s3v4", "s3": {"addressing_style": "path"}}
_OBJECTS = _retrying(**_SIGNED, connect_timeout=2, read_timeout=20)
_OBJECTS_PROBE = _retrying(2, **_SIGNED, connect_timeout=1, read_timeout=2)
# Calls are made while the lock of a subject is held: none may take long.
_TABLES = _retrying(connect_timeout=1, read_timeout=3)
# A function that answers users has 29 s in all.
_UNSIGNED = _retrying(signature_version=UNSIGNED, connect_timeout=2, read_timeout=5)
_PARAMETERS = _retrying(connect_timeout=2, read_timeout=3)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of an identity; `token` where they are temporary."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Aws:
    """One AWS environment. What is None is found by boto3: variables, profile, the function's role."""

    endpoint_url: str | None = None
    region: str | None = None
    credentials: Credentials | None = None

    @cached_property
    def events(self) -> "EventBridgeClient":
        """EventBridge."""
        return self.session.client("events", config=_QUICK, endpoint_url=self.endpoint_url)

    @cached_property
    def sqs(self) -> "SQSClient":
        """SQS."""
        return self.session.client("sqs", config=_QUICK, endpoint_url=self.endpoint_url)

    @cached_property
    def s3(self) -> "S3Client":
        """S3."""
        return self.session.client("s3", config=_OBJECTS, endpoint_url=self.endpoint_url)

    @cached_property
    def s3_probe(self) -> "S3Client":
        """S3, for health checks: gives up after about six seconds."""
        return self.session.client("s3", config=_OBJECTS_PROBE, endpoint_url=self.endpoint_url)

    @cached_property
    def dynamodb(self) -> "DynamoDBClient":
        """DynamoDB."""
        return self.session.client("dynamodb", config=_TABLES, endpoint_url=self.endpoint_url)

    @cached_property
    def user_pools(self) -> "CognitoIdentityProviderClient":
        """Cognito, for calls that a person's own token allows: they are not signed."""
        return self.session.client("cognito-idp", config=_UNSIGNED, endpoint_url=self.endpoint_url)

    @cached_property
    def ssm(self) -> "SSMClient":
        """Systems Manager, for Parameter Store."""
        return self.session.client("ssm", config=_PARAMETERS, endpoint_url=self.endpoint_url)

    def database_token(self, *, host: str, port: int, role: str) -> str:
        """A token that signs the role in to RDS for 15 minutes. Makes no call."""
        rds = self.session.client("rds")  # which is not asked: the token is a signature
        return str(rds.generate_db_auth_token(DBHostname=host, Port=port, DBUsername=role))

    @cached_property
    def session(self) -> "boto3.session.Session":
        """For libraries that make clients of their own; they also need `endpoint_url`."""
        import boto3

        keys = self.credentials
        return boto3.session.Session(
            aws_access_key_id=keys.access_key_id if keys else None,
            aws_secret_access_key=keys.secret_access_key if keys else None,
            aws_session_token=keys.token if keys else None,
            region_name=self.region,
        )
