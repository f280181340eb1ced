"""The dead-letter queues of an environment: reading them, sending letters back, deleting letters.

SQS hands a message out and hides it meanwhile; there is no other way to look at a queue. Whatever is looked at is given
back at once, and after `_HIDDEN_S` in any case, should this program be killed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Final

from mesh.dlq.errors import QueueUnknownError
from mesh.dlq.letters import Letter, Selection
from mesh.environments import DeployedFunction, Environment

_HIDDEN_S: Final = 300
_AT_ONCE: Final = 4
_PAGE: Final = 10


class DeadLetterQueues:
    """The dead-letter queues of all functions with a queue; `only` names a function (`imaging.events`) or a service."""

    def __init__(self, environment: Environment, only: str | None = None) -> None:
        having = {key: each for key, each in environment.functions.items() if each.dead_letter_queue_url}
        chosen = {key: each for key, each in having.items() if only in {None, key, key.partition(".")[0]}}
        if not chosen:
            known = ", ".join(sorted(having)) or "none"
            raise QueueUnknownError(f"{only or 'a queue'} is not in {environment.environment} (there are: {known})")
        self._functions = dict(sorted(chosen.items()))
        self._sqs = environment.client("sqs", max_pool_connections=_AT_ONCE)
        # A second of waiting makes SQS ask all of its hosts, not a sample of them; an emulator is one host.
        self._wait_s = 1 if environment.endpoint_url is None else 0

    def letters(self, selection: Selection) -> list[Letter]:
        """What of the selection is in the queues, oldest first; all of it is visible again at once."""

        def look(queue: str) -> list[Letter]:
            with self._held(queue) as held:
                return [letter for letter, _ in held if letter in selection]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = [letter for letters in pool.map(look, self._functions) for letter in letters]
        return sorted(found, key=lambda letter: (letter.sent_at, letter.queue, letter.id))

    def redrive(self, letters: Sequence[Letter]) -> list[Letter]:
        """Send these letters back to the queues they came from; returns those that were still there.

        A letter is deleted after its copy has been accepted. What is interrupted in between is there twice, and the
        consumer's inbox lets the second have no effect.
        """

        def send(queue: str, message: dict[str, Any]) -> None:
            self._sqs.send_message(QueueUrl=self._functions[queue].queue_url, MessageBody=message["Body"])

        return self._taking(letters, send)

    def discard(self, letters: Sequence[Letter]) -> list[Letter]:
        """Delete these letters for good; returns those that were still there."""
        return self._taking(letters, lambda queue, message: None)

    def _taking(self, letters: Sequence[Letter], before: Callable[[str, dict[str, Any]], None]) -> list[Letter]:
        taken: list[Letter] = []
        for queue in sorted({letter.queue for letter in letters}):
            wanted = Selection(frozenset(letter.id for letter in letters if letter.queue == queue))
            with self._held(queue) as held:
                for at in [at for at, (letter, _) in enumerate(held) if letter in wanted][::-1]:
                    letter, message = held[at]
                    before(queue, message)
                    self._sqs.delete_message(
                        QueueUrl=self._functions[queue].dead_letter_queue_url, ReceiptHandle=message["ReceiptHandle"]
                    )
                    del held[at]  # it is gone: there is nothing to give back
                    taken.append(letter)
        return taken

    @contextmanager
    def _held(self, queue: str) -> Iterator[list[tuple[Letter, dict[str, Any]]]]:
        """Everything in a dead-letter queue, hidden from others while the block runs."""
        function = self._functions[queue]
        url = function.dead_letter_queue_url
        held: dict[str, dict[str, Any]] = {}
        try:
            while fresh := self._receive(url, held):
                held |= fresh
            max_receives = self._max_receives(function) if held else 0
            listed = [(Letter.read(message, queue, max_receives), message) for message in held.values()]
            held = {}
            try:
                yield listed
            finally:
                held = {letter.id: message for letter, message in listed}
        finally:
            self._release(url, list(held.values()))

    def _receive(self, url: str | None, held: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The next page, by message id."""
        answer = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=_PAGE,
            VisibilityTimeout=_HIDDEN_S,
            WaitTimeSeconds=self._wait_s,
            MessageAttributeNames=["All"],
            MessageSystemAttributeNames=["All"],
        )
        # A page of what is held already: reading took so long that the first ones are visible again.
        return {m["MessageId"]: m for m in answer.get("Messages", []) if m["MessageId"] not in held}

    def _release(self, url: str | None, messages: Sequence[dict[str, Any]]) -> None:
        for start in range(0, len(messages), _PAGE):
            entries = [
                {"Id": str(at), "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
                for at, message in enumerate(messages[start : start + _PAGE])
            ]
            self._sqs.change_message_visibility_batch(QueueUrl=url, Entries=entries)

    def _max_receives(self, function: DeployedFunction) -> int:
        answer = self._sqs.get_queue_attributes(QueueUrl=function.queue_url, AttributeNames=["RedrivePolicy"])
        policy = json.loads(answer.get("Attributes", {}).get("RedrivePolicy", "{}"))
        return int(policy.get("maxReceiveCount", 0))
