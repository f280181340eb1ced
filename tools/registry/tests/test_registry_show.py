"""`mesh contracts list`, `show` and `diff`: their exact output."""

from __future__ import annotations

import json
import os
import shutil
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


def test_fields_of_alternatives_are_counted_once(registry: Registry, order_schema: Json) -> None:
    registry.schema("1.1", {"$id": order_schema["$id"], "oneOf": [SMALL, LARGE]})
    [found] = json.loads(registry.run("list", "--json").stdout)
    assert found["fields"] == 2


def test_a_contract_has_a_status_and_owners(grown: Registry, order_schema: Json) -> None:
    manifest = grown.root / "services/shop/service.yaml"
    manifest.write_text(manifest.read_text() + "owners: [{team: sales, contact: '#sales'}]\n")
    second = ORDER.replace("v1", "v2")

    def shown(event_type: str) -> tuple[str, str | None, list[Json]]:
        found = json.loads(grown.run("show", event_type, "--json").stdout)
        return found["status"], found["replaced_by"], found["owners"]

    sales = [{"team": "sales", "contact": "#sales"}]
    assert shown(ORDER) == ("superseded", second, sales)
    assert shown(second) == ("retired", None, sales)
    manifest.write_text(manifest.read_text().replace(ORDER, second))
    assert shown(ORDER) == ("retired", second, sales)
    assert shown(second) == ("current", None, sales)
    assert "owned by      sales (#sales)" in grown.run("show", second).stdout
    grown.schema("2.1", {**order_schema, "deprecated": True, "x-replaced-by": "shop.sale"}, second)
    assert shown(second) == ("deprecated", "shop.sale", sales)
    assert "status        deprecated, replaced by shop.sale\n" in grown.run("show", second).stdout


def test_without_manifests_nothing_is_known_of_producers(registry: Registry) -> None:
    shutil.rmtree(registry.root / "services")
    [found] = json.loads(registry.run("list", "--json").stdout)
    assert (found["producers"], found["consumers"]) == ([], [])
    assert json.loads(registry.run("show", ORDER, "--json").stdout)["status"] == "current"


def test_publishes_and_consumes_are_enough_of_a_manifest(registry: Registry) -> None:
    (registry.root / "services/platform.yaml").unlink()
    (registry.root / "services/shop/service.yaml").write_text(f"publishes: [{ORDER}]\n")
    (registry.root / "services/billing/service.yaml").write_text(f"consumes: [{{event: {ORDER}}}]\n")
    [found] = json.loads(registry.run("list", "--json").stdout)
    assert (found["producers"], found["consumers"]) == (["shop"], ["billing"])
    assert "owned by      none" in registry.run("show", ORDER).stdout


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


SMALL: Json = {
    "title": "Small",
    "description": "Not much.",
    "properties": {"kind": {"const": "small"}, "size": {"type": "integer"}},
    "required": ["kind", "size"],
}
LARGE: Json = {
    "title": "Large",
    "properties": {"kind": {"enum": ["large"]}, "size": {"type": "string"}},
    "required": ["kind"],
}
UNNAMED: Json = {"properties": {"size": {"type": "integer"}}, "required": ["size"]}
REFERENCE: Json = {"$ref": "#/$defs/Small"}


def needs(schema: Json) -> dict[str, str]:
    """Name -> need of every field."""
    return {name: field.need for name, field in fields_of(schema).items()}


