"""Dead letters: a message that will not be applied, and why, as attributes of the message itself."""

import json
import re
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from chassis.errors import TransientError
from chassis.observability import MetricUnit, logger, metrics, redacted

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import ChangeMessageVisibilityBatchRequestEntryTypeDef, MessageAttributeValueTypeDef

    from contracts import Violation

__all__ = ["DeadLetter", "FoundLetters", "erase_letters_of", "find_dead_letters", "send_dead_letter"]

_UNSENDABLE = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_MAX_DETAIL = 1000
_HIDDEN_S = 60
_HIDDEN_BETWEEN_S = 120
# Of a batch of deletions, whose function has other things to do.
_LOOK_S = 4.0


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Why a message was dead-lettered: a stable `reason`, its `detail`, the function that gave up, and the receives.

    Of an event that breaks its contract, `rule` and `path` are those of the first of its `violations`. A message that
    SQS moved by itself (the function crashed every time) has no reason: all fields but the body's are empty.
    """

    body: str
    reason: str = ""
    detail: str = ""
    service: str = ""
    function: str = ""
    receives: int = 0
    message_id: str = ""
    rule: str = ""
    path: str = ""
    violations: int = 0

    def attributes(self) -> "dict[str, MessageAttributeValueTypeDef]":
        """What is written beside the body: at most ten attributes, the empty ones left out."""
        written = {name: str(value) for name, value in asdict(self).items() if name != "body" and value}
        return {name: {"DataType": "String", "StringValue": sendable(text)} for name, text in written.items()}

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> "DeadLetter":
        """The dead letter that `ReceiveMessage` returned (with all its message attributes)."""
        attributes = message.get("MessageAttributes", {})
        texts = {name: str(value.get("StringValue", "")) for name, value in attributes.items()}
        return cls(
            body=message["Body"],
            reason=texts.get("reason", ""),
            detail=texts.get("detail", ""),
            service=texts.get("service", ""),
            function=texts.get("function", ""),
            receives=int(texts.get("receives") or 0),
            message_id=texts.get("message_id", ""),
            rule=texts.get("rule", ""),
            path=texts.get("path", ""),
            violations=int(texts.get("violations") or 0),
        )


def send_dead_letter(
    sqs: "SQSClient", queue_url: str, letter: DeadLetter, violations: "Sequence[Violation]" = ()
) -> None:
    """Put the message into the dead-letter queue with its reason, and log that.

    SQS's own redrive policy keeps no reason; it stays in place for the crash that never gets here.
    """
    sqs.send_message(QueueUrl=queue_url, MessageBody=letter.body, MessageAttributes=letter.attributes())
    broken = [{"rule": violation.rule, "path": violation.path} for violation in violations[:5]]
    extra = {"reason": letter.reason, "detail": letter.detail[:300]}
    logger.error("dead-lettered", extra=extra | ({"violations": broken} if broken else {}))
    metrics.add_metric("EventsDeadLettered", MetricUnit.Count, 1)


@dataclass(frozen=True, slots=True)
class FoundLetters:
    """Dead letters that were found and are hidden for a while: their receipt handles by message id.

    `is_all`: no letter is left that was not looked at.
    """

    sqs: "SQSClient"
    queue_url: str
    handles: Mapping[str, str]
    is_all: bool = True

    def __len__(self) -> int:
        return len(self.handles)

    def delete(self) -> None:
        """Delete them. Raises TransientError when SQS does not answer; those that are left are shown again."""
        left = list(self.handles.values())
        try:
            while left:
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=left[0])
                del left[0]
        except (ClientError, BotoCoreError) as error:
            _give_back(self.sqs, self.queue_url, left)
            raise TransientError(f"SQS: {type(error).__name__}") from error


def find_dead_letters(
    sqs: "SQSClient",
    queue_url: str,
    is_wanted: Callable[[str], bool],
    *,
    wait_s: int = 1,
    limit_s: float = inf,
    goes_on: bool = False,
) -> FoundLetters:
    """The dead letters with such bodies. Until all are looked at, the others are hidden too, for a minute at
    most. After `limit_s` seconds no further page is looked at: the others are shown again,
    or, where another search `goes_on` with the rest, stay hidden for two minutes.

    Waiting (whole seconds) asks every server of the queue: without, an answer may be empty where the queue is not.

    Raises:
        TransientError: SQS does not answer.
    """
    seen: set[str] = set()
    handles: dict[str, str] = {}
    others: dict[str, str] = {}
    until, hidden_s = time.monotonic() + limit_s, _HIDDEN_BETWEEN_S if goes_on else _HIDDEN_S
    try:
        while True:
            page = sqs.receive_message(
                QueueUrl=queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=wait_s, VisibilityTimeout=hidden_s
            )
            messages = {message["MessageId"]: message for message in page.get("Messages", [])}
            for each in messages.values():
                found = handles if is_wanted(each["Body"]) else others
                found[each["MessageId"]] = each["ReceiptHandle"]
            is_all = messages.keys() <= seen  # none, or those that were seen before come again
            if is_all or time.monotonic() > until:
                break
            seen |= messages.keys()
    except (ClientError, BotoCoreError) as error:
        # The next attempt has to find them.
        _give_back(sqs, queue_url, [*handles.values(), *others.values()])
        raise TransientError(f"SQS: {type(error).__name__}") from error
    if is_all or not goes_on:
        _give_back(sqs, queue_url, list(others.values()))
    return FoundLetters(sqs, queue_url, handles, is_all)


def _give_back(sqs: "SQSClient", queue_url: str, handles: Sequence[str]) -> None:
    """Show the messages at once; what cannot be given back comes back by itself."""
    for start in range(0, len(handles), 10):
        entries: list[ChangeMessageVisibilityBatchRequestEntryTypeDef] = [
            {"Id": str(place), "ReceiptHandle": handle, "VisibilityTimeout": 0}
            for place, handle in enumerate(handles[start : start + 10])
        ]
        try:
            sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            logger.info("dead letters stay hidden for a minute", extra={"error": type(error).__name__})
            return


def erase_letters_of(sqs: "SQSClient", queue_url: str, deleted: Collection[tuple[str, str]]) -> None:
    """Delete the dead letters about these subjects, each a tenant's id and its own. Where none is there, it costs one
    short call.

    Best effort: in a few seconds, without letters that come later or that another looks at meanwhile, and an SQS that
    does not answer fails nothing. What is left ends with the queue's retention.
    """
    try:
        told = sqs.get_queue_attributes(
            QueueUrl=queue_url,
            AttributeNames=["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"],
        )
        if set(told["Attributes"].values()) == {"0"}:
            return
        found = find_dead_letters(sqs, queue_url, lambda body: _is_about(body, deleted), limit_s=_LOOK_S)
        found.delete()
        logger.info("dead letters of what is deleted are erased", extra={"letters": len(found)})
    except (ClientError, BotoCoreError, TransientError) as error:
        logger.warning("dead letters of what is deleted are left", extra={"error": type(error).__name__})


def _is_about(body: str, subjects: Collection[tuple[str, str]]) -> bool:
    """Whether the message is about one of the subjects; one that cannot be read is where it has both ids."""
    try:
        detail = json.loads(body)["detail"]
        return (detail["tenantid"], detail["subject"]) in subjects
    except (ValueError, KeyError, TypeError, RecursionError):
        return any(tenant_id in body and subject in body for tenant_id, subject in subjects)


def detail_of(reason: str, text: str) -> str:
    """The detail as it may leave the service: redacted, of bounded length, never empty."""
    return redacted(text)[:_MAX_DETAIL] or reason


def sendable(text: str) -> str:
    """The text with blanks where SQS takes no character: controls, lone surrogates, non-characters.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
    """
    return _UNSENDABLE.sub(" ", text)
