"""What runs in an execution environment: `python -m serving.runtime HANDLER FILE_DESCRIPTOR`.

Imports the handler once, then handles one event after another. It reads and writes JSON messages on the socket that it
is given, and ends when the other side closes it. Standard output is the container's log.
"""

import importlib
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

Handler = Callable[[dict[str, Any], "Context"], Any]


@dataclass(frozen=True)
class Context:
    """The context object of a Lambda handler."""

    aws_request_id: str
    deadline: float  # in seconds of `time.time`
    invoked_function_arn: str
    function_name: str
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "0"
    log_group_name: str = ""
    log_stream_name: str = ""
    identity: None = None
    client_context: None = None

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the environment is killed."""
        return max(int((self.deadline - time.time()) * 1000), 0)


def main(name: str, descriptor: int) -> None:
    """Serve until the other side is gone. Exits with 1 where the handler cannot be imported."""
    # A container's shutdown, or Ctrl-C, reaches the whole process group: what is being handled is finished first.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    connection = Connection(descriptor)
    try:
        handler = _import(name)
    except Exception as error:
        _send(connection, {"error": _fault(error)})
        raise SystemExit(1) from error
    _send(connection, {"ready": os.getpid()})
    while True:
        try:
            order = json.loads(connection.recv_bytes())
        except (EOFError, OSError):  # a plain OSError where the other side ended in the middle of an order
            return
        try:
            _send(connection, _answer(handler, order))
        except OSError:
            return


def _import(name: str) -> Handler:
    module, _, attribute = name.rpartition(".")
    found: Handler = getattr(importlib.import_module(module), attribute)
    return found


def _answer(handler: Handler, order: dict[str, Any]) -> dict[str, Any]:
    context = Context(
        aws_request_id=order["request_id"],
        deadline=order["deadline"],
        invoked_function_arn=order["function_arn"],
        function_name=os.environ.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        memory_limit_in_mb=os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "0"),
        log_group_name=os.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream_name=f"container/{os.getpid()}",
    )
    try:
        result = handler(order["event"], context)
    except Exception as error:
        return {"error": _fault(error)}
    finally:
        sys.stdout.flush()
    try:
        json.dumps(result)
    except (TypeError, ValueError, RecursionError) as error:
        return {"error": {"kind": "Runtime.MarshalError", "message": str(error), "trace": []}}
    return {"result": result}


def _fault(error: Exception) -> dict[str, Any]:
    return {"kind": type(error).__name__, "message": str(error), "trace": traceback.format_exception(error)}


def _send(connection: Connection, message: dict[str, Any]) -> None:
    connection.send_bytes(json.dumps(message).encode())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
