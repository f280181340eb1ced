"""A queue in memory, a function without a process, and a plan of one function."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from manifests.topology import Cors
from serving.plan import FunctionPlan, Plan, QueuePlan, RoutePlan

QUEUE = QueuePlan("q-events", "arn:aws:sqs:us-east-1:000000000000:q-events", "http://sqs/0/q-events", 10, 1, 8)
CORS = Cors(origins=("*",), methods=("GET", "HEAD", "POST"), headers=("authorization",), exposed=("etag",), max_age_s=5)


def function(handler: str = "serving_handlers.echo", timeout_s: int = 5, **given: Any) -> FunctionPlan:
    """A function of a service that does not exist."""
    return FunctionPlan(
        service="shop",
        name="collections-test-shop-events",
        arn="arn:aws:lambda:us-east-1:000000000000:function:collections-test-shop-events",
        role_arn="arn:aws:iam::000000000000:role/collections-test-shop-events",
        handler=handler,
        memory_mb=128,
        timeout_s=timeout_s,
        variables={"FUNCTION": "events", "SERVICE": "shop"},
        **given,
    )


def web_function(*routes: tuple[str, bool]) -> FunctionPlan:
    """A function with these routes: key, and whether it is public."""
    return function(routes=tuple(RoutePlan(key, public) for key, public in routes))


def worker_plan(handler: str, timeout_s: int = 5) -> Plan:
    """A container with one queue."""
    return Plan((function(handler, timeout_s, queues=(QUEUE,)),), CORS)


class Answering:
    """A function that answers as it is told; remembers what it was called with."""

    def __init__(self, answer: Any = None) -> None:
        self.answer = answer
        self.events: list[Mapping[str, Any]] = []

    def invoke(self, event: Mapping[str, Any], wait_s: float | None = None) -> Any:
        self.events.append(event)
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer(event) if isinstance(self.answer, Callable) else self.answer  # type: ignore[arg-type]


class FakeSqs:
    """One queue: `sent` arrive in batches; `fault` is raised by the call of that name."""

    def __init__(self, *batches: list[str]) -> None:
        self.batches = list(batches)
        self.deleted: list[str] = []
        self.given_back: list[str] = []
        self.delays_s: list[int] = []
        self.faults: dict[str, str] = {}
        self.undeletable: dict[str, str] = {}
        self.unreturnable: dict[str, str] = {}
        self.receives: dict[str, int] = {}
        self.received = threading.Event()

    def receive_message(self, **_: Any) -> dict[str, Any]:
        self._fail("receive_message")
        if not self.batches:
            threading.Event().wait(0.02)
            return {}
        self.received.set()
        return {"Messages": [message(name, self.receives.get(name, 1)) for name in self.batches.pop(0)]}

    def delete_message_batch(self, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        self._fail("delete_message_batch")
        handles = {entry["Id"]: entry["ReceiptHandle"].removeprefix("handle-") for entry in Entries}
        self.deleted += [name for name in handles.values() if name not in self.undeletable]
        bad = [key for key, name in handles.items() if name in self.undeletable]
        return {"Failed": [{"Id": key, "Code": self.undeletable[handles[key]]} for key in bad]}

    def change_message_visibility_batch(self, Entries: list[dict[str, Any]], **_: Any) -> dict[str, Any]:  # noqa: N803
        self._fail("change_message_visibility_batch")
        names = [entry["ReceiptHandle"].removeprefix("handle-") for entry in Entries]
        self.delays_s = [entry["VisibilityTimeout"] for entry in Entries]
        self.given_back += [name for name in names if name not in self.unreturnable]
        bad = [(entry["Id"], name) for entry, name in zip(Entries, names, strict=True) if name in self.unreturnable]
        return {"Failed": [{"Id": key, "Code": self.unreturnable[name]} for key, name in bad]} if bad else {}

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        self._fail("get_queue_attributes")
        return {"Attributes": {"ApproximateNumberOfMessages": str(sum(map(len, self.batches)))}}

    def _fail(self, call: str) -> None:
        if code := self.faults.get(call):
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, call)


def message(name: str, receives: int = 1) -> dict[str, Any]:
    return {
        "MessageId": name,
        "ReceiptHandle": f"handle-{name}",
        "Body": "{}",
        "MD5OfBody": "m",
        "Attributes": {"ApproximateReceiveCount": str(receives), "SentTimestamp": "1000"},
        "MessageAttributes": {"kind": {"StringValue": "x", "DataType": "String"}},
    }