def test_alternatives_have_their_own_fields_required_in_them_or_not() -> None:
    found = fields_of({"properties": {"cause": {"oneOf": [SMALL, LARGE, {"type": "null"}]}}})
    assert {name: (field.path, field.parent, field.type, field.need) for name, field in found.items()} == {
        "cause": ("cause", "", "object or null", "optional"),
        "cause<small>": ("cause", "cause", "object", "alternative"),
        "cause<small>.kind": ("cause.kind", "cause<small>", '"small"', "required"),
        "cause<small>.size": ("cause.size", "cause<small>", "integer", "required"),
        "cause<large>": ("cause", "cause", "object", "alternative"),
        "cause<large>.kind": ("cause.kind", "cause<large>", '"large"', "required"),
        "cause<large>.size": ("cause.size", "cause<large>", "string", "optional"),
    }
    assert found["cause<small>"].description == "Not much."
    assert found["cause<small>"].as_json()["alternative"]


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        pytest.param(
            {"properties": {"a": {"anyOf": [SMALL, {"type": "null"}]}}},
            {"a": "optional", "a.kind": "required", "a.size": "required"},
            id="one with fields is no choice",
        ),
        pytest.param(
            {"properties": {"a": {"anyOf": [{"oneOf": [SMALL, LARGE]}, {"type": "null"}]}}},
            {
                "a": "optional", "a<small>": "alternative", "a<small>.kind": "required", "a<small>.size": "required",
                "a<large>": "alternative", "a<large>.kind": "required", "a<large>.size": "optional",
            },
            id="an optional union",
        ),
        pytest.param(
            {"anyOf": [{"oneOf": [SMALL, LARGE]}, {**SMALL, "properties": {"kind": {"const": "tiny"}}}]},
            {
                "<small>": "alternative", "<small>.kind": "required", "<small>.size": "required",
                "<large>": "alternative", "<large>.kind": "required", "<large>.size": "optional",
                "<tiny>": "alternative", "<tiny>.kind": "required",
            },
            id="alternatives of alternatives",
        ),
        pytest.param(
            {"anyOf": [{"required": ["size"], "oneOf": [LARGE, UNNAMED]}, {"properties": {"weight": {}}}]},
            {
                "<object 1>": "alternative",
                "<object 1><Large>": "alternative", "<object 1><Large>.kind": "required",
                "<object 1><Large>.size": "required",
                "<object 1><object>": "alternative", "<object 1><object>.size": "required",
                "<object 2>": "alternative", "<object 2>.weight": "optional",
            },
            id="alternatives of an alternative that requires something itself",
        ),
        pytest.param(
            {"oneOf": [{"properties": {"k": {"const": 1}, "a": {}}}, {"properties": {"k": {"const": 2}}}]},
            {
                "<object 1>": "alternative", "<object 1>.k": "optional", "<object 1>.a": "optional",
                "<object 2>": "alternative", "<object 2>.k": "optional",
            },
            id="what may be missing tells nothing apart",
        ),
        pytest.param(
            {"properties": {"a": {"items": {"anyOf": [REFERENCE, UNNAMED]}}}, "$defs": {"Small": SMALL}},
            {
                "a": "optional", "a[]<Small>": "alternative", "a[]<Small>.kind": "required",
                "a[]<Small>.size": "required", "a[]<object>": "alternative", "a[]<object>.size": "required",
            },
            id="named by type where no field tells them apart",
        ),
        pytest.param(
            {"oneOf": [UNNAMED, {"properties": {"weight": {}}}]},
            {
                "<object 1>": "alternative", "<object 1>.size": "required",
                "<object 2>": "alternative", "<object 2>.weight": "optional",
            },
            id="the payload itself, numbered where types have no names",
        ),
        pytest.param(
            {"properties": {"a": {}, "b": {}, "c": {}}, "required": ["c"],
             "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
            {
                "a": "optional", "b": "optional", "c": "required",
                "<object 1>": "alternative", "<object 1>.a": "required",
                "<object 2>": "alternative", "<object 2>.b": "required",
            },
            id="alternatives that only require",
        ),
        pytest.param(
            {"required": ["size"], "oneOf": [LARGE, SMALL]},
            {
                "<large>": "alternative", "<large>.kind": "required", "<large>.size": "required",
                "<small>": "alternative", "<small>.kind": "required", "<small>.size": "required",
            },
            id="required around the alternatives",
        ),
        pytest.param(
            {"allOf": [{"properties": {"a": {}}}, {"properties": {"b": {}}}, {"required": ["a"]}], "required": ["b"]},
            {"a": "required", "b": "required"},
            id="required by another part",
        ),
        pytest.param(
            {"$ref": "#/$defs/Small", "properties": {"extra": {}}, "required": ["extra"], "$defs": {"Small": SMALL}},
            {"kind": "required", "size": "required", "extra": "required"},
            id="fields beside a reference",
        ),
        pytest.param(
            {"$ref": "#/$defs/Node", "$defs": {"Node": {"properties": {"next": {"oneOf": [
                {"$ref": "#/$defs/Node"}, SMALL]}}}}},
            {
                "next": "optional", "next<Node>": "alternative", "next<Small>": "alternative",
                "next<Small>.kind": "required", "next<Small>.size": "required",
            },
            id="recursive alternatives",
        ),
    ],
)  # fmt: skip
def test_which_alternative_requires_what(schema: Json, expected: dict[str, str]) -> None:
    assert needs(schema) == expected


def test_alternatives_without_end_are_cut() -> None:
    levels: Json = {f"L{n}": {"oneOf": [{"$ref": f"#/$defs/L{n + 1}"}] * 9} for n in range(40)}
    assert fields_of({"$ref": "#/$defs/L0", "$defs": levels}) == {}
    wide: Json = {"oneOf": [{"properties": {str(n): {}, "k": {"const": n}}, "required": ["k"]} for n in range(900)]}
    assert len(fields_of(wide)) == MAX_FIELDS


@pytest.mark.parametrize("place", ["itself", "target", "item", "alternative", "part"])
def test_a_personal_mark_counts_wherever_it_stands(place: str) -> None:
    marked: Json = {"$ref": "#/$defs/Name"}
    schema = {
        "itself": {"type": "string", "x-personal": True},
        "target": marked,
        "item": {"items": marked},
        "alternative": {"anyOf": [marked, {"type": "null"}]},
        "part": {"allOf": [marked]},
    }[place]
    names: Json = {"Name": {"type": "string", "x-personal": True}}
    assert fields_of({"properties": {"who": schema}, "$defs": names})["who"].personal


def test_a_deprecated_field_says_what_replaces_it(registry: Registry, order_schema: Json) -> None:
    order_schema["properties"]["amount"] = {"type": "integer"}
    registry.schema("1.1", order_schema)
    order_schema["properties"]["quantity"] |= {"deprecated": True, "x-replaced-by": "amount"}
    order_schema["$defs"]["Line"]["properties"]["note"]["deprecated"] = True
    registry.schema("1.2", order_schema)
    assert registry.run("diff", ORDER).stdout.splitlines()[1:] == [
        "~ quantity  now deprecated for amount",
        "~ lines[].note  now deprecated",
    ]
    registry.schema("1.3", json.loads((registry.root / "contracts/schemas" / ORDER / "1.1.json").read_text()))
    assert registry.run("diff", ORDER).stdout.splitlines()[1:] == [
        "~ quantity  no longer deprecated",
        "~ lines[].note  no longer deprecated",
    ]
    assert "deprecated for amount" in registry.run("show", f"{ORDER}@1.2").stdout
    shown = json.loads(registry.run("show", f"{ORDER}@1.2", "--json").stdout)
    [quantity] = [field for field in shown["fields"] if field["name"] == "quantity"]
    assert (quantity["deprecated"], quantity["replaced_by"]) == (True, "amount")


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
