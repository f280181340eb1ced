"""Changes of meaning that schemas do not show need a word in the repository."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from registry.silent import Silent, silent_changes

Json = dict[str, Any]
ORDER = "collections.shop.order-placed.v1"
# The class is in conftest.py, which is no module to import from.
Registry = Any
FILE = "contracts/acknowledged.yaml"
A = {"$ref": "#/$defs/A"}


def of_customer(schema: Json, **keywords: Any) -> None:
    schema["properties"]["customer"] = {"type": "string"} | keywords


def problem_of(registry: Registry, **expected: Any) -> Json:
    [contract] = registry.check(exit_code=1)["contracts"]
    [problem] = contract["problems"]
    assert problem["rule"] == "not-acknowledged"
    result: Json = problem
    return result


@pytest.mark.parametrize("version", ["1.0", "1.1"])
@pytest.mark.parametrize(
    ("keywords", "change"),
    [
        ({}, "x-personal of customer changes from True to None"),
        ({"x-personal": False}, "x-personal of customer changes from True to False"),
        ({"x-personal": True, "default": "nobody"}, "default of customer changes from None to 'nobody'"),
        ({"x-personal": True, "readOnly": True}, "readOnly of customer changes from None to True"),
    ],
    ids=["mark dropped", "mark taken back", "default", "read only"],
)
def test_a_silent_change_is_refused_until_it_is_acknowledged(
    registry: Registry, order_schema: Json, order_data: Json, version: str, keywords: Json, change: str
) -> None:
    of_customer(order_schema, **keywords)
    registry.schema(version, order_schema)
    registry.example(version, order_data)
    problem = problem_of(registry)
    assert problem["file"] == f"contracts/schemas/{ORDER}/{version}.json"
    said, _, entry = problem["message"].partition(
        "; if that is meant, add to contracts/acknowledged.yaml with a reason: "
    )
    assert said == f"{version}: {change}"
    file = registry.root / FILE
    file.write_text(entry)
    assert f"{FILE}: 0.reason" in registry.run("check", exit_code=2).stderr
    file.write_text(entry.replace("reason: ''", "reason: Names of companies only"))
    [contract] = registry.check()["contracts"]
    assert f"{version}: {change}, acknowledged: Names of companies only" in contract["notes"]
    file.write_text(file.read_text().replace(f"version: '{version}'", "version: '0.9'"))
    problem_of(registry)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("- [", "not YAML"),
        ("everything: true", "valid list"),
        ("- {type: a, version: '1.0', field: b, keyword: default, reason: long enough, who: me}", "0.who"),
    ],
)
def test_a_malformed_acknowledgement_is_reported(registry: Registry, text: str, reason: str) -> None:
    (registry.root / FILE).write_text(text)
    error = registry.run("check", exit_code=2).stderr
    assert FILE in error
    assert reason in error


def found(old: Json, new: Json) -> list[Silent]:
    return list(silent_changes(old, new))


@pytest.mark.parametrize(
    ("place", "field"),
    [
        (lambda inner: {"properties": {"a": inner}}, "a"),
        (lambda inner: {"properties": {"a": {"properties": {"b": inner}}}}, "a.b"),
        (lambda inner: {"patternProperties": {"^a": inner}}, "^a"),
        (lambda inner: {"items": {"properties": {"a": inner}}}, "[].a"),
        (lambda inner: {"prefixItems": [{}, inner]}, "[1]"),
        (lambda inner: {"additionalProperties": inner}, "{}"),
        (lambda inner: {"contains": inner}, "[]"),
        (lambda inner: {"if": {}, "then": inner}, ""),
        (lambda inner: {"dependentSchemas": {"a": inner}}, ""),
        (lambda inner: {"unevaluatedProperties": inner}, "{}"),
        (lambda inner: {"anyOf": [{"type": "null"}, {"properties": {"a": inner}}]}, "a"),
        (lambda inner: {"oneOf": [inner]}, ""),
        (lambda inner: {"allOf": [inner]}, ""),
        (lambda inner: {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": inner}}, "a"),
        (lambda inner: {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/B~1"}, "B/": inner}}, ""),
        (lambda inner: {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"x": inner, "n": A}}}}, "x"),
    ],
)  # fmt: skip
def test_a_default_is_watched_wherever_it_stands(place: Any, field: str) -> None:
    assert Silent(field, "default", 1, 2) in found(place({"default": 1}), place({"default": 2}))
    assert found(place({"default": 1}), place({"default": 1})) == []


def test_true_is_not_one() -> None:
    assert found({"default": 1}, {"default": True}) == [Silent("", "default", 1, True)]
    assert found({"default": 1}, {"default": 1.0}) == []


def test_alternatives_may_change_places() -> None:
    one, other = {"title": "A", "default": 1}, {"title": "B", "default": 2}
    assert found({"anyOf": [one, other]}, {"anyOf": [other, one]}) == []
    assert found({"anyOf": [one, other]}, {"anyOf": [{"title": "B", "default": 3}, one]}) == [
        Silent("", "default", 2, 3)
    ]


def test_recursive_alternatives_take_no_time() -> None:
    names = [f"N{number}" for number in range(40)]
    branches = [{"$ref": f"#/$defs/{name}"} for name in names]

    def schema(default: Json) -> Json:
        value: list[Json] = [{} for _ in names[1:]] + [default]
        nodes = {
            name: {"title": name, "properties": {"next": {"anyOf": branches}, "value": value[number]}}
            for number, name in enumerate(names)
        }
        return {"anyOf": branches, "$defs": nodes}

    begun = time.process_time()
    assert found(schema({"default": 1}), schema({})) == [Silent("value", "default", 1, None)]
    assert time.process_time() - begun < 5


def test_a_mark_that_any_version_has_counts(registry: Registry, order_schema: Json, order_data: Json) -> None:
    """Also where the version between has not the field."""
    customer = order_schema["properties"].pop("customer")
    order_schema["required"] = []
    without = {name: value for name, value in order_data.items() if name != "customer"}
    registry.schema("1.1", order_schema)
    registry.example("1.1", without)
    registry.commit()
    order_schema["properties"]["customer"] = {"type": customer["type"]}
    registry.schema("1.2", order_schema)
    registry.example("1.2", without)
    [contract] = registry.check("--base=HEAD", exit_code=1)["contracts"]
    assert [(p["rule"], p["file"]) for p in contract["problems"] if p["rule"] == "not-acknowledged"] == [
        ("not-acknowledged", f"contracts/schemas/{ORDER}/1.2.json")
    ]


def test_a_definition_may_be_renamed() -> None:
    old = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"x-personal": True}}}
    new = {"properties": {"a": {"$ref": "#/$defs/B"}}, "$defs": {"B": {}}}
    assert found(old, new) == [Silent("a", "x-personal", True, None)]
    assert found(old, {**new, "$defs": {"B": {"x-personal": True}}}) == []


def test_another_major_has_another_name() -> None:
    assert found({"x-event-type": "collections.shop.paid.v1"}, {"x-event-type": "collections.shop.paid.v2"}) == []


def test_words_and_new_marks_and_new_fields_are_free() -> None:
    old = {"title": "A", "properties": {"a": {"description": "x", "examples": [1]}}}
    new = {
        "title": "B",
        "x-note": 1,
        "properties": {"a": {"description": "y", "deprecated": True}, "b": {"default": 1}},
    }
    assert found(old, new) == []


MARKED, PLAIN = {"type": "string", "x-personal": True}, {"type": "string"}
BY_REFERENCE: dict[str, Callable[[Json], Json]] = {
    "anchor": lambda inner: {"properties": {"a": {"$ref": "#it"}}, "$defs": {"A": {"$anchor": "it", **inner}}},
    "id": lambda inner: {"properties": {"a": {"$ref": "urn:it"}}, "$defs": {"A": {"$id": "urn:it", **inner}}},
    "anchor of another resource": lambda inner: {
        "properties": {"a": {"$ref": "urn:it#in"}},
        "$defs": {"A": {"$id": "urn:it", "$defs": {"B": {"$anchor": "in", **inner}}}},
    },
    "dynamic anchor": lambda inner: {
        "properties": {"a": {"$dynamicRef": "#it"}},
        "$defs": {"A": {"$dynamicAnchor": "it", **inner}},
    },
    "one of two dynamic anchors": lambda inner: {
        "properties": {"a": {"$dynamicRef": "#it"}},
        "$defs": {
            "A": {"$dynamicAnchor": "it"},
            "B": {"$id": "urn:it", "$dynamicAnchor": "it", **inner},
        },
    },
    "recursive anchor": lambda inner: {
        "$schema": "https://json-schema.org/draft/2019-09/schema",
        "$recursiveAnchor": True,
        "properties": {"a": {"$recursiveRef": "#"}},
        **inner,
    },
    "escaped pointer": lambda inner: {"properties": {"a": {"$ref": "#/$defs/A%20B"}}, "$defs": {"A B": inner}},
    "a reference beside fields of its own": lambda inner: {
        "$ref": "#/$defs/A",
        "properties": {"b": {}},
        "$defs": {"A": {"properties": {"a": inner}}},
    },
    "a reference from there to another": lambda inner: {
        "$ref": "#/$defs/A",
        "properties": {"b": {}},
        "$defs": {"A": {"$ref": "#/$defs/B", "properties": {"c": {}}}, "B": {"properties": {"a": inner}}},
    },
}


@pytest.mark.parametrize("way", BY_REFERENCE)
def test_a_mark_is_seen_behind_a_reference_of_any_kind(way: str) -> None:
    old, new = BY_REFERENCE[way](MARKED), BY_REFERENCE[way](PLAIN)
    assert Silent("a", "x-personal", True, None) in found(old, new)
    assert found(old, old) == []


def in_union(*options: Json, **definitions: Json) -> Json:
    return {"properties": {"a": {"anyOf": [*options]}}, "$defs": definitions}


NULL, REFERENCE, OTHER = {"type": "null"}, {"$ref": "#/$defs/A"}, {"$ref": "#/$defs/B"}
REWRITTEN: dict[str, tuple[Json, Json]] = {
    "a union that becomes a list of types": (
        in_union(MARKED, NULL),
        {"properties": {"a": {"type": ["string", "null"]}}},
    ),
    "a reference in allOf that becomes one": (
        {"properties": {"a": {"allOf": [REFERENCE]}}, "$defs": {"A": MARKED}},
        {"properties": {"a": OTHER}, "$defs": {"B": PLAIN}},
    ),
    "another keyword for the union": (
        in_union(MARKED, NULL),
        {"properties": {"a": {"oneOf": [PLAIN, NULL]}}},
    ),
    "a definition in a union that is renamed": (
        in_union(REFERENCE, NULL, A=MARKED),
        in_union(OTHER, NULL, B=PLAIN),
    ),
    "renamed and in another order": (in_union(REFERENCE, NULL, A=MARKED), in_union(NULL, OTHER, B=PLAIN)),
    "a field of an object that becomes a union": (
        {"properties": {"a": MARKED}},
        {"anyOf": [{"properties": {"a": PLAIN}}, NULL]},
    ),
}


@pytest.mark.parametrize("how", REWRITTEN)
def test_a_mark_is_missed_however_the_place_is_written(how: str) -> None:
    assert found(*REWRITTEN[how]) == [Silent("a", "x-personal", True, None)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (in_union(MARKED, NULL), {"properties": {"a": {**MARKED, "type": ["string", "null"]}}}),
        ({"properties": {"a": MARKED}}, {"properties": {"a": {"anyOf": [PLAIN, NULL], "x-personal": True}}}),
        ({"properties": {"a": MARKED}}, {"anyOf": [{"properties": {"a": MARKED}}, NULL]}),
        ({"properties": {"a": {**PLAIN, "default": None}}}, {"properties": {"a": {"anyOf": [PLAIN], "default": None}}}),
    ],
    ids=["in the list of types", "around the union", "inside the union", "default around it"],
)
def test_a_mark_that_moved_with_its_place_is_none_lost(old: Json, new: Json) -> None:
    assert found(old, new) == []


@pytest.mark.parametrize(
    "broken", [{"properties": []}, {"anyOf": {}}, {"$ref": "#/$defs/A"}, {"$ref": 1}, {"items": 1}]
)
def test_a_schema_that_is_none_has_no_places(broken: Json) -> None:
    assert found(broken, broken) == []
