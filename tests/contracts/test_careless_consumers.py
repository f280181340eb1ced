"""The tests of the consumers can fail: they detect consumers that are careless in every way we know."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chassis.errors import PermanentError, TransientError
from chassis.queue import EventConsumer, on
from chassis.service import Service
from contracts import Event
from contracts.analysis import ItemAnalyzed
from localmesh.provision.context import Context
from manifests import FunctionRef
from testkit.contract_tests.delivery import Outcome, deliver, with_fresh_ids
from testkit.contract_tests.entry import EntryPointError, consumer_of, environment_of
from testkit.contract_tests.examples import published_version_cases
from workspace import REPOSITORY

Handle = Callable[[Event[ItemAnalyzed]], None]
*_, CASE = published_version_cases(REPOSITORY / "contracts", ItemAnalyzed.event_type)


@pytest.fixture(scope="module")
def search(place: Context) -> Iterator[Service[Any]]:
    """A service to be careless in."""
    (ref,) = (ref for ref in place.manifests.functions if (ref.service.service, ref.name) == ("search", "events"))
    with consumer_of(ref, environment_of(place, ref)) as entry:
        yield entry.service


def outcome(service: Service[Any], handle: Handle, document: str) -> Outcome:
    consumer = EventConsumer(service, [on(ItemAnalyzed, handle)])
    return deliver(consumer, with_fresh_ids((CASE.documents() | CASE.variants())[document], "search"))


@pytest.mark.integration
def test_one_that_reads_a_field_which_a_producer_may_omit(search: Service[Any]) -> None:
    def read_trace(event: Event[ItemAnalyzed]) -> None:
        trace: Any = event.data.trace_id
        trace.upper()

    assert outcome(search, read_trace, "maximal") == Outcome(applied=True)
    assert outcome(search, read_trace, "minimal") == Outcome(
        applied=False, reason="gave-up:AttributeError", detail="'NoneType' object has no attribute 'upper'"
    )


@pytest.mark.integration
def test_one_that_reads_the_first_of_a_list_which_may_be_empty(search: Service[Any]) -> None:
    def read_first(event: Event[ItemAnalyzed]) -> None:
        assert event.data.description.subcategories[0]

    assert outcome(search, read_first, "receipt").applied
    assert outcome(search, read_first, "minimal").reason == "gave-up:IndexError"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fault", "reason"),
    [(TransientError("later"), "gave-up:TransientError"), (PermanentError("never", "Never."), "never")],
)
def test_one_that_refuses(search: Service[Any], fault: Exception, reason: str) -> None:
    def refuse(event: Event[ItemAnalyzed]) -> None:
        raise fault

    assert outcome(search, refuse, "receipt").reason == reason


@pytest.mark.integration
def test_one_that_does_nothing_has_applied_it_all_the_same(search: Service[Any]) -> None:
    """The consumer opens the unit of work: no reaction can forget the inbox."""
    assert outcome(search, lambda event: None, "receipt") == Outcome(applied=True)


@pytest.mark.integration
def test_one_that_is_not_subscribed(search: Service[Any]) -> None:
    unsubscribed = EventConsumer(search, [])
    assert deliver(unsubscribed, with_fresh_ids(CASE.documents()["receipt"], "search")).reason == "not-subscribed"


@pytest.mark.integration
def test_an_entry_point_that_is_no_consumer(place: Context) -> None:
    (ref,) = (ref for ref in place.manifests.functions if (ref.service.service, ref.name) == ("search", "events"))
    wrong = FunctionRef(ref.service, ref.name, ref.function.model_copy(update={"handler": "search.handler.http"}))
    with (
        pytest.raises(EntryPointError, match=r"search\.handler\.http gets events and is a HttpEntry"),
        consumer_of(wrong, environment_of(place, wrong)),
    ):
        pass
