"""The sessions service after its database restarted."""

from typing import Any

import pytest

from testkit import FreshDatabase

pytestmark = pytest.mark.integration

SESSION = "11111111-2222-4333-8444-555555555555"


def test_a_restarted_database_costs_no_answer(running: Any, make_turn: Any, fresh_database: FreshDatabase) -> None:
    assert running.consume(make_turn("alice", SESSION)) == 0
    fresh_database.disconnect()
    answer = running.request("GET", "/chat/sessions", "alice")
    assert answer.status == 200
    assert answer.body["stats"]["active_sessions"] == 1
