"""New renditions of a picture are published like the first ones; they are no reason to pay for a description again."""

from collections.abc import Callable
from typing import Any

import pytest

from contracts import ReplayKind, new_event, replayed
from contracts.analysis import ItemAnalyzed

pytestmark = pytest.mark.integration


def models(running: Any, item: str) -> list[str]:
    return [
        recorded.data.model for recorded in running.recorded("alice", item) if isinstance(recorded.data, ItemAnalyzed)
    ]


def test_a_description_by_another_model_is_one_too(running: Any, providers: Any) -> None:
    providers.fault(provider="anthropic", kind="status", status=529)
    first = running.upload("alice")
    assert running.consume(first, attempt=3) == 0
    providers.calm()
    again = new_event(first.data, subject=first.subject, tenant_id="alice")
    assert running.consume(again) == 0
    assert models(running, first.subject) == ["gpt-5.5"], "by the fallback, and not again by the first"
    assert providers.requests("anthropic") == []


def test_nor_does_a_changed_configuration_pay_for_it_unless_it_is_reprocessed(
    start: Callable[..., Any], providers: Any
) -> None:
    first = start().upload("alice")
    assert start().consume(first) == 0
    newer = start(anthropic_model="claude-haiku-5-5")
    again = new_event(first.data, subject=first.subject, tenant_id="alice")
    assert newer.consume(again) == 0
    assert models(newer, first.subject) == ["claude-sonnet-5-5"]
    assert newer.consume(replayed(again, replay_id="r1", replay_for="analysis", kind=ReplayKind.REPROCESS)) == 0
    assert models(newer, first.subject) == ["claude-sonnet-5-5", "claude-haiku-5-5"]


def test_other_content_under_the_same_item_is_described(running: Any) -> None:
    first = running.upload("alice", colour="red")
    other = running.upload("alice", first.subject, colour="blue")
    assert running.consume(first) == 0
    assert running.consume(other) == 0
    assert len(models(running, first.subject)) == 2
