"""Whether messages wait in a queue, for routes that are asked about what may be among them."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import TransientError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

__all__ = ["backlog"]

_COUNTS: tuple["QueueAttributeNameType", ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesDelayed",
    "ApproximateNumberOfMessagesNotVisible",
)


def backlog(sqs: "SQSClient", queue_url: str) -> int:
    """How many messages the queue holds: waiting, delayed, and being handled (these may come back).

    SQS counts approximately, and may be a minute late.

    Raises:
        TransientError: SQS does not say.
    """
    try:
        attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=list(_COUNTS))["Attributes"]
    except (ClientError, BotoCoreError) as error:
        code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        raise TransientError(f"SQS: {code}") from error
    return sum(int(attributes[name]) for name in _COUNTS)
