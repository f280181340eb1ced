"""Consumers of other messages than our events."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from chassis.errors import PoisonError
from chassis.queue.entry import QueueEntry
from chassis.service import Service

__all__ = ["MessageConsumer"]

M = TypeVar("M")


class MessageConsumer(QueueEntry, Generic[M]):
    """A Lambda entry point for a queue of other messages than our events.

    `read` parses a body into a message and raises `PoisonError` where it cannot; `handle` must be idempotent by itself,
    for there is no event id to put into an inbox.
    """

    def __init__(self, service: Service[Any], read: Callable[[str], M], handle: Callable[[M], None]) -> None:
        super().__init__(service)
        self._read = read
        self._handle = handle

    def _open_batch(self, records: Sequence[dict[str, Any]]) -> None:
        """Nothing is known of such messages before each is read."""

    def _handle_record(self, record: SQSRecord) -> None:
        try:
            message = self._read(record.body)
        except PoisonError as poison:
            self._dead_letter(record, poison)
            return
        self._settle(record, lambda: self._handle(message))
