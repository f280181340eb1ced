"""The catalogue: names, published schemas, golden examples, and what the registry refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from contracts import (
    REGISTRY,
    BrokenRegistryError,
    Contract,
    InvalidEventError,
    Registry,
    UnknownEventError,
    new_event,
    replayed,
)
from contracts.contract import Part
from contracts.embedding import ItemEmbedded, encode_vector
from contracts.export import main, schema_files
from contracts.ingest import ItemDeleted, ItemUploaded
from contracts.schemas import PRODUCER_SUFFIX, PublishedVersion, published_versions

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*/*/*.json"))


def load(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


UPLOADED = load(ROOT / "examples/collections.ingest.item-uploaded.v1/1.0/photo.json")


def test_published_schemas_match_the_models() -> None:
    assert main([str(ROOT / "schemas"), "--check"]) == 0


def test_every_schema_file_belongs_to_a_contract() -> None:
    on_disk = set((ROOT / "schemas").glob("*/*.json"))
    assert set(schema_files(ROOT / "schemas")) <= on_disk
    known = {contract.event_type for contract in (*REGISTRY, *REGISTRY.retired())}
    assert {path.parent.name for path in on_disk} == known


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").glob("*/*.json")), ids=lambda p: f"{p.parent.name}/{p.name}")
def test_published_schemas_are_valid_2020_12(path: Path) -> None:
    Draft202012Validator.check_schema(load(path))


@pytest.mark.parametrize("version", published_versions(ROOT / "schemas"), ids=lambda v: f"{v.event_type}/{v.version}")
def test_every_version_ever_published_has_a_golden_example(version: PublishedVersion) -> None:
    assert list((ROOT / "examples" / version.event_type / version.version).glob("*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parents[1].name}/{p.stem}")
def test_golden_examples_are_read_and_written_back_the_same(path: Path) -> None:
    document = load(path)
    contract = REGISTRY.contract(path.parents[1].name)
    event = REGISTRY.read_as(document, contract)
    assert event.type == path.parents[1].name
    if contract.schema_version == path.parent.name:
        assert event.to_wire() == document


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: f"{p.parents[1].name}/{p.stem}")
def test_golden_examples_satisfy_the_published_schema(path: Path) -> None:
    for name in (f"{path.parent.name}.json", f"{path.parent.name}{PRODUCER_SUFFIX}"):
        schema = load(ROOT / "schemas" / path.parents[1].name / name)
        Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(load(path)["data"])


def test_unknown_fields_are_ignored() -> None:
    document = {**UPLOADED, "data": {**UPLOADED["data"], "colour": "red"}, "newextension": "x"}
    assert REGISTRY.read(document) == REGISTRY.read(UPLOADED)


BREAKS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "no id": (lambda d: d.pop("id"), "/id"),
    "empty subject": (lambda d: d.update(subject=""), "/subject"),
    "no tenant": (lambda d: d.pop("tenantid"), "/tenantid"),
    "no data": (lambda d: d.pop("data"), "/data"),
    "data is a list": (lambda d: d.update(data=[]), "/data"),
    "time without zone": (lambda d: d.update(time="2026-11-22T09:30:00"), "/time"),
    "time is no time": (lambda d: d.update(time="yesterday"), "/time"),
    "time is a number": (lambda d: d.update(time=5), "/time"),
    "sequence is no number": (lambda d: d.update(sequence="one"), "/sequence"),
    "sequence is beyond reading": (lambda d: d.update(sequence="9" * 5000), "/sequence"),
    "another service's source": (lambda d: d.update(source="collections.imaging"), "/source"),
    "wrong specversion": (lambda d: d.update(specversion="0.3"), "/specversion"),
    "upper-case extension": (lambda d: d.update(Tenant="x"), "/Tenant"),
    "missing field": (lambda d: d["data"].pop("key"), "/data/key"),
    "size of nothing": (lambda d: d["data"].update(size=0), "/data/size"),
    "sha256 of another length": (lambda d: d["data"].update(sha256="ab"), "/data/sha256"),
}


@pytest.mark.parametrize("name", BREAKS)
def test_invalid_events_are_refused_with_the_path(name: str) -> None:
    document = json.loads(json.dumps(UPLOADED))
    change, path = BREAKS[name]
    change(document)
    with pytest.raises(InvalidEventError) as refused:
        REGISTRY.read(document)
    assert path in [violation.path for violation in refused.value.violations]


def test_unknown_types_are_refused() -> None:
    with pytest.raises(UnknownEventError):
        REGISTRY.read({**UPLOADED, "type": "collections.ingest.item-lost.v1"})


def test_a_payload_smuggled_past_validation_is_not_published() -> None:
    forged = ItemUploaded.model_construct(filename="", original_filename="", key="", media_type="", size=-1, sha256="")
    with pytest.raises(InvalidEventError):
        new_event(forged, subject="item", tenant_id="tenant").to_wire()


class Request(NamedTuple):
    """What an event and a caller's request have in common."""

    correlation_id: str
    traceparent: str | None


