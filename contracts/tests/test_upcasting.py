"""Old majors stay readable: every published version reaches every reader, with the same meaning."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis_jsonschema import from_schema
from jsonschema import Draft202012Validator

from contracts import REGISTRY, Contract, Event, InvalidEventError, NoUpcasterError, Registry
from contracts.retired import SessionExpiredV1, SessionExpiredV2
from contracts.schemas import PublishedVersion, examples, published_versions
from contracts.sessions import CrowdedOut, Idle, SessionExpired
from contracts.upcasting import chain, missing_chains, upcast

ROOT = Path(__file__).parents[1]
PUBLISHED = published_versions(ROOT / "schemas")
OLD = [version for version in PUBLISHED if version.event_type not in REGISTRY.types()]
FACT = "collections.sessions.session-expired"


def example(version: int, name: str) -> dict[str, Any]:
    path = ROOT / "examples" / f"{FACT}.v{version}" / f"{version}.0" / f"{name}.json"
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def test_a_chain_leads_from_every_version_ever_published_to_the_living_one() -> None:
    assert OLD, "no fact has evolved through a major: this proves nothing"
    assert missing_chains((version.event_type for version in PUBLISHED), REGISTRY) == []


def test_a_missing_chain_is_found() -> None:
    class Ahead(Contract):
        event_type: ClassVar[str] = f"{FACT}.v9"
        schema_version: ClassVar[str] = "9.0"

    types = [f"{FACT}.v1", f"{FACT}.v3", "collections.chat.turn-completed.v1"]
    assert [str(error).split()[-3:] for error in missing_chains(types, [Ahead])] == [
        [f"{FACT}.v1", "to", f"{FACT}.v9"],
        [f"{FACT}.v3", "to", f"{FACT}.v9"],
    ]
    # Every reader is asked, also behind one of another fact and behind one that lacks nothing.
    other, living = REGISTRY.contract("collections.chat.turn-completed.v1"), SessionExpired
    assert [error.to for error in missing_chains([f"{FACT}.v1"], [other, living, Ahead])] == [f"{FACT}.v9"]
    # A consumer that is behind its producer does not understand it either.
    assert len(missing_chains([f"{FACT}.v3"], [SessionExpiredV2])) == 1


@pytest.mark.parametrize(
    "path", [path for *_, path in examples(ROOT / "examples")], ids=lambda p: f"{p.parents[1].name}/{p.stem}"
)
def test_every_golden_example_ever_is_read_as_the_newest(path: Path) -> None:
    event = REGISTRY.read(json.loads(path.read_text(encoding="utf-8")))
    assert type(event.data) in set(REGISTRY)


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (("idle", "idle", "idle"), Idle(kind="idle", after_s=14400)),
        (("limit", "crowded-out", "crowded-out"), CrowdedOut(kind="crowded-out", allowed=100)),
    ],
    ids=["idle", "crowded out"],
)
def test_an_expiry_means_the_same_in_every_version(version: int, names: tuple[str, ...], cause: Any) -> None:
    document = example(version, names[version - 1])
    event = REGISTRY.read_as(document, SessionExpired)
    assert event.data.cause == cause
    assert event.data.last_turn_at.isoformat()[:10] == "2026-11-22"
    assert (event.id, event.subject, event.sequence) == (document["id"], document["subject"], int(document["sequence"]))
    assert event.to_wire()["type"] == f"{FACT}.v3", "a republished event is of the current major"


def test_a_reader_asks_for_the_version_that_it_understands() -> None:
    second: Event[SessionExpiredV2] = REGISTRY.read_as(example(1, "limit"), SessionExpiredV2)
    assert (second.data.reason, second.data.limit) == ("crowded-out", 100)
    with pytest.raises(NoUpcasterError):
        REGISTRY.read_as(example(3, "idle"), SessionExpiredV2)
    with pytest.raises(NoUpcasterError):
        REGISTRY.read_as(example(1, "idle"), REGISTRY.contract("collections.chat.turn-completed.v1"))


def test_an_old_event_is_validated_under_the_contract_it_was_written_under() -> None:
    document = example(1, "idle")
    document["data"]["reason"] = "boredom"
    with pytest.raises(InvalidEventError) as refused:
        REGISTRY.read(document)
    assert refused.value.event_type == SessionExpiredV1.event_type
    assert [(broken.rule, broken.path) for broken in refused.value.violations] == [("literal_error", "/data/reason")]


MOMENTS = st.datetimes(timezones=st.just(UTC)).map(lambda moment: moment.isoformat())
PAYLOADS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    f"{FACT}.v1": st.fixed_dictionaries({"reason": st.sampled_from(["idle", "limit"]), "last_activity": MOMENTS}),
    f"{FACT}.v2": st.fixed_dictionaries(
        {
            "reason": st.sampled_from(["idle", "crowded-out"]),
            "limit": st.integers(min_value=1),
            "last_turn_at": MOMENTS,
        }
    ),
}


@pytest.mark.parametrize("version", OLD, ids=lambda v: f"{v.event_type}/{v.version}")
def test_upcasters_make_valid_payloads_of_all_valid_payloads(version: PublishedVersion) -> None:
    newest = REGISTRY.newest(version.event_type)
    old = Draft202012Validator(version.producer())
    tried = 0

    @given(PAYLOADS[version.event_type] if version.event_type in PAYLOADS else from_schema(version.producer()))
    def check(payload: dict[str, Any]) -> None:
        nonlocal tried
        tried += 1
        old.validate(payload)
        before = json.dumps(payload)
        result = upcast(version.event_type, payload, newest)
        newest.model_validate_json(json.dumps(result), strict=True, extra="forbid")
        assert json.dumps(payload) == before, "an upcaster leaves its argument as it is"

    check()
    assert tried >= 50


def test_an_event_type_needs_no_upcaster_to_itself() -> None:
    assert chain(f"{FACT}.v3", f"{FACT}.v3") == ()
    assert len(chain(f"{FACT}.v1", f"{FACT}.v3")) == 2


def test_upcasters_can_be_handed_in() -> None:
    class Second(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-marked.v2"
        schema_version: ClassVar[str] = "2.0"
        moment: datetime
        note: str | None = None

    class First(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-marked.v1"
        schema_version: ClassVar[str] = "1.0"
        moment: datetime
        note: str | None = None

    given_to_the_upcaster: list[dict[str, Any]] = []

    def first(payload: Mapping[str, Any]) -> dict[str, Any]:
        given_to_the_upcaster.append(dict(payload))
        return {**payload, "note": "upcast"}

    upcasters = {First.event_type: first}
    assert upcast(First.event_type, {"moment": "now"}, Second, upcasters) == {"moment": "now", "note": "upcast"}
    registry = Registry([Second], [First], upcasters)
    document = example(3, "idle") | {
        "type": First.event_type,
        "source": "collections.ingest",
        "data": {"moment": "2026-11-22T09:30:00Z"},
    }
    assert registry.read(document).data == Second(moment=datetime(2026, 11, 22, 9, 30, tzinfo=UTC), note="upcast")
    # An upcaster sees the payload as it is on the wire: JSON, and no field that was not there.
    assert given_to_the_upcaster[-1] == {"moment": "2026-11-22T09:30:00Z"}
