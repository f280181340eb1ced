"""Events of versions that are no longer published have the same effect as current ones."""

import json
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contracts import REGISTRY
from contracts.sessions import SessionExpired

EXAMPLES = Path(__file__).parents[3] / "contracts" / "examples"
PATHS = sorted(EXAMPLES.glob(f"{SessionExpired.fact()}.v*/*/*.json"))
CONTEXT: Any = SimpleNamespace(aws_request_id="request", function_name="test")


def deliver(running: Any, document: dict[str, Any]) -> None:
    """The document as SQS brings it, exactly as it was published."""
    record = {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "handle",
        "body": json.dumps({"source": document["source"], "detail-type": document["type"], "detail": document}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "eventSource": "aws:sqs",
    }
    assert running.on_events({"Records": [record]}, CONTEXT)["batchItemFailures"] == []


def with_time(document: dict[str, Any], moment: datetime) -> dict[str, Any]:
    """The golden example with its own field for the latest turn at that time."""
    field = "last_activity" if document["type"].endswith(".v1") else "last_turn_at"
    return {**document, "data": {**document["data"], field: moment.isoformat()}}


def test_all_majors_have_examples_of_both_causes() -> None:
    assert [path.parents[1].name[-2:] for path in PATHS] == ["v1", "v1", "v2", "v2", "v3", "v3"]
    assert {major.major() for major in REGISTRY.majors(SessionExpired.event_type)} == {1, 2, 3}


@pytest.mark.integration
@pytest.mark.parametrize("path", PATHS, ids=lambda p: f"{p.parents[1].name[-2:]}-{p.stem}")
def test_an_expiry_of_any_version_ends_the_conversation(running: Any, session: str, path: Path) -> None:
    golden = {**json.loads(path.read_text(encoding="utf-8")), "tenantid": "ann", "subject": session}
    assert running.chat("ann", session, "hello").status == 200
    last_turn_at = running.recorded("ann", session)[-1].time
    deliver(running, with_time({**golden, "id": str(uuid.uuid4())}, last_turn_at - timedelta(seconds=1)))
    assert running.stored("ann", session) != [], "it was continued since"
    deliver(running, with_time({**golden, "id": str(uuid.uuid4())}, last_turn_at))
    assert running.stored("ann", session) == []
    assert running.chat("ann", session, "hello").body["conversation_turn"] == 1
