"""Derived schemas, the exporter, and the committed history of versions."""

import json
import shutil
from pathlib import Path
from typing import Any, ClassVar

import pytest
from jsonschema import Draft4Validator, Draft202012Validator

from contracts import REGISTRY, Contract, Registry
from contracts.envelope import EXTENSIONS
from contracts.errors import SchemaFileError
from contracts.eventbridge import draft4, eventbridge_schema
from contracts.export import main
from contracts.schemas import closed, consumer_schema, examples, history, producer_schema, published_versions

ROOT = Path(__file__).parents[1]
EXPIRED = "collections.sessions.session-expired"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of the committed schemas."""
    return Path(shutil.copytree(ROOT / "schemas", tmp_path / "schemas"))


def objects(schema: Any) -> list[dict[str, Any]]:
    """Every schema of an object with named fields."""
    found = [schema] if isinstance(schema, dict) and schema.get("type") == "object" else []
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        found += objects(inner)
    return found


@pytest.mark.parametrize("contract", [*REGISTRY, *REGISTRY.retired()], ids=lambda c: c.event_type)
def test_the_producers_schema_is_closed_and_the_consumers_open(contract: type[Contract]) -> None:
    assert all("additionalProperties" in schema for schema in objects(producer_schema(contract)))
    named = [schema for schema in objects(consumer_schema(contract)) if "properties" in schema]
    assert all("additionalProperties" not in schema for schema in named)
    assert named


def test_an_object_that_is_free_by_intention_stays_free() -> None:
    free = {"type": "object", "additionalProperties": True}
    schema = {"properties": {"type": free, "default": {"type": "object"}}, "type": "object"}
    assert closed(schema) == {
        "properties": {"type": free, "default": {"type": "object", "additionalProperties": False}},
        "type": "object",
        "additionalProperties": False,
    }


@pytest.mark.parametrize("keyword", ["default", "const", "enum", "examples", "discriminator"])
def test_values_are_no_schemas(keyword: str) -> None:
    schema = {keyword: [{"type": "object"}, {"properties": {"a": {"type": "object"}}}]}
    assert closed(schema) == schema


def test_the_history_of_a_fact_is_read_from_the_files() -> None:
    versions = [version for version in published_versions(ROOT / "schemas") if version.fact == EXPIRED]
    assert [version.version for version in versions] == ["1.0", "2.0", "3.0"]
    assert [version.version for version in history(ROOT / "schemas", f"{EXPIRED}.v2")] == ["2.0"]
    for version in versions:
        assert version.consumer()["$id"] == f"urn:collections:contract:sessions.session-expired:{version.version}"
        assert version.producer()["additionalProperties"] is False


def test_an_unchanged_directory_passes(directory: Path) -> None:
    assert main([str(directory), "--check"]) == 0


CORRUPT = {
    "a schema of a retired major is lost": (f"{EXPIRED}.v1/1.0.json", None),
    "a producer's schema is lost": (f"{EXPIRED}.v2/2.0.producer.json", None),
    "a schema is not JSON": (f"{EXPIRED}.v2/2.0.json", "{"),
    "a schema is another type's": (f"{EXPIRED}.v3/3.0.json", '{"$id": "urn:collections:contract:x.y:3.0"}'),
    "a minor version lacks its producer's schema": (f"{EXPIRED}.v3/3.1.json", "{}"),
    "a file is misplaced": (f"{EXPIRED}.v3/4.0.json", "{}"),
    "the type is unknown": ("collections.ingest.item-lost.v1/1.0.json", "{}"),
}


@pytest.mark.parametrize("name", CORRUPT)
def test_corrupt_history_is_found(name: str, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, text = CORRUPT[name]
    path = directory / file
    if text is None:
        path.unlink()
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert main([str(directory), "--check"]) == 1
    assert path.parent.name in capsys.readouterr().err


def test_what_differs_from_its_model_is_named_and_left_alone(
    directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed = directory / f"{EXPIRED}.v3" / "3.0.json"
    text = changed.read_text(encoding="utf-8").replace('"type": "object"', '"type": "array"')
    changed.write_text(text, encoding="utf-8")
    assert main([str(directory), "--check"]) == 1
    assert capsys.readouterr().err == f"{changed} does not match its model\n"
    assert changed.read_text(encoding="utf-8") == text


def test_a_version_whose_files_are_all_gone_is_missed(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = directory / "collections.embedding.item-embedded.v1"  # its model has moved on to 1.1
    for path in folder.glob("1.0.*json"):
        path.unlink()
    assert main([str(directory)]) == 1
    assert capsys.readouterr().err == f"{folder / '1.0.json'} is missing\n"


def test_an_unknown_flavour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path), "--flavour", "avro"])


def test_export_writes_what_is_missing_and_leaves_older_versions_alone(directory: Path) -> None:
    newest = directory / f"{EXPIRED}.v3" / "3.0.json"
    newest.unlink()
    marker = directory / "collections.ingest.item-deleted.v1" / "0.9.json"
    assert main([str(directory)]) == 0
    assert newest.read_text() == (ROOT / "schemas" / newest.relative_to(directory)).read_text()
    assert not marker.exists()


def test_a_misplaced_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "nonsense").mkdir()
    (tmp_path / "nonsense" / "1.0.json").write_text("{}")
    with pytest.raises(SchemaFileError, match=r"is not <type>/<major>\.<minor>\.json") as refused:
        published_versions(tmp_path)
    assert refused.value.path == tmp_path / "nonsense" / "1.0.json"


@pytest.mark.parametrize("name", ["2.0.json", "1.x.json", "1.json", "1.0.0.json"])
def test_a_file_that_names_no_version_of_its_type_is_an_error(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "collections.ingest.item-deleted.v1"
    folder.mkdir()
    (folder / name).write_text("{}")
    with pytest.raises(SchemaFileError, match=name):
        published_versions(tmp_path)


def test_examples_are_listed_by_type_and_version() -> None:
    listed = list(examples(ROOT / "examples"))
    assert (f"{EXPIRED}.v1", "1.0", ROOT / "examples" / f"{EXPIRED}.v1" / "1.0" / "idle.json") in listed
    assert len(listed) == len(list((ROOT / "examples").rglob("*.json")))
    assert {event_type for event_type, *_ in examples(ROOT / "examples", f"{EXPIRED}.v2")} == {f"{EXPIRED}.v2"}


@pytest.mark.parametrize("contract", list(REGISTRY), ids=lambda c: c.event_type)
def test_eventbridge_takes_what_the_bus_carries(contract: type[Contract]) -> None:
    schema = eventbridge_schema(contract)
    Draft4Validator.check_schema(schema)
    validator = Draft4Validator(schema)
    tried = 0
    for _, _, path in examples(ROOT / "examples", contract.event_type):
        detail = json.loads(path.read_text(encoding="utf-8"))
        message = {"version": "0", "detail-type": detail["type"], "source": detail["source"], "detail": detail}
        validator.validate(message)
        assert not validator.is_valid({**message, "source": "collections.nobody"})
        assert not validator.is_valid({**message, "detail": {**detail, "data": []}})
        for name in consumer_schema(contract).get("required", []):
            without = {key: value for key, value in detail["data"].items() if key != name}
            assert not validator.is_valid({**message, "detail": {**detail, "data": without}}), name
        tried += 1
    assert tried
    text = json.dumps(schema)
    assert not any(word in text for word in ("$defs", '"const"', '"$id"', "2020-12"))


def test_eventbridge_schemas_keep_limits_and_branches() -> None:
    uploaded = eventbridge_schema(REGISTRY.contract("collections.ingest.item-uploaded.v1"))
    size = uploaded["properties"]["detail"]["properties"]["data"]["properties"]["size"]
    assert (size["minimum"], size["exclusiveMinimum"]) == (0, True)
    expired = eventbridge_schema(REGISTRY.contract(f"{EXPIRED}.v3"))
    cause = expired["properties"]["detail"]["properties"]["data"]["properties"]["cause"]
    validator = Draft4Validator({**cause, "definitions": expired["definitions"]})
    assert validator.is_valid({"kind": "idle", "after_s": 1})
    assert not validator.is_valid({"kind": "idle", "allowed": 1})


def test_the_eventbridge_schema_names_every_attribute() -> None:
    text, moment = {"type": "string"}, {"type": "string", "format": "date-time"}
    source, event_type = {"enum": ["collections.ingest"]}, {"enum": ["collections.ingest.item-deleted.v1"]}
    description = "The item is gone; whoever holds anything derived from it removes it."
    assert eventbridge_schema(REGISTRY.contract("collections.ingest.item-deleted.v1")) == {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "id": "urn:collections:contract:ingest.item-deleted:1.0:eventbridge",
        "title": "collections.ingest.item-deleted.v1",
        "description": description,
        "type": "object",
        "required": ["detail-type", "source", "detail"],
        "properties": {
            "version": text,
            "id": text,
            "detail-type": event_type,
            "source": source,
            "account": text,
            "time": moment,
            "region": text,
            "resources": {"type": "array", "items": text},
            "detail": {
                "type": "object",
                "required": [
                    *("specversion", "id", "source", "type", "subject", "time", "dataschema"),
                    *("tenantid", "correlationid", "data"),
                ],
                "properties": {
                    "specversion": {"enum": ["1.0"]},
                    "id": {"type": "string", "minLength": 1},
                    "source": source,
                    "type": event_type,
                    "subject": {"type": "string", "minLength": 1},
                    "time": moment,
                    "datacontenttype": {"enum": ["application/json"]},
                    "dataschema": text,
                    **dict.fromkeys(EXTENSIONS, text),
                    "data": {"description": description, "properties": {}, "title": "ItemDeleted", "type": "object"},
                },
            },
        },
        "definitions": {},
    }


#: A schema of 2020-12, and the same in draft 4.
DRAFT_4: dict[str, tuple[Any, Any]] = {
    "definitions": ({"$defs": {"A": {"const": 1}}}, {"definitions": {"A": {"enum": [1]}}}),
    "fields named like keywords": (
        {"properties": {"const": {"const": 1}, "$id": {"type": "string"}}},
        {"properties": {"const": {"enum": [1]}, "$id": {"type": "string"}}},
    ),
    "the name": ({"$id": "urn:x", "title": "X"}, {"id": "urn:x", "title": "X"}),
    "an exclusive minimum": (
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "integer", "minimum": 0, "exclusiveMinimum": True},
    ),
    "an exclusive maximum": (
        {"type": "integer", "exclusiveMaximum": 9},
        {"type": "integer", "maximum": 9, "exclusiveMaximum": True},
    ),
    "a discriminator": ({"discriminator": {"propertyName": "kind"}, "type": "object"}, {"type": "object"}),
    "a default that looks like a schema": ({"default": {"const": 1}}, {"default": {"const": 1}}),
    "values that look like schemas": ({"enum": [{"const": 1}]}, {"enum": [{"const": 1}]}),
    "examples that look like schemas": ({"examples": [{"const": 1}]}, {"examples": [{"const": 1}]}),
    "branches": ({"anyOf": [{"const": 1}, {"type": "null"}]}, {"anyOf": [{"enum": [1]}, {"type": "null"}]}),
    "a reference": ({"$ref": "#/$defs/A"}, {"$ref": "#/definitions/A"}),
    "a reference with siblings": (
        {"$ref": "#/$defs/A", "description": "An A."},
        {"allOf": [{"$ref": "#/definitions/A"}], "description": "An A."},
    ),
}


@pytest.mark.parametrize("name", DRAFT_4)
def test_each_keyword_has_its_form_in_draft_4(name: str) -> None:
    schema, expected = DRAFT_4[name]
    assert draft4(schema) == expected


def test_the_eventbridge_flavour_is_written(tmp_path: Path) -> None:
    directory = tmp_path / "not" / "yet" / "there"
    assert main([str(directory), "--flavour", "eventbridge"]) == 0
    tmp_path = directory
    assert len(list(tmp_path.glob("*/*.json"))) == len([*REGISTRY, *REGISTRY.retired()])
    assert main([str(tmp_path), "--flavour", "eventbridge", "--check"]) == 0


def test_an_optional_field_is_safe_in_both_directions() -> None:
    contract = REGISTRY.contract("collections.ingest.upload-rejected.v1")
    old_closed, old_tolerant = producer_schema(contract), consumer_schema(contract)
    new = {**old_closed, "properties": {**old_closed["properties"], "note": {"type": "string"}}}
    payload = {"original_filename": "a", "size": 1, "reason": "empty", "detail": "b", "note": "c"}
    assert Draft202012Validator(new).is_valid(payload)
    assert Draft202012Validator(old_tolerant).is_valid(payload)
    assert not Draft202012Validator(old_closed).is_valid(payload)


def test_a_registry_with_faults_exports_nothing(
    directory: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Lost(Contract):
        event_type: ClassVar[str] = "collections.ingest.item-lost.v1"
        schema_version: ClassVar[str] = "2.0"

    monkeypatch.setattr("contracts.export.REGISTRY", Registry([*REGISTRY, Lost], REGISTRY.retired()))
    assert main([str(directory)]) == 1
    assert capsys.readouterr().err == "Lost: version 2.0 is not of 1.x\n"
    assert not (directory / Lost.event_type).exists()
