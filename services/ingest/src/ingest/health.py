"""Whether what the service depends on answers, within seconds."""

import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import ChassisError
from ingest.bootstrap import IngestService
from ingest.repository import probe

_NO_OBJECT = "health/images/none"


def broken(service: IngestService) -> dict[str, str]:
    """What does not answer, with the error; empty when everything does.

    Takes at most about twenty seconds: five to notice that a connection is dead, eight to connect again, two for the
    database's answer, six for the bucket.
    """
    faults: dict[str, str] = {}
    try:
        with service.database.transaction() as connection:
            probe.answer(connection)
    except (ChassisError, psycopg.Error) as error:
        faults["database"] = type(error).__name__
    try:
        service.aws.s3_probe.get_object(Bucket=service.settings.images_bucket, Key=_NO_OBJECT)
    except ClientError as error:
        # Without the right to list the bucket, a missing key is denied: an answer all the same.
        if error.response["Error"]["Code"] not in {"AccessDenied", "NoSuchKey"}:
            faults["images"] = type(error).__name__
    except BotoCoreError as error:
        faults["images"] = type(error).__name__
    return faults
