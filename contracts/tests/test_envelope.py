"""The envelope: what is refused with which words, and what is carried on from a cause or a replay."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from contracts import REGISTRY, Contract, InvalidEventError, UnknownEventError, new_event, replayed
from contracts.envelope import ReplayKind, envelope_problems, format_time, read_cloudevent
from contracts.errors import NotLivingError, NoUpcasterError, Violation
from contracts.ingest import ItemDeleted

DELETED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "examples/collections.ingest.item-deleted.v1/1.0/deleted.json").read_text(
        encoding="utf-8"
    )
)
ATTRIBUTES = {name: value for name, value in DELETED.items() if name != "data"}
TRACE = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"


def deletion(**options: Any) -> Any:
    return new_event(ItemDeleted(), subject="item", tenant_id="tenant", **options)


#: One fault each: attributes, data, and the only violation.
FAULTS: dict[str, tuple[dict[str, Any], object, Violation]] = {
    "data is no object": ({}, ["x"], Violation("object", "/data", "data is a JSON object")),
    "a trace is no text": ({"traceparent": 5}, {}, Violation("string", "/traceparent", "traceparent is text")),
    "an unknown kind of replay": (
        {"replaykind": "again"},
        {},
        Violation("replaykind", "/replaykind", "replaykind is one of: rebuild, reprocess"),
    ),
    "a sequence in words": ({"sequence": "one"}, {}, Violation("sequence", "/sequence", "sequence is a whole number")),
    "no time": ({"time": "soon"}, {}, Violation("time", "/time", "time is RFC 3339, with a zone")),
    "a time without dashes": (
        {"time": "20261122T093000Z"},
        {},
        Violation("time", "/time", "time is RFC 3339, with a zone"),
    ),
    "a time of nowhere": (
        {"time": "2026-11-22T09:30:00"},
        {},
        Violation("time", "/time", "time is RFC 3339, with a zone"),
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_one_violation(name: str) -> None:
    change, data, violation = FAULTS[name]
    assert envelope_problems(ATTRIBUTES | change, data) == [violation]


@pytest.mark.parametrize("name", ["id", "type", "source", "subject", "time", "tenantid", "correlationid", "dataschema"])
def test_what_is_required_is_named_when_it_is_missing(name: str) -> None:
    without = {key: value for key, value in ATTRIBUTES.items() if key != name}
    assert envelope_problems(without, {}) == [Violation("missing", f"/{name}", f"{name} is required")]


def test_optional_attributes_may_be_absent() -> None:
    optional = {"sequence", "causationid", "traceparent"}
    plain = {key: value for key, value in ATTRIBUTES.items() if key not in optional}
    assert envelope_problems(plain, {}) == []
    event = REGISTRY.read({**plain, "data": {}})
    assert (event.sequence, event.causation_id, event.traceparent, event.replay_kind) == (0, None, None, None)


def test_the_verdict_of_the_cloudevents_sdk_is_passed_on() -> None:
    with pytest.raises(InvalidEventError) as refused:
        read_cloudevent({**ATTRIBUTES, "time": datetime.now(UTC), "Upper": "x"}, {})
    assert refused.value.event_type == DELETED["type"]
    (violation,) = refused.value.violations
    assert (violation.rule, violation.path) == ("cloudevents", "/Upper")
    assert "Upper" in violation.message


def test_the_envelope_that_the_sdk_reads_carries_the_data() -> None:
    checked = read_cloudevent({**ATTRIBUTES, "time": datetime.now(UTC)}, {"key": "value"})
    assert checked.get_data() == {"key": "value"}


def test_a_cause_hands_on_its_correlation_and_trace() -> None:
    cause = deletion(traceparent=TRACE, correlation_id="request")
    caused = deletion(cause=cause)
    assert (caused.correlation_id, caused.causation_id, caused.traceparent) == ("request", cause.id, TRACE)
    other = TRACE.replace("a", "c")
    assert deletion(cause=cause, traceparent=other, correlation_id="own").traceparent == other
    assert deletion(cause=cause, correlation_id="own").correlation_id == "own"


def test_an_event_without_a_cause_begins_a_correlation() -> None:
    first, second = deletion(), deletion()
    assert first.correlation_id != second.correlation_id
    assert str(UUID(first.correlation_id)) == first.correlation_id
    assert (first.causation_id, first.traceparent) == (None, None)


@pytest.mark.parametrize(("kind", "reacts"), [(ReplayKind.REBUILD, False), (ReplayKind.REPROCESS, True)])
def test_a_replay_says_what_it_wants_on_the_wire(kind: ReplayKind, reacts: bool) -> None:
    again = replayed(deletion(), replay_id="r1", replay_for="search", kind=kind)
    document = again.to_wire()
    assert (document["replayid"], document["replayfor"], document["replaykind"]) == ("r1", "search", kind)
    read = REGISTRY.read(document)
    assert (read.replay_id, read.replay_for, read.replay_kind, read.wants_reactions) == ("r1", "search", kind, reacts)


def test_a_replay_is_a_rebuild_unless_ordered_otherwise() -> None:
    again = replayed(deletion(), replay_id="r1", replay_for="search")
    assert again.replay_kind is ReplayKind.REBUILD
    assert not again.wants_reactions
    assert deletion().wants_reactions


def test_times_are_written_in_utc() -> None:
    there = timezone(timedelta(hours=9))
    assert format_time(datetime(2026, 11, 22, 9, 30, tzinfo=there)) == "2026-11-22T00:30:00.000000Z"
    with pytest.raises(ValueError, match="carry a zone"):
        format_time(datetime(2026, 11, 22, 9, 30))


def test_a_document_is_written_once() -> None:
    event = deletion()
    first = event.to_wire()
    object.__setattr__(event, "subject", "changed behind its back")
    assert event.to_wire() == first


def test_an_incomplete_event_says_what_it_is() -> None:
    with pytest.raises(InvalidEventError) as refused:
        new_event(ItemDeleted(), subject="", tenant_id="tenant").to_wire()
    assert refused.value.event_type == ItemDeleted.event_type
    assert [violation.path for violation in refused.value.violations] == ["/subject"]


#: What is refused, and of which type the error says it is.
REFUSED: dict[str, tuple[Callable[[dict[str, Any]], object], str | None]] = {
    "it breaks the envelope": (lambda d: d.pop("id"), ItemDeleted.event_type),
    "it has no type": (lambda d: d.pop("type"), None),
    "its type is no text": (lambda d: d.update(type=5), "5"),
    "another service published it": (lambda d: d.update(source="collections.chat"), ItemDeleted.event_type),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refusal_names_the_type(name: str) -> None:
    change, event_type = REFUSED[name]
    document = dict(DELETED)
    change(document)
    with pytest.raises(InvalidEventError) as refused:
        REGISTRY.read(document)
    assert refused.value.event_type == event_type
    assert (event_type or "(no type)") in str(refused.value)


def test_another_services_event_is_refused_with_the_rightful_source() -> None:
    with pytest.raises(InvalidEventError) as refused:
        REGISTRY.read({**DELETED, "source": "collections.chat"})
    message = f"{ItemDeleted.event_type} is published by collections.ingest alone"
    assert refused.value.violations == (Violation("source", "/source", message),)


def test_errors_carry_the_types_they_are_about() -> None:
    unknown = "collections.ingest.item-lost.v1"
    for find in (REGISTRY.contract, REGISTRY.newest):
        with pytest.raises(UnknownEventError, match=unknown) as refused:
            find(unknown)
        assert refused.value.event_type == unknown

    class Lookalike(ItemDeleted):
        pass

    with pytest.raises(NotLivingError, match=f"Lookalike .* {ItemDeleted.event_type}") as not_living:
        REGISTRY.admit(new_event(Lookalike(), subject="item", tenant_id="tenant"))
    assert not_living.value.event_type == ItemDeleted.event_type
    newest: type[Contract] = REGISTRY.newest("collections.sessions.session-expired.v1")
    with pytest.raises(NoUpcasterError) as no_way:
        REGISTRY.read_as(DELETED, newest)
    assert (no_way.value.event_type, no_way.value.to) == (ItemDeleted.event_type, newest.event_type)
