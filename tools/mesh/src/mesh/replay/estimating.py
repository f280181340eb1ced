"""What a replay costs and how long it takes at the least, before it is ordered."""

from __future__ import annotations

from collections.abc import Mapping

from mesh.cost.data import load_prices, load_usage


def usd(events: int) -> float:
    """US dollars for EventBridge and SQS in AWS, without free tiers; a rebuild calls no model."""
    charges = {c.meter: c for prices in load_prices().resources.values() for c in prices.charges}
    bus, queue = charges["bus_events"], charges["queue_requests"]
    requests = load_usage().queue.requests_per_message
    return events * (bus.price / bus.per + requests * queue.price / queue.per)


def duration_s(counts: Mapping[str, Mapping[str, int]], rate: int) -> float:
    """Seconds at the rate of each owner, all of which work at once; a consumer that is slower makes it longer."""
    return max((sum(by_type.values()) for by_type in counts.values()), default=0) / rate