def test_a_caused_event_continues_the_correlation() -> None:
    caller = Request("request-1", "00-" + "a" * 32 + "-b-01")
    first = new_event(ItemDeleted(), subject="item", tenant_id="tenant", cause=caller)
    assert (first.correlation_id, first.causation_id) == (caller.correlation_id, None)
    assert first.traceparent == caller.traceparent
    second = new_event(ItemDeleted(), subject="item", tenant_id="tenant", cause=first)
    assert (second.correlation_id, second.causation_id) == (first.correlation_id, first.id)
    assert second.traceparent == first.traceparent == "00-" + "a" * 32 + "-b-01"
    assert second.id != first.id


def test_what_a_replay_leads_to_is_new_for_every_consumer() -> None:
    again = replayed(new_event(ItemDeleted(), subject="item", tenant_id="tenant"), replay_id="r1", replay_for="search")
    assert (again.replay_id, again.replay_for) == ("r1", "search")
    assert new_event(ItemDeleted(), subject="item", tenant_id="tenant", cause=again).replay_for is None


@pytest.mark.parametrize(
    ("event_type", "version"),
    [
        ("collections.ingest.ItemUploaded.v1", "1.0"),
        ("collections.ingest.item-uploaded", "1.0"),
        ("ingest.item-uploaded.v1", "1.0"),
        ("collections.ingest.item-uploaded.v1", "2.0"),
        ("collections.ingest.item-uploaded.v1", "1"),
        ("collections.ingest.item-uploaded.v1", "1.x"),
        ("collections.ingest.item-uploaded.v1", "1.01"),
        ("collections.ingest.item-uploaded.v0", "0.1"),
    ],
)
def test_the_naming_law_is_enforced(event_type: str, version: str) -> None:
    class Outlaw(Contract):
        pass

    Outlaw.event_type, Outlaw.schema_version = event_type, version
    with pytest.raises(BrokenRegistryError, match=r"naming rules|version"):
        Registry([Outlaw]).proven()


def test_a_type_is_declared_once() -> None:
    class Twin(Contract):
        event_type: ClassVar[str] = ItemDeleted.event_type
        schema_version: ClassVar[str] = "1.1"

    registry = Registry([ItemDeleted, Twin])
    with pytest.raises(BrokenRegistryError, match="twice"):
        registry.proven()
    assert registry.contract(ItemDeleted.event_type) is ItemDeleted


def test_a_fact_has_one_living_major() -> None:
    class Next(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-deleted.v2"
        schema_version: ClassVar[str] = "2.0"

    with pytest.raises(BrokenRegistryError, match="two living majors"):
        Registry([ItemDeleted, Next]).proven()
    with pytest.raises(BrokenRegistryError, match="no chain of upcasters"):
        Registry([Next], [ItemDeleted]).proven()
    with pytest.raises(BrokenRegistryError, match="no major of its fact is living"):
        Registry([ItemUploaded], [ItemDeleted]).proven()
    proven = Registry([Next], [ItemDeleted], {ItemDeleted.event_type: dict}).proven()
    assert proven.newest(ItemDeleted.event_type) is Next


def test_a_contract_without_its_version_is_a_fault() -> None:
    class Nameless(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-lost.v1"

    with pytest.raises(BrokenRegistryError, match="Nameless has no schema_version"):
        Registry([Nameless]).proven()


def test_every_fault_of_a_registry_is_told() -> None:
    class Next(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-deleted.v2"
        schema_version: ClassVar[str] = "1.0"

    registry = Registry([Next], [ItemDeleted])
    assert [(fault.event_type, fault.upcaster_missing) for fault in registry.faults] == [
        (Next.event_type, False),
        (ItemDeleted.event_type, True),
    ]
    with pytest.raises(BrokenRegistryError, match=r"(?s)version 1\.0 is not of 2\.x.*\n.*no chain"):
        registry.proven()
    assert not REGISTRY.faults


def test_payloads_are_frozen() -> None:
    assert all(contract.model_config.get("frozen") for contract in REGISTRY)
    assert Part.model_config.get("extra") == "ignore"


@given(st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=64))
def test_vectors_survive_the_wire_bit_for_bit(values: list[float]) -> None:
    assert list(embedded(encode_vector(values), len(values)).values()) == values


@pytest.mark.parametrize(
    ("text", "dimensions", "reason"),
    [
        ("AAA", 1, "padding"),
        ("AAAA", 1, "does not hold 1 float32 values"),
        ("AAAAAA==", 2, "does not hold 2 float32 values"),
        ("AAAAAA==!", 1, "base64|data"),
        ("AAA!AAA==", 1, "base64|data"),
    ],
    ids=["no padding", "three bytes", "one for two", "more", "no base64"],
)
def test_a_vector_that_is_none_has_no_values(text: str, dimensions: int, reason: str) -> None:
    event = embedded(text, dimensions)
    with pytest.raises(ValueError, match=reason):
        event.packed()
    with pytest.raises(ValueError, match=reason):
        event.values()


def embedded(vector: str, dimensions: int) -> ItemEmbedded:
    return ItemEmbedded(vector=vector, dimensions=dimensions, model="m", analysis_id="a", analysis_version=1)


def test_the_majors_of_a_fact_are_its_own_oldest_first() -> None:
    fact = "collections.sessions.session-expired"
    found = REGISTRY.majors(f"{fact}.v2")
    assert [contract.event_type for contract in found] == [f"{fact}.v1", f"{fact}.v2", f"{fact}.v3"]
    assert list(REGISTRY.types()) == sorted(contract.event_type for contract in REGISTRY)
