"""boto3 clients, one of each kind a process, made when first used."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_QUICK = Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=2, read_timeout=5)
# SigV4 path-style links are the only kind that every emulator checks.
_OBJECTS = Config(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    retries={"mode": "standard", "total_max_attempts": 3},
    connect_timeout=2,
    read_timeout=20,
)


@cache
def events() -> "EventBridgeClient":
    """EventBridge."""
    return boto3.client("events", config=_QUICK)


@cache
def sqs() -> "SQSClient":
    """SQS."""
    return boto3.client("sqs", config=_QUICK)


@cache
def s3() -> "S3Client":
    """S3."""
    return boto3.client("s3", config=_OBJECTS)
