"""`mesh contracts export`: the AsyncAPI document is valid by the official schema, the others by their metaschemas."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator, Draft7Validator, Draft202012Validator
from typer.testing import CliRunner

from manifests import load_manifests
from registry.commands import app

Json = dict[str, Any]
ROOT = Path(__file__).parents[3]
OFFICIAL = Path(__file__).parent / "asyncapi/3.0.0.json"


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("export")
    result = CliRunner().invoke(app, ["export", str(directory), "--root", str(ROOT)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return directory


@pytest.fixture(scope="module")
def document(exported: Path) -> Json:
    loaded: Json = json.loads((exported / "asyncapi.json").read_text())
    return loaded


@pytest.fixture(scope="module")
def official() -> Draft7Validator:
    return Draft7Validator(json.loads(OFFICIAL.read_text()))


def references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for inner in value.values():
            yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def target(document: Json, reference: str) -> object:
    found: Any = document
    for step in reference.removeprefix("#/").split("/"):
        found = found[step]
    return found


def test_the_document_is_asyncapi_3(document: Json, official: Draft7Validator) -> None:
    assert [error.message for error in official.iter_errors(document)] == []


def test_the_official_schema_finds_mistakes(document: Json, official: Draft7Validator) -> None:
    broken = json.loads(json.dumps(document))
    next(iter(broken["operations"].values()))["action"] = "shout"
    assert not official.is_valid(broken)
    assert not official.is_valid({**document, "info": {}})


def test_every_reference_of_the_document_leads_somewhere(document: Json) -> None:
    found = set(references(document))
    assert len(found) > 50
    for reference in found:
        assert target(document, reference)


def test_operations_are_those_of_the_manifests(document: Json) -> None:
    manifests = load_manifests(ROOT)
    services = manifests.services.values()
    publishers = [(s.service, s.publishes) for s in services]
    publishers.append((manifests.operators.service, manifests.operators.publishes))
    sent = {f"{name}.send.{event.removeprefix('collections.')}" for name, events in publishers for event in events}
    received = {
        f"{s.service}.receive.{item.event.removeprefix('collections.')}"
        for s in services
        for item in s.consumes
        if item.event
    }
    assert set(document["operations"]) == sent | received


def test_examples_satisfy_the_message_they_stand_with(document: Json) -> None:
    tried = 0
    for message in document["components"]["messages"].values():
        schema = {**message["payload"], "components": document["components"]}
        for example in message.get("examples", []):
            # What is personal is masked, which a pattern of such a field need not allow.
            errors = [
                e for e in Draft7Validator(schema).iter_errors(example["payload"]) if "***" not in str(e.instance)
            ]
            assert errors == []
            tried += 1
    assert tried >= len(document["channels"])


def test_eventbridge_schemas_are_draft_4(exported: Path) -> None:
    files = sorted((exported / "eventbridge").glob("*.json"))
    assert {path.stem for path in files} == {path.name for path in (ROOT / "contracts/schemas").iterdir()}
    for path in files:
        schema = json.loads(path.read_text())
        assert schema["$schema"] == "http://json-schema.org/draft-04/schema#"
        Draft4Validator.check_schema(schema)
        for reference in references(schema):
            assert target(schema, reference)


def test_schemas_are_those_that_are_committed(exported: Path) -> None:
    committed = sorted((ROOT / "contracts/schemas").glob("*/*.json"))
    assert committed
    for path in committed:
        copy = exported / "schemas" / path.parent.name / path.name
        schema = json.loads(copy.read_text())
        assert schema == json.loads(path.read_text())
        Draft202012Validator.check_schema(schema)


def test_a_place_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["export", str(tmp_path / "file"), "--root", str(ROOT)])
    assert result.exit_code == 2
    assert str(tmp_path / "file") in result.stderr
