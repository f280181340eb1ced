"""What differs between a fold and live rows, on plain data."""

from typing import Any

import pytest

from chassis.audit.comparing import Dependence, Difference, Rows, dependence, differences, flat

NOTHING = Dependence()


def rows(**values: Any) -> Rows:
    return {"items": {"{}": flat(values)}}


def test_equal_rows_do_not_differ() -> None:
    assert differences(rows(status="ready"), rows(status="ready"), NOTHING) == []
    assert differences({}, {}, NOTHING) == []


def test_missing_extra_and_stale_rows_are_told_apart() -> None:
    fold: Rows = {"a": {"1": {"x": 1}, "2": {"x": 1, "y": 1}}}
    live: Rows = {"a": {"2": {"x": 2, "z": 1}, "3": {"x": 1}}}
    assert differences(fold, live, NOTHING) == [
        Difference("a", "missing", "1"),
        Difference("a", "extra", "3"),
        Difference("a", "stale", "2", ("x", "y", "z")),
    ]


def test_a_column_that_differs_between_two_masks_is_not_compared() -> None:
    known = dependence(rows(status="new", headline="masked"), rows(status="new", headline="other"))
    assert known == Dependence(frozenset({("items", "headline")}))
    assert differences(rows(status="new", headline="masked"), rows(status="new", headline="A cat"), known) == []
    assert differences(rows(status="new", headline="masked"), rows(status="old", headline="A cat"), known) == [
        Difference("items", "stale", "{}", ("status",))
    ]


def test_within_a_document_only_what_is_personal_is_left_out() -> None:
    first, second = ({"state": {"analysis": {"headline": text, "version": 2}}} for text in ("one", "other"))
    known = dependence(rows(**first), rows(**second))
    live = {"state": {"analysis": {"headline": "A cat", "version": 1}}}
    assert differences(rows(**first), rows(**live), known)[0].columns == ("state/analysis/version",)


def test_where_rows_depend_on_a_mask_only_their_absence_is_seen() -> None:
    first: Rows = {"words": {"masked": {"n": 1}}}
    second: Rows = {"words": {"other": {"n": 1}}}
    known = dependence(first, second)
    assert known == Dependence(tables=frozenset({"words"}))
    assert differences(first, {"words": {"cat": {"n": 3}}}, known) == []
    assert [d.kind for d in differences(first, {}, known)] == ["missing"]
    assert [d.kind for d in differences({}, {"words": {"cat": {"n": 3}}}, known)] == ["extra"]


@pytest.mark.parametrize(
    ("value", "leaves"),
    [
        ({"a": 1, "b": {"c": [1, {"d": None}]}}, {"a": 1, "b/c": [1, {"d": None}]}),
        ({"a": {}, "b": []}, {"a": {}, "b": []}),
    ],
)
def test_a_row_is_compared_leaf_by_leaf(value: dict[str, Any], leaves: dict[str, Any]) -> None:
    assert flat(value) == leaves
