"""Functions, as AWS's Lambda runs them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from testkit import eventually
from testkit.conformance import Aws

pytestmark = pytest.mark.integration


COUNTING = """
import os
calls = 0

def handler(event, context):
    global calls
    calls += 1
    print("called", calls)
    if event.get("fail"):
        raise ValueError("as asked")
    return {"calls": calls, "given": os.environ["GIVEN"], "left_ms": context.get_remaining_time_in_millis()}
"""


def invoke(aws: Aws, function: str, **event: Any) -> tuple[dict[str, Any], str | None]:
    answer = aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    return json.loads(answer["Payload"].read()), answer.get("FunctionError")


@pytest.mark.scheduled
def test_a_function_keeps_its_environment_and_is_logged(aws: Aws) -> None:
    function = aws.function(COUNTING, variables={"GIVEN": "value"})
    first, second = invoke(aws, function)[0], invoke(aws, function)[0]
    assert (first["calls"], second["calls"], first["given"]) == (1, 2, "value")
    assert 0 < first["left_ms"] <= 20_000
    logs = aws.client("logs")

    def logged() -> set[str]:
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{function}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return set()
        return {event["message"].strip() for event in events} & {"called 1", "called 2"}

    eventually(lambda: len(logged()) == 2, timeout_s=10)


@pytest.mark.scheduled
@pytest.mark.differs(ministack="an exception ends the process of the function, and has no stack trace")
def test_an_exception_has_a_stack_trace_and_keeps_the_environment(aws: Aws) -> None:
    function = aws.function(COUNTING, variables={"GIVEN": ""})
    failure, kind = invoke(aws, function, fail=True)
    assert (kind, failure["errorType"], failure["errorMessage"]) == ("Unhandled", "ValueError", "as asked")
    assert "as asked" in "".join(failure["stackTrace"]) or "case.py" in "".join(failure["stackTrace"])
    assert invoke(aws, function)[0]["calls"] == 2


SLOW = "import time, os\ndef handler(event, context):\n    time.sleep(9) if event['slow'] else os._exit(3)\n"


@pytest.mark.scheduled
def test_a_function_that_takes_too_long_or_ends_is_an_error(aws: Aws) -> None:
    function = aws.function(SLOW, timeout_s=1)
    late, kind = invoke(aws, function, slow=True)
    assert (kind, late["errorType"]) == ("Unhandled", "Sandbox.Timedout")
    assert "timed out after 1.00 seconds" in late["errorMessage"]
    assert invoke(aws, function, slow=False)[1] == "Unhandled"
