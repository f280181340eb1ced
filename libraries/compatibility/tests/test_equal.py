"""Equal schemas are compatible at once, and unions whose branches name their kind are compared branch by branch."""

from __future__ import annotations

import copy
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml

from compatibility import Direction, Outcome, read_schema
from compatibility.deciding import decide
from compatibility.identity import representatives
from compatibility.questions import Budget
from compatibility.terms import Side

CORPUS = Path(__file__).parent / "corpus"
AT_ONCE = Budget(steps=100, seconds=20)
SOON = Budget(steps=30_000, seconds=20)
DYNAMIC: dict[str, Any] = {
    "$id": "https://example.org/tree",
    "$dynamicAnchor": "node",
    "type": "object",
    "properties": {"children": {"type": "array", "items": {"$dynamicRef": "#node"}}},
    "$defs": {"strict": {"$dynamicAnchor": "node2"}, "other": {"$id": "other", "$dynamicAnchor": "node"}},
}


def branch(number: int, *, named: bool, more: dict[str, Any]) -> dict[str, Any]:
    """An object type of a union; named ones say which they are."""
    fields: dict[str, Any] = {f"f{number}": {"type": "string"}, f"g{number}": {"type": "integer"}, **more}
    kind: dict[str, Any] = {"kind": {"const": f"k{number}"}} if named else {}
    return {"type": "object", "properties": {**kind, **fields}, "required": [*kind, f"f{number}", f"g{number}"]}


def union(
    count: int, keyword: str = "oneOf", *, named: bool = True, more: dict[str, Any] | None = None
) -> dict[str, Any]:
    """A union as pydantic writes it: every branch behind a reference."""
    branches = {f"T{number}": branch(number, named=named, more=more or {}) for number in range(count)}
    return {keyword: [{"$ref": f"#/$defs/{name}"} for name in branches], "$defs": branches}


def with_bound(schema: dict[str, Any], bound: int = 3, number: int = 5) -> dict[str, Any]:
    """The union with a bound in one branch."""
    changed = copy.deepcopy(schema)
    changed["$defs"][f"T{number}"]["properties"][f"g{number}"]["minimum"] = bound
    return changed


def written_otherwise(value: Any) -> Any:
    """The same schema with keys and alternatives the other way round, more words, and definitions of another name."""
    text = json.dumps(turned(value)).replace("#/$defs/", "#/$defs/renamed-")
    schema = json.loads(text)
    if "$defs" in schema:
        schema["$defs"] = {f"renamed-{name}": part for name, part in schema["$defs"].items()}
    return {"title": "Another title", "description": "", **schema}


def turned(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: turned(part[::-1] if name in ("anyOf", "oneOf", "required") else part)
            for name, part in reversed(value.items())
        }
    return [turned(item) for item in value] if isinstance(value, list) else value


ITSELF = {"$ref": "#"}
CHILDREN: dict[str, Any] = {"child": ITSELF, "children": {"type": "array", "items": ITSELF}}
EXPRESSION: dict[str, Any] = {
    "anyOf": [
        {"type": "object", "properties": {"left": ITSELF, "right": ITSELF}, "required": ["left", "right"]},
        {"type": "object", "properties": {"of": {"type": "array", "items": ITSELF}}, "required": ["of"]},
        {"type": "object", "properties": {"value": {"type": "number"}}},
    ]
}
MUTUAL: dict[str, Any] = {
    "$ref": "#/$defs/T0",
    "$defs": {
        f"T{number}": {
            "type": "object",
            "properties": {f"g{number}": {"type": "integer"}}
            | {f"to{other}": {"$ref": f"#/$defs/T{other}"} for other in range(9)},
        }
        for number in range(9)
    },
}
LARGE: dict[str, dict[str, Any]] = {
    "two recursive branches": EXPRESSION,
    "a union of twelve types": union(12, "anyOf", named=False),
    "exactly one of twelve types": union(12, named=False),
    "a discriminated union of forty": union(40),
    "a discriminated union of forty, any": union(40, "anyOf"),
    "a recursive discriminated union of twenty": union(20, more=CHILDREN),
    "nine types that refer to each other": MUTUAL,
}


@pytest.mark.parametrize("name", LARGE)
def test_equal_schemas_are_compatible_at_once(name: str) -> None:
    schema = LARGE[name]
    one, other = read_schema(schema), read_schema(written_otherwise(schema))
    for writer, reader in ((one, one), (one, other), (other, one)):
        assert decide(writer, reader, Direction.BACKWARD, "old", AT_ONCE).outcome is Outcome.COMPATIBLE


@pytest.mark.parametrize("name", sorted(path.stem for path in CORPUS.glob("*.yaml")))
def test_every_schema_of_the_corpus_is_compatible_with_itself_at_once(name: str) -> None:
    for case in yaml.safe_load((CORPUS / f"{name}.yaml").read_text("utf-8")):
        for schema in (case["writer"], case["reader"]):
            read = read_schema(schema)
            assert decide(read, read, Direction.BACKWARD, "old", AT_ONCE).outcome is Outcome.COMPATIBLE, case["why"]


