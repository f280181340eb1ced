"""Whether what the service depends on answers, within seconds."""

from functools import cache
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import ChassisError
from chassis.service import Service

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


_NO_OBJECT = "health/images/none"


def broken(service: Service[Any]) -> dict[str, str]:
    """What does not answer, and how that showed; empty when all is well.

    Takes at most about twenty seconds: five to notice that a connection is dead, eight to connect anew, two for the
    database's answer, six for the bucket.
    """
    faults: dict[str, str] = {}
    try:
        with service.database.transaction() as connection:
            connection.execute("SET LOCAL statement_timeout = 2000")
            connection.execute("SELECT 1")
    except (ChassisError, psycopg.Error) as error:
        faults["database"] = type(error).__name__
    try:
        _s3().get_object(Bucket=service.settings.images_bucket, Key=_NO_OBJECT)
    except ClientError as error:
        # Who may not list the bucket is denied a key that is not there: an answer all the same.
        if error.response["Error"]["Code"] not in {"AccessDenied", "NoSuchKey"}:
            faults["images"] = type(error).__name__
    except BotoCoreError as error:
        faults["images"] = type(error).__name__
    return faults


@cache
def _s3() -> "S3Client":
    """A client that gives up sooner than the one for pictures."""
    return boto3.client(
        "s3",
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 2},
            connect_timeout=1,
            read_timeout=2,
        ),
    )
