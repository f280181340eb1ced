"""What counts as empty while a proof is under way, and what of it stays."""

from __future__ import annotations

import pytest

from compatibility.induction import Induction
from compatibility.questions import OpenQuestionError


def test_a_state_met_below_itself_counts_as_empty_there_and_only_there() -> None:
    states = Induction[str]()
    states.begin("a")
    assert states.empty("a")
    assert not states.surely_empty("a")
    assert states.end("a", empty=False)
    assert not states.empty("a")


def test_what_leans_on_a_state_holds_when_that_is_empty() -> None:
    states = Induction[str]()
    states.begin("a")
    states.begin("b")
    assert states.empty("a")
    assert not states.end("b", empty=True)
    assert states.empty("b")
    assert not states.surely_empty("b")
    assert states.end("a", empty=True)
    assert states.surely_empty("a")
    assert states.surely_empty("b")


def test_what_leans_on_a_state_is_forgotten_when_that_is_not_empty() -> None:
    states = Induction[str]()
    states.begin("a")
    states.begin("b")
    assert states.empty("a")
    states.end("b", empty=True)
    states.end("a", empty=False)
    assert not states.empty("b")


def test_what_leans_on_nothing_stays_whatever_comes_of_the_rest() -> None:
    states = Induction[str]()
    states.begin("a")
    states.begin("b")
    assert states.end("b", empty=True)
    assert states.end("a", empty=False)
    assert states.surely_empty("b")


def test_leaning_is_passed_on_and_waits_for_the_outermost() -> None:
    states = Induction[str]()
    for state in "abc":
        states.begin(state)
    assert states.empty("a")
    assert not states.end("c", empty=True)
    assert not states.end("b", empty=True)
    assert states.end("a", empty=True)
    assert all(map(states.surely_empty, "abc"))


def test_leaning_on_what_leans_is_leaning_too() -> None:
    states = Induction[str]()
    states.begin("a")
    states.begin("b")
    assert states.empty("a")
    states.end("b", empty=True)
    states.begin("c")
    assert states.empty("b")
    assert not states.end("c", empty=True)
    states.end("a", empty=False)
    assert not states.empty("c")


def test_questions_aside_do_not_make_the_asking_state_lean_but_wait_as_long() -> None:
    states = Induction[str]()
    states.begin("a")
    states.begin("b")
    with states.aside():
        states.begin("c")
        assert states.empty("a")
        assert not states.end("c", empty=True)
    assert states.end("b", empty=True)
    assert states.surely_empty("b")
    assert not states.surely_empty("c")
    states.end("a", empty=False)
    assert not states.empty("c")


def test_states_are_not_nested_without_end() -> None:
    states = Induction[int]()
    for state in range(61):
        states.begin(state)
    with pytest.raises(OpenQuestionError, match="deeper than 60"):
        states.begin(61)