def test_where_dynamic_references_lead_is_not_known_but_the_same_schema_says_the_same() -> None:
    schema = read_schema(DYNAMIC)
    assert schema.obstacles
    again = read_schema({**DYNAMIC, "title": "A tree"})
    assert decide(schema, again, Direction.BACKWARD, "old").outcome is Outcome.COMPATIBLE
    other = copy.deepcopy(DYNAMIC)
    other["$defs"]["other"]["type"] = "object"
    assert decide(schema, read_schema(other), Direction.BACKWARD, "old").outcome is Outcome.UNDECIDED


CHANGES: dict[str, tuple[dict[str, Any], dict[str, Any], set[str]]] = {
    "a bound rose": (with_bound(union(40)), with_bound(union(40), 4), {"minimum-raised"}),
    "a bound fell": (with_bound(union(40), 4), with_bound(union(40)), set()),
    "a branch was added": (union(40), union(41), set()),
    "a branch was removed": (union(41), union(40), {"one-of-narrowed"}),
    "a branch was removed, any": (union(41, "anyOf"), union(40, "anyOf"), {"any-of-narrowed"}),
    "another type was added": (
        union(40),
        {"oneOf": [*union(40)["oneOf"], {"type": "string"}], "$defs": union(40)["$defs"]},
        set(),
    ),
    "every branch got a field": (
        union(40, more={"note": {"type": "string"}}),
        union(40, more={"note": {"type": ["string", "null"]}}),
        set(),
    ),
    "recursive, a branch was added": (union(20, more=CHILDREN), union(21, more=CHILDREN), set()),
    "recursive, a bound rose": (union(20, more=CHILDREN), with_bound(union(20, more=CHILDREN)), {"minimum-raised"}),
    "recursive, a bound fell": (with_bound(union(20, more=CHILDREN)), union(20, more=CHILDREN), set()),
    "nameless, a branch was added": (union(12, "anyOf", named=False), union(13, "anyOf", named=False), set()),
    "nameless, a bound fell": (
        with_bound(union(12, "anyOf", named=False)),
        union(12, "anyOf", named=False),
        set(),
    ),
    "mutual, a bound rose": (MUTUAL, with_bound(MUTUAL), {"minimum-raised"}),
    "mutual, a bound fell": (with_bound(MUTUAL), MUTUAL, set()),
}


@pytest.mark.sampled(4)
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_a_large_union_is_decided(change: str) -> None:
    old, new, rules = CHANGES[change]
    coverage = decide(read_schema(old), read_schema(new), Direction.BACKWARD, "old", SOON)
    assert coverage.undecided == ()
    assert {finding.rule.value for finding in coverage.findings} == rules


def test_every_place_deep_inside_is_found_although_few_come_at_a_time() -> None:
    old = new = union(15)
    for number in range(15):
        new = with_bound(new, number=number)
    writer, reader = (
        read_schema({"type": "array", "items": {"type": "array", "items": schema}, "$defs": schema["$defs"]})
        for schema in (old, new)
    )
    findings = decide(writer, reader, Direction.BACKWARD, "old").findings
    assert sorted(finding.path for finding in findings) == sorted(
        f"/$defs/T{number}/properties/g{number}/minimum" for number in range(15)
    )


SAME: list[tuple[Any, Any]] = [
    ({"type": "string"}, {"type": ["string"]}),
    ({"enum": [1]}, {"const": 1.0}),
    ({"enum": ["a", "b"]}, {"enum": ["b", "a"]}),
    ({"minLength": 2}, {"minLength": 2.0, "title": "x"}),
    ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"anyOf": [{"type": "null"}, {"type": "string"}]}),
    ({"dependentRequired": {"a": ["b", "c"]}}, {"dependentRequired": {"a": ["c", "b"]}}),
    ({"not": {"$ref": "#/$defs/a"}, "$defs": {"a": {"minimum": 1}}}, {"not": {"minimum": 1}}),
    (True, True),
]
DIFFERENT: list[tuple[Any, Any]] = [
    ({"const": 1}, {"const": True}),
    ({"const": 0}, {"const": False}),
    ({"const": [1, 2]}, {"const": [2, 1]}),
    ({"const": ["boolean", True]}, {"const": True}),
    ({"const": {}}, {"const": []}),
    ({"prefixItems": [{"type": "string"}, True]}, {"prefixItems": [True, {"type": "string"}]}),
    ({"oneOf": [{"type": "string"}] * 2}, {"oneOf": [{"type": "string"}]}),
    ({"if": {"minimum": 1}, "then": {"maximum": 3}}, {"if": {"minimum": 1}, "else": {"maximum": 3}}),
    ({"properties": {"a": {"minimum": 1}}}, {"properties": {"b": {"minimum": 1}}}),
    ({"properties": {"a": ITSELF, "b": {"minimum": 1}}}, {"properties": {"a": ITSELF, "b": {"minimum": 2}}}),
    (True, False),
    (True, {"minimum": 1}),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=count())
def test_schemas_that_say_the_same_are_known_as_one(one: Any, other: Any) -> None:
    assert said(one, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=count())
def test_schemas_that_say_something_else_are_not(one: Any, other: Any) -> None:
    assert not said(one, other)


def said(one: Any, other: Any) -> bool:
    nodes = {Side.WRITER: read_schema(one).nodes, Side.READER: read_schema(other).nodes}
    found = representatives(nodes)
    return found[Side.WRITER, ""] == found[Side.READER, ""]
