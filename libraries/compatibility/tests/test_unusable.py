"""Bad input ends in a stable code, and soon."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from compatibility import Direction, Mode, Outcome, Unusable, UnusableSchemaError, check, compare, read_schema
from compatibility.deciding import decide
from compatibility.questions import Budget

SECONDS = 5.0
DRAFT_4 = "http://json-schema.org/draft-04/schema#"


def deep(levels: int) -> str:
    return '{"not":' * levels + "{}" + "}" * levels


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("{", Unusable.NOT_JSON),
        ("[]", Unusable.NOT_A_SCHEMA),
        ('{"minimum": NaN}', Unusable.NOT_JSON),
        ('{"type": "string", "type": "integer"}', Unusable.DUPLICATE_KEY),
        ('{"title": "' + "x" * 10_000_000 + '"}', Unusable.TOO_LARGE),
        (deep(5000), Unusable.TOO_DEEP),
        ('{"minimum": 1e999}', Unusable.NOT_JSON),
        ({"type": "text"}, Unusable.NOT_A_SCHEMA),
        ({"minLength": -1}, Unusable.NOT_A_SCHEMA),
        ({"$schema": "http://json-schema.org/draft-03/schema#"}, Unusable.UNKNOWN_DIALECT),
        ({"$schema": 3}, Unusable.UNKNOWN_DIALECT),
        ({"properties": {"a": {"$schema": DRAFT_4}}}, Unusable.MIXED_DIALECTS),
        ({"$ref": "https://example.org/other.json"}, Unusable.REMOTE_REFERENCE),
        ({"$ref": "other.json#/a"}, Unusable.REMOTE_REFERENCE),
        ({"$ref": "#/$defs/missing"}, Unusable.UNRESOLVED_REFERENCE),
        ({"$ref": "#nowhere"}, Unusable.UNRESOLVED_REFERENCE),
        ({"$ref": "#"}, Unusable.CIRCULAR_REFERENCE),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, Unusable.CIRCULAR_REFERENCE),
        ({"$defs": {"a": {"$id": "urn:x"}, "b": {"$id": "urn:x"}}}, Unusable.CONFLICTING_IDS),
        ({"$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}, Unusable.CONFLICTING_IDS),
        ({"pattern": "["}, Unusable.PATTERN_INVALID),
        ({"pattern": "^(a+)+$"}, Unusable.PATTERN_CATASTROPHIC),
        ({"pattern": "^(a|a)*$"}, Unusable.PATTERN_CATASTROPHIC),
        ({"pattern": "^(.*,)*$"}, Unusable.PATTERN_CATASTROPHIC),
        ({"pattern": "^(a?){40}a{40}$"}, Unusable.PATTERN_CATASTROPHIC),
        ({"patternProperties": {"(x+x+)+y": {}}}, Unusable.PATTERN_CATASTROPHIC),
    ],
    ids=lambda value: value.value if isinstance(value, Unusable) else None,
)
def test_unusable_input_has_a_code(source: Any, code: Unusable) -> None:
    started = time.monotonic()
    with pytest.raises(UnusableSchemaError) as caught:
        read_schema(source)
    assert caught.value.code is code
    assert time.monotonic() - started < SECONDS


def test_a_missing_file_is_unusable(tmp_path: Path) -> None:
    with pytest.raises(UnusableSchemaError) as caught:
        read_schema(tmp_path / "none.json")
    assert caught.value.code is Unusable.NOT_FOUND


@pytest.mark.parametrize("pattern", ["^[a-z]+(-[a-z]+)*$", r"^(\w+\.)*\w+$", "^[0-9a-f]{64}$", "^https?://", "^.*$"])
def test_common_patterns_are_not_mistaken_for_catastrophic_ones(pattern: str) -> None:
    read_schema({"pattern": pattern})


def test_what_is_neither_proven_nor_refuted_is_undecided() -> None:
    old, new = read_schema({"pattern": "^(?!x)"}), read_schema({"pattern": "^(?!y)"})
    coverage = compare(old, new)
    assert coverage.outcome is Outcome.UNDECIDED
    assert not check(new, [old], Mode.BACKWARD).compatible


def test_a_search_that_would_take_too_long_ends_undecided() -> None:
    parts = [{"anyOf": [{"required": [f"a{n}"]}, {"required": [f"b{n}"]}, {"required": [f"c{n}"]}]} for n in range(30)]
    old = read_schema({"type": "object", "allOf": parts})
    new = read_schema({"oneOf": [{"minProperties": 31}, {"maxProperties": 30}], "not": {"maxProperties": 29}})
    started = time.monotonic()
    coverage = decide(old, new, Direction.BACKWARD, "old", Budget(seconds=1.0))
    assert time.monotonic() - started < SECONDS
    assert coverage.outcome is Outcome.UNDECIDED
    assert "budget" in coverage.undecided[-1].reason


@pytest.mark.parametrize(
    ("schema", "named"),
    [
        ({}, "$schema is missing"),
        ({"$schema": DRAFT_4, "properties": {"a": {"const": 1}}}, "/properties/a/const is an unknown keyword"),
        ({"$schema": DRAFT_4, "items": {"minLenght": 1}, "required": ["a"]}, "/items/minLenght is an unknown keyword"),
        ({"$schema": DRAFT_4, "format": "mail"}, "/format is the unknown format 'mail'"),
    ],
    ids=["no dialect", "a later keyword", "a slip", "an unknown format"],
)
def test_what_means_nothing_is_refused_where_strictness_is_asked_for(schema: Any, named: str) -> None:
    read_schema(schema)
    with pytest.raises(UnusableSchemaError) as caught:
        read_schema(schema, strict=True)
    assert (caught.value.code, caught.value.detail) == (Unusable.NOT_STRICT, named)


def test_annotations_and_extensions_are_known() -> None:
    known = {"$schema": DRAFT_4, "id": "urn:x", "title": "", "x-mine": 1, "default": {"requird": 1}, "definitions": {}}
    read_schema({**known, "enum": [{"requird": 1}], "format": "date"}, strict=True)
