"""Modes, history, and the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from compatibility import Direction, Mode, Rule, UndecidedError, check, covers, read_schema
from compatibility.__main__ import main

OPTIONAL = {"type": "object", "properties": {"a": {"type": "string"}}}
REQUIRED = {**OPTIONAL, "required": ["a"]}


@pytest.mark.parametrize(
    ("mode", "directions"),
    [
        (Mode.NONE, []),
        (Mode.BACKWARD, [Direction.BACKWARD]),
        (Mode.FORWARD, []),
        (Mode.FULL, [Direction.BACKWARD]),
    ],
)
def test_a_new_demand_breaks_old_documents_only(mode: Mode, directions: list[Direction]) -> None:
    verdict = check(read_schema(REQUIRED, name="v2"), [read_schema(OPTIONAL, name="v1")], mode)
    assert [finding.direction for finding in verdict.findings] == directions
    assert verdict.compatible is not bool(directions)
    for finding in verdict.findings:
        assert (finding.rule, finding.path) == (Rule.REQUIRED_PROPERTY_ADDED, "/required/0")
        assert (finding.accepted_by, finding.rejected_by, finding.against) == ("old", "new", "v1")
        assert finding.witness == {}


def test_a_dropped_demand_breaks_old_readers() -> None:
    verdict = check(read_schema(OPTIONAL), [read_schema(REQUIRED, name="v1")], Mode.FULL)
    assert [finding.direction for finding in verdict.findings] == [Direction.FORWARD]
    assert verdict.findings[0].rejected_by == "old"


@pytest.mark.parametrize("base", ["BACKWARD", "FORWARD", "FULL"])
def test_only_transitive_modes_look_behind_the_last_schema(base: str) -> None:
    history = [read_schema({"type": "string"}, name="v1"), read_schema({"type": "integer"}, name="v2")]
    new = read_schema({"type": "integer"}, name="v3")
    assert check(new, history, Mode(base)).compatible
    verdict = check(new, history, Mode(f"{base}_TRANSITIVE"))
    assert {finding.against for finding in verdict.findings} == {"v1"}


def test_without_history_everything_is_compatible() -> None:
    assert all(check(read_schema(False), [], mode).compatible for mode in Mode)


def test_covers_raises_rather_than_guess() -> None:
    with pytest.raises(UndecidedError):
        covers(read_schema({"pattern": "^(?!x)"}), read_schema({"pattern": "^(?!y)"}))


def test_paths_lead_into_the_schema_as_written() -> None:
    old = read_schema({"type": "array"})
    new = read_schema(
        {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "type": "array",
            "items": [{"type": "string"}],
            "additionalItems": False,
        }
    )
    assert {finding.path for finding in covers(old, new)} == {"/items/0/type", "/additionalItems"}


@pytest.mark.parametrize(
    ("new", "status", "outcome"),
    [
        (json.dumps(OPTIONAL), 0, "compatible"),
        (json.dumps(REQUIRED), 1, "incompatible"),
        ("{", 2, "unusable"),
    ],
)
def test_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], new: str, status: int, outcome: str
) -> None:
    (tmp_path / "old.json").write_text(json.dumps(OPTIONAL), "utf-8")
    (tmp_path / "new.json").write_text(new, "utf-8")
    arguments = ["--mode", "FULL", str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    assert main([*arguments, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["outcome"] == outcome
    assert main(arguments) == status


def test_a_multiple_on_which_doubles_and_decimals_disagree_is_not_claimed() -> None:
    tenths = read_schema({"multipleOf": 0.1})
    with pytest.raises(UndecidedError, match=r"whether 0\.3 is a multiple of 0\.1"):
        covers(read_schema({"enum": [0.3]}), tenths)
    assert [finding.witness for finding in covers(read_schema({"enum": [0.3, 0.25, 0.2]}), tenths)] == [0.25]


def test_validators_of_2019_09_disagree_on_what_contains_evaluates() -> None:
    dialect = "https://json-schema.org/draft/2019-09/schema"
    schema = {"$schema": dialect, "type": "array", "contains": {"type": "string"}, "unevaluatedItems": False}
    assert covers(read_schema(schema), read_schema({**schema, "title": "Texts"})) == []
    with pytest.raises(UndecidedError, match="2019-09"):
        covers(read_schema(schema), read_schema({"type": "array"}))
