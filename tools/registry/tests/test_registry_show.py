"""`mesh contracts list`, `show` and `diff`: their exact output."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from registry.fields import MAX_FIELDS, fields_of

Json = dict[str, Any]
Registry = Any
GOLDEN = Path(__file__).parent / "golden"
ORDER = "collections.shop.order-placed.v1"


def assert_golden(name: str, text: str) -> None:
    """The text is that of the file; GOLDEN_WRITE=1 updates the file, for review."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("GOLDEN_WRITE"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.fixture
def grown(registry: Registry, order_schema: Json, order_data: Json) -> Registry:
    """A second minor, and a second major in which nearly everything is different."""
    order_schema["properties"]["voucher"] = {"type": "string", "pattern": "^[A-Z]+$", "description": "As typed."}
    registry.schema("1.1", order_schema)
    registry.example("1.1", {**order_data, "voucher": "SPRING"}, "with-voucher")
    del order_schema["properties"]["voucher"]
    order_schema["properties"]["quantity"] = {"type": "number", "minimum": 1, "description": "In the unit."}
    order_schema["properties"]["unit"] = {"enum": ["piece", "kilogram"], "default": "piece"}
    order_schema["required"] = ["customer", "quantity"]
    order_schema["$defs"]["Line"]["required"] = []
    registry.schema("2.0", order_schema, ORDER.replace("v1", "v2"))
    registry.example("2.0", {"quantity": 1.5, "customer": "Ada"}, event_type=ORDER.replace("v1", "v2"))
    return registry


def test_list(grown: Registry) -> None:
    assert_golden("list", grown.run("list").stdout)


def test_list_for_programs(grown: Registry) -> None:
    first, second = json.loads(grown.run("list", "--json").stdout)
    assert first == {
        "type": ORDER, "version": "1.1", "fields": 4, "producers": ["shop"], "consumers": ["billing"]
    }  # fmt: skip
    assert (second["version"], second["producers"], second["consumers"]) == ("2.0", [], [])


def test_show(grown: Registry) -> None:
    assert_golden("show", grown.run("show", f"{ORDER}@1.1").stdout)


@pytest.mark.parametrize("name", ["order-placed@1.0", "shop.order-placed@1.0", ORDER + "@1.0"])
def test_a_contract_has_short_names(grown: Registry, name: str) -> None:
    assert grown.run("show", name).stdout.startswith(f"{ORDER} 1.0\n")


def test_a_fact_alone_means_its_newest_major(grown: Registry) -> None:
    assert grown.run("show", "order-placed").stdout.startswith("collections.shop.order-placed.v2 2.0\n")


def test_personal_fields_are_masked_even_in_examples_older_than_the_mark(
    registry: Registry, order_schema: Json, order_data: Json
) -> None:
    del order_schema["properties"]["customer"]["x-personal"]
    registry.schema("1.0", order_schema)
    order_schema["properties"]["customer"]["x-personal"] = True
    registry.schema("1.1", order_schema)
    registry.example("1.1", order_data)
    shown = json.loads(registry.run("show", "order-placed@1.0", "--json").stdout)
    data = shown["examples"]["usual"]["data"]
    assert data == {"quantity": 2, "customer": "***", "lines": [{"article": "a1", "note": "***"}]}


def test_an_unknown_type_names_near_ones(registry: Registry) -> None:
    assert f"did you mean {ORDER}?" in registry.run("show", "order-plased", exit_code=2).stderr
    assert "mesh contracts list" in registry.run("show", "zzz", exit_code=2).stderr


def test_an_unknown_version_names_those_there_are(registry: Registry) -> None:
    assert "there are: 1.0" in registry.run("show", "order-placed@7.0", exit_code=2).stderr


def test_diff_with_the_version_before(grown: Registry) -> None:
    assert_golden("diff-minor", grown.run("diff", f"{ORDER}@1.1").stdout)


def test_diff_across_majors(grown: Registry) -> None:
    assert_golden("diff-major", grown.run("diff", "order-placed@1.1", "order-placed@2.0").stdout)
    assert grown.run("diff", "order-placed").stdout == grown.run("diff", ORDER, "order-placed@2.0").stdout


def test_diff_of_files(grown: Registry) -> None:
    folder = grown.root / "contracts/schemas" / ORDER
    changes = json.loads(grown.run("diff", str(folder / "1.0.json"), str(folder / "1.1.json"), "--json").stdout)
    assert [change["field"] for change in changes["changes"]] == ["voucher"]
    assert grown.run("diff", str(folder / "1.0.json"), f"{ORDER}@1.0").stdout.endswith("no field differs\n")


def test_diff_of_a_first_version(registry: Registry) -> None:
    assert "is the first version" in registry.run("diff", ORDER).stdout


def test_diff_of_a_missing_file(registry: Registry) -> None:
    assert "a.json: No such file" in registry.run("diff", "a.json", "b.json", exit_code=2).stderr


def test_three_things_cannot_be_compared(registry: Registry) -> None:
    assert "two versions or files" in registry.run("diff", ORDER, ORDER, ORDER, exit_code=2).stderr


def test_a_recursive_schema_ends() -> None:
    tree: Json = {
        "$ref": "#/$defs/Node",
        "$defs": {"Node": {"properties": {"left": {"$ref": "#/$defs/Node"}, "right": {"$ref": "#/$defs/Node"}}}},
    }
    assert set(fields_of(tree)) == {"left", "right"}


def test_an_exploding_schema_is_cut() -> None:
    levels: Json = {f"L{n}": {"properties": {k: {"$ref": f"#/$defs/L{n + 1}"} for k in "abcdefgh"}} for n in range(11)}
    assert len(fields_of({"$ref": "#/$defs/L0", "$defs": levels})) == MAX_FIELDS


def test_a_field_that_an_alternative_lacks_is_optional() -> None:
    one: Json = {"properties": {"kind": {"const": "a"}, "size": {"type": "integer"}}, "required": ["kind", "size"]}
    two: Json = {"properties": {"kind": {"const": "b"}}, "required": ["kind"]}
    found = fields_of({"properties": {"cause": {"oneOf": [one, two, {"type": "null"}]}}})
    assert (found["cause.kind"].type, found["cause.kind"].required) == ('"a" or "b"', True)
    assert not found["cause.size"].required


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": ["string", "null"]}, "string or null"),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, "integer or null"),
        ({"type": "array", "items": {"type": "string", "format": "date-time"}}, "list of date-time"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, "map of integer"),
        ({"const": 1}, "1"),
        ({"allOf": [{"type": "string"}, {"type": "string"}]}, "string"),
        ({"$ref": "#/nowhere"}, "#/nowhere (not found)"),
        ({}, "anything"),
        (True, "anything"),
        (False, "nothing"),
    ],
)
def test_types_in_words(schema: object, words: str) -> None:
    assert fields_of({"properties": {"a": schema}})["a"].type == words
