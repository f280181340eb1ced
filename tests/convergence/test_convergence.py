"""The same events leave the same rows, in any order and any number, at every service that keeps something of them.

Conversations are in DynamoDB, too, where each fold takes much longer: a push tries fewer of their orders.
"""

import itertools
import random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    multiple,
    rule,
    run_state_machine_as_test,
)

from contracts import Contract, Event
from testkit.convergence import FLOWS, Folding, published_versions, stream

pytestmark = pytest.mark.integration

#: Orders of a flow that a push tries, and of one that is folded into DynamoDB; the scheduled run tries all.
ORDERS, ORDERS_IN_DYNAMODB = 8, 2


def test_every_order_leaves_the_same(folding: Folding, whole: bool) -> None:
    kept = tried = 0
    for flow in FLOWS:
        events = folding.consumed(stream(flow, tenant="tenant", subject="subject"))
        expected = folding.fold(events)
        kept += sum(map(len, expected.values()))
        orders = list(itertools.permutations(events))[1:]
        most = ORDERS_IN_DYNAMODB if folding.dynamodb else ORDERS
        for order in orders if whole else random.Random(flow).sample(orders, min(most, len(orders))):
            again = order[0]
            assert folding.fold([*order, again]) == expected, f"{flow}: {[event.type for event in order]}"
            tried += 1
    assert tried, "the service consumes nothing of any flow"
    assert kept, "the service keeps nothing"


def test_every_version_that_was_ever_published_is_folded(folding: Folding) -> None:
    """Recorded streams of any age: of each flow one for every version of its facts."""
    folded = 0
    for flow in FLOWS:
        for fact, version in published_versions(flow):
            events = folding.consumed(stream(flow, tenant="tenant", subject="subject", versions={fact: version}))
            if any(event.type.startswith(f"collections.{fact}.v") for event in events):
                assert folding.fold(events) == folding.fold(events[::-1]), (flow, fact, version)
                folded += 1
    assert folded


@pytest.mark.sampled(2)
def test_an_audit_finds_what_differs_from_the_log_and_nothing_else(folding: Folding) -> None:
    """Whatever a flow leaves equals its fold without anything personal; rows that are lost, or of no event, do not."""
    kept = 0
    for flow in FLOWS:
        events = folding.consumed(stream(flow, tenant="tenant-a", subject="subject"))
        equal = folding.audited(events, recorded=events)
        assert (equal["differences"], equal["refused"]) == ([], []), flow
        if any(folding.fold(events).values()):
            kept += 1
            lost, unexplained = folding.audited([], recorded=events), folding.audited(events, recorded=[])
            assert {found["kind"] for found in lost["differences"]} == {"missing"}, flow
            assert {found["kind"] for found in unexplained["differences"]} == {"extra"}, flow
    assert kept, "the service keeps nothing"


class Delivery(RuleBasedStateMachine):
    """Many items at once: what happens is delivered when it pleases, and again, and late."""

    folding: Folding
    under_way: Bundle[Event[Contract]] = Bundle("under_way")
    delivered: Bundle[Event[Contract]] = Bundle("delivered")

    def __init__(self) -> None:
        super().__init__()
        self.happened: list[Event[Contract]] = []
        self.order: list[Event[Contract]] = []

    @rule(target=under_way, flow=st.sampled_from(sorted(FLOWS)), tenant=st.sampled_from(["alice", "bob"]))
    def happen(self, flow: str, tenant: str) -> MultipleResults[Event[Contract]]:
        subject = f"subject-{len(self.happened)}"
        events = self.folding.consumed(stream(flow, tenant=tenant, subject=subject))
        self.happened += events
        return multiple(*events)

    @rule(target=delivered, event=consumes(under_way))
    def deliver(self, event: Event[Contract]) -> Event[Contract]:
        self.order.append(event)
        return event

    @rule(event=delivered)
    def deliver_again(self, event: Event[Contract]) -> None:
        self.order.append(event)

    def teardown(self) -> None:
        delivered = {event.id for event in self.order}
        late = [event for event in self.happened if event.id not in delivered]
        assert self.folding.fold([*self.order, *reversed(late)]) == self.folding.fold(self.happened)


def test_whatever_is_delivered_again_or_late_leaves_the_same(folding: Folding, whole: bool) -> None:
    machine = type("DeliveryTo", (Delivery,), {"folding": folding})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=200 if whole else 2 if folding.dynamodb else 8,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
