"""SQS as AWS has it: no message is lost between threads, and a crash does not delay the neighbours of its batch.

A function that crashes or runs out of time takes its whole batch along. AWS keeps all of it invisible for the
visibility time-out; here the messages come back at once, one by one, so that only the one that caused it waits.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from localmesh.processes import is_listening

_ALONE: Final = "deliver_alone"
_FIRST_RETRY_S: Final = 3.0


def correct(sqs: Any, eventbridge: Any, service: Any, needs: tuple[int, ...]) -> None:  # noqa: ANN401 - untyped
    """Lock the queues wherever messages come and go, and deliver again one by one after a crash.

    Nothing is delivered before something listens on the ports that functions need: what waits in the queues of a mesh
    that starts would fail, and be delayed.
    """
    service._poll_sqs = _waiting_for(needs, service._poll_sqs)
    sqs._queues_lock = threading.RLock()
    locked = functools.partial(_locked, sqs._queues_lock)
    for name in ("_expire_retained", "_dlq_sweep", "_collect_msgs"):
        setattr(sqs, name, locked(getattr(sqs, name)))
    for action, handler in sqs._HANDLERS.items():
        if not inspect.iscoroutinefunction(handler):
            sqs._HANDLERS[action] = locked(handler)
    eventbridge._dispatch_to_sqs = locked(eventbridge._dispatch_to_sqs)
    sqs._receive_messages_for_esm = locked(_one_by_one(sqs._receive_messages_for_esm))
    outcome = threading.local()
    service._execute_function = _remembering(service._execute_function, outcome)
    service._run_sqs_batch = _giving_back(service._run_sqs_batch, outcome, sqs)


def correct_permissions(iam_actions: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """A batch needs the permission of its single action: AWS has none of the name DeleteMessageBatch."""
    original = iam_actions.extract_iam_action

    def action_of(service: str, *request: Any) -> str | None:  # noqa: ANN401 - untyped
        found: str | None = original(service, *request)
        return found.removesuffix("Batch") if service == "sqs" and found else found

    iam_actions.extract_iam_action = action_of


def _waiting_for(needs: tuple[int, ...], poll: Callable[[], bool]) -> Callable[[], bool]:
    missing = set(needs)

    def poll_sqs() -> bool:
        for port in list(missing):
            if is_listening("127.0.0.1", port):
                missing.discard(port)
        return not missing and poll()

    return poll_sqs


def _locked(lock: threading.RLock, original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - untyped
        with lock:
            return original(*args, **kwargs)

    return call


def _one_by_one(receive: Callable[[str, int], list[dict[str, Any]]]) -> Callable[[str, int], list[dict[str, Any]]]:
    def receive_messages(url: str, most: int) -> list[dict[str, Any]]:
        batch = receive(url, most)
        alone = next((message for message in batch if message.get(_ALONE)), None)
        if alone is None:
            return batch
        for message in batch:
            if message is not alone:
                message["visible_at"] = time.time()
                message["receive_count"] -= 1
        return [alone]

    return receive_messages


def _remembering(execute: Callable[..., dict[str, Any]], outcome: threading.local) -> Callable[..., dict[str, Any]]:
    def execute_function(*args: Any) -> dict[str, Any]:  # noqa: ANN401 - untyped
        result = execute(*args)
        outcome.failed = bool(result.get("error")) and not result.get("throttle")
        return result

    return execute_function


def _giving_back(run: Callable[..., None], outcome: threading.local, sqs: Any) -> Callable[..., None]:  # noqa: ANN401
    def run_sqs_batch(esm: Any, function: Any, event: Any, batch: list[dict[str, Any]], *rest: Any) -> None:  # noqa: ANN401
        run(esm, function, event, batch, *rest)
        if not outcome.failed:
            return
        with sqs._queues_lock:
            give_back_after_a_crash(batch)

    return run_sqs_batch


def give_back_after_a_crash(batch: list[dict[str, Any]]) -> None:
    """Each message of a batch comes back alone and at once; one that was alone, after 3^n seconds."""
    now = time.time()
    for message in batch:
        if len(batch) > 1:
            message[_ALONE] = True
            message["visible_at"] = now
        else:
            delay = _FIRST_RETRY_S ** min(message["receive_count"], 6)
            message["visible_at"] = min(message["visible_at"], now + delay)
