"""Only models that a setting lists are called or stored."""

import pytest

from chassis.errors import ProblemError
from chassis.model_names import listed, require_listed


def test_names_are_listed_with_commas_beside_the_configured_ones() -> None:
    assert listed(" b , a,, ", "c") == {"a", "b", "c"}
    assert listed("") == frozenset()


def test_a_listed_model_is_let_through() -> None:
    require_listed("a", {"a", "b"})


def test_another_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(ProblemError) as refused:
        require_listed("x", {"c", "a", "b"})
    assert (refused.value.status, refused.value.code) == (422, "unknown-model")
    assert refused.value.detail == "model is one of: a, b, c"
    assert refused.value.extensions == {"allowed": ["a", "b", "c"]}


def test_the_field_and_the_code_may_be_others() -> None:
    with pytest.raises(ProblemError, match="answer_model is one of: a") as refused:
        require_listed("x", {"a"}, field="answer_model", code="unsupported-model")
    assert refused.value.code == "unsupported-model"
