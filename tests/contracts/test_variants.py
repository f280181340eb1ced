"""The smallest and the largest payload of a schema."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from contracts.schemas import published_versions
from testkit.contract_tests.examples import PublishedVersionCase, published_version_cases
from testkit.contract_tests.variants import VariantError, maximal, minimal
from workspace import REPOSITORY

TYPES = sorted({version.event_type for version in published_versions(REPOSITORY / "contracts" / "schemas")})
CASES = [case for event_type in TYPES for case in published_version_cases(REPOSITORY / "contracts", event_type)]


def schema(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


TEXT, MAYBE = {"type": "string"}, {"anyOf": [{"type": "string"}, {"type": "null"}]}


def test_the_barest_has_required_fields_alone_at_every_depth() -> None:
    inner = schema(["b"], a=TEXT, b=TEXT)
    whole = schema(["one", "many"], one={"$ref": "#/$defs/Inner"}, many={"type": "array", "items": TEXT}, other=TEXT)
    example = {"one": {"a": "x", "b": "y"}, "many": ["z"], "other": "o"}
    assert minimal({**whole, "$defs": {"Inner": inner}}, [example]) == {"one": {"b": "y"}, "many": []}


def test_the_fullest_has_every_field_and_no_empty_list_and_no_null() -> None:
    whole = schema(["one"], one=TEXT, two=MAYBE, many={"type": "array", "items": schema([], inner=TEXT)})
    assert maximal(whole, [{"one": "a"}]) == {"one": "a", "two": "x", "many": [{"inner": "x"}]}


def test_the_barest_takes_null_where_it_is_required_and_may_be_null() -> None:
    assert minimal(schema(["maybe"], maybe=MAYBE), [{"maybe": "said"}]) == {"maybe": None}


def test_values_come_from_whichever_example_has_them() -> None:
    whole = schema(["a"], a=TEXT, b={"type": "integer", "minimum": 3}, c={"enum": ["x", "y"]})
    assert maximal(whole, [{"a": "first"}, {"a": "second", "c": "y"}]) == {"a": "first", "b": 3, "c": "y"}


def test_what_cannot_be_generated_is_reported() -> None:
    digest = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
    with pytest.raises(VariantError, match="/digest: a golden example must show"):
        maximal(schema([], digest=digest), [{}])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_published_version_has_both_and_a_producer_may_emit_them(case: PublishedVersionCase) -> None:
    closed = case.published.producer()
    variants = case.variants()
    for document in variants.values():
        Draft202012Validator(closed).validate(document["data"])
    assert set(variants["minimal"]["data"]) == set(closed.get("required", ()))
    assert set(variants["maximal"]["data"]) == set(closed["properties"])
