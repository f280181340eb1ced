"""One bad event of each kind among a thousand: the others are done, and as soon as without them."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from contracts.analysis import ItemAnalyzed
from contracts.embedding import EmbeddingFailed, ItemEmbedded
from contracts.envelope import Event
from testkit import deliver
from testkit.invoking import envelope

pytestmark = [pytest.mark.integration, pytest.mark.scheduled, pytest.mark.timeout(1800)]

EVENTS = 1000
BATCH = 10
#: The 95th percentile of the good events, beside that of a line without a bad one.
LIMIT = 1.1
# About when a message that failed once comes back.
_BACK_AFTER_S = 2.0


def _poisoned(event: Event[ItemAnalyzed], *, envelope_too: bool = True, **changes: Any) -> str:
    message = json.loads(envelope(event))
    message["detail"] |= changes
    if envelope_too:
        message |= {"source": message["detail"]["source"], "detail-type": message["detail"]["type"]}
    return json.dumps(message)


#: How each kind of bad event is made of a good one, and the reason of its dead letter.
POISON: dict[str, tuple[Callable[[Event[ItemAnalyzed]], str], str]] = {
    "schema": (lambda event: _poisoned(event, data={}), "invalid-event"),
    "decode": (lambda event: envelope(event)[:-1], "not-json"),
    "too large": (lambda event: _poisoned(event, subject="x" * 300_000), "gave-up:TransientError"),
    "wrong source": (
        lambda event: _poisoned(event, source="collections.chat", envelope_too=False),
        "mismatched-envelope",
    ),
    "unknown major": (lambda event: _poisoned(event, type="collections.analysis.item-analyzed.v9"), "unknown-event"),
    "provider": (lambda event: envelope(event).replace("A cat sits", "It is refused"), ""),
    "time-out": (lambda event: envelope(event).replace("A cat sits", "No answer"), "gave-up:ProviderUnavailableError"),
}


@dataclass
class Line:
    """The messages of one queue, and how long each took from its first delivery until it was acknowledged."""

    consumer: Any
    waiting: list[str]
    receives: dict[str, int] = field(default_factory=dict)
    begun: dict[str, float] = field(default_factory=dict)
    back: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def step(self) -> bool:
        """Hand over one batch, what has come back alone; False when nothing is left."""
        now = time.monotonic()
        again = [body for body, due in self.back.items() if due <= now or not self.waiting][:1]
        batch, receives = (again, 2) if again else (self.waiting[:BATCH], 1)
        if again:
            time.sleep(max(self.back.pop(again[0]) - now, 0))
        else:
            del self.waiting[:BATCH]
        if not batch:
            return False
        started = time.monotonic()
        failed = deliver(self.consumer, *batch, receives=receives)
        for body in batch:
            self.begun.setdefault(body, started)
            if body in failed:
                self.back[body] = time.monotonic() + _BACK_AFTER_S
            else:
                self.seconds[body] = time.monotonic() - self.begun[body]
        return True


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def test_a_thousand_events_do_not_wait_for_the_bad_ones_among_them(
    start: Callable[..., Any], providers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    running = start(max_receives=2, provider_timeout_s=1)
    providers.fault(provider="voyage", kind="status", status=400, match="It is refused")
    providers.fault(provider="voyage", kind="timeout", delay_s=3, match="No answer")
    running.consume(running.describe("warm"))
    good = {
        tenant: [running.describe(tenant, headline=f"Picture {number}") for number in range(EVENTS)]
        for tenant in ("clean", "poisoned")
    }
    every = EVENTS // len(POISON)
    bad = {kind: good["poisoned"].pop(place * every) for place, kind in enumerate(POISON)}
    bodies = [envelope(event) for event in good["poisoned"]]
    for place, (kind, event) in enumerate(bad.items()):
        bodies.insert(place * every, POISON[kind][0](event))
    clean = Line(running.on_events, [envelope(event) for event in good["clean"]])
    poisoned = Line(running.on_events, bodies)
    while clean.step() | poisoned.step():  # by turns, so that what else the machine does concerns both
        pass

    assert sorted(running.dead_letters()) == sorted(reason for _, reason in POISON.values() if reason)
    for tenant, number in (("clean", EVENTS), ("poisoned", EVENTS - len(POISON))):
        assert _recorded(running, tenant, ItemEmbedded) == number, "all others are done"
    assert _recorded(running, "poisoned", EmbeddingFailed) == 2, "those of the provider are known to have failed"
    ours = {envelope(event) for event in good["poisoned"]}
    alone = _p95(list(clean.seconds.values()))
    beside = _p95([seconds for body, seconds in poisoned.seconds.items() if body in ours])
    with capsys.disabled():
        sys.stdout.write(
            f"\np95 of {len(ours)}: {beside:.3f} s, without bad ones {alone:.3f} s: {beside / alone:.2f}\n"
        )
    assert beside <= LIMIT * alone


def _recorded(running: Any, tenant: str, contract: type[Any]) -> int:
    connection = running.service.database.connection()
    query = "SELECT count(*) AS number FROM events WHERE tenant_id = %s AND type = %s"
    return int(connection.execute(query, (tenant, contract.event_type)).fetchone()["number"])
