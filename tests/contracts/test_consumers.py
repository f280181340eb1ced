"""Each consumer handles every document it may receive, at its real entry point on real servers.

It may receive: every golden example of every version of its events, ever; and of each version the document with
nothing but the required fields and the one with everything, which a producer may send tomorrow.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from chassis.queue import EventConsumer
from localmesh.provision.context import Context
from manifests import FunctionRef, load_manifests
from mesh.audit.deliveries import REACTIONS
from testkit.contract_tests.delivery import deliver, object_keys, with_fresh_ids
from testkit.contract_tests.entry import consumer_of, environment_of
from testkit.contract_tests.examples import PublishedVersionCase, published_version_cases
from workspace import REPOSITORY

REGISTRY = REPOSITORY / "contracts"
CONSUMERS = [ref for ref in load_manifests(REPOSITORY).functions if ref.service.consumed_by(ref.name)]


@dataclass(frozen=True)
class Case:
    """A consumer, and a document of a version that it may meet."""

    ref: FunctionRef
    version: PublishedVersionCase
    document: str

    def __str__(self) -> str:
        return f"{self.ref.service.service}.{self.ref.name}-{self.version}-{self.document}"


def _marked(case: Case) -> Any:
    """The consumer of replays is the chassis' in every service: one of them stands for all on a push."""
    stands_for_all = case.ref.name != "replays" or case.ref.service.service == "ingest"
    return pytest.param(case, marks=() if stands_for_all else pytest.mark.scheduled)


CASES = [
    _marked(Case(ref, version, name))
    for ref in CONSUMERS
    for event_type in ref.service.consumed_by(ref.name)
    for version in published_version_cases(REGISTRY, event_type)
    for name in (*version.documents(), "minimal", "maximal")
]


class Stage:
    """Runs one function at a time; the next one is started when it is requested."""

    def __init__(self, place: Context) -> None:
        self._place = place
        self._stack = ExitStack()
        self._at_work: tuple[FunctionRef, EventConsumer] | None = None

    def consumer(self, ref: FunctionRef) -> EventConsumer:
        """The function's entry point."""
        if self._at_work is None or self._at_work[0] is not ref:
            self.clear()
            self._at_work = ref, self._stack.enter_context(consumer_of(ref, environment_of(self._place, ref)))
        return self._at_work[1]

    def clear(self) -> None:
        """End the running function."""
        self._at_work = None
        self._stack.close()


@pytest.fixture(scope="module")
def stage(place: Context) -> Iterator[Stage]:
    """Starting a function costs more than a delivery, and their tests come one after the other."""
    current = Stage(place)
    yield current
    current.clear()


@pytest.mark.integration
@pytest.mark.sampled(80)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_consumer_handles_what_it_may_meet(case: Case, stage: Stage, place: Context, picture: bytes) -> None:
    documents = case.version.documents() | case.version.variants()
    document = with_fresh_ids(documents[case.document], case.ref.service.service)
    for key in object_keys(document["data"]):
        place.clients.s3.put_object(Bucket=place.names.images_bucket, Key=key, Body=picture, ContentType="image/jpeg")
    outcome = deliver(stage.consumer(case.ref), document)
    assert outcome.applied, f"{case}: {outcome}"


def test_every_consumed_event_has_a_version_and_an_example() -> None:
    for ref in CONSUMERS:
        for event_type in ref.service.consumed_by(ref.name):
            found = published_version_cases(REGISTRY, event_type)
            assert found, f"{ref.service.service} consumes {event_type}, which was never published"
            assert all(version.examples for version in found), f"{event_type}: a version without golden example"


@pytest.mark.integration
def test_an_audit_knows_what_consumers_react_to(place: Context) -> None:
    """A rebuild brings about no reaction, so what was not delivered is repaired in another way."""
    found: dict[str, set[str]] = {ref.service.service: set() for ref in CONSUMERS}
    for ref in CONSUMERS:
        if ref.name != "replays":
            with consumer_of(ref, environment_of(place, ref)) as consumer:
                found[ref.service.service] |= {fact.removeprefix("collections.") for fact in consumer.reacts_to}
    assert found == REACTIONS
