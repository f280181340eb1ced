"""What operators ask about runs: which question is put to which table, page by page."""

from typing import Any

import pytest

from analysis import runs as questions
from analysis.providers import Choice
from analysis.repository import analyses, runs
from testkit import Fakes


@pytest.fixture
def asked(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The questions that are put to the tables; of pairs there are 120, the items 000 to 119."""
    calls: list[tuple[Any, ...]] = []

    def note(name: str, answer: Any) -> None:
        def called(connection: object, *arguments: Any) -> Any:
            assert connection is not None
            calls.append((name, *arguments))
            return answer(*arguments) if callable(answer) else answer

        monkeypatch.setattr(runs, name, called)

    def pairs(run_id: str, after: str, limit: int) -> list[dict[str, Any]]:
        items = (f"{number:03}" for number in range(120))
        return [{"item_id": item} for item in items if item > after][:limit]

    note("sample", (["an item"], 7))
    note("summary", {"candidates": 3})
    note("promoted", {"versions": 2})
    note("pairs", pairs)
    note("rest", {"pictures": 9})
    note("versions", [{"version": 1}])
    return calls


def test_pairs_come_page_by_page(fakes: Fakes, asked: list[tuple[Any, ...]]) -> None:
    after: str | None = ""
    pages: list[int] = []
    found: list[str] = []
    while after is not None:
        answer = questions.answer(fakes.database, {"pairs": "run-1", "after": after})
        pages.append(len(answer["pairs"]))
        found += [pair["item_id"] for pair in answer["pairs"]]
        after = answer["next"]
    assert pages == [50, 50, 20]
    assert found == [f"{number:03}" for number in range(120)]
    assert asked == [("pairs", "run-1", last, 50) for last in ("", "049", "099")]


@pytest.mark.parametrize(("number", "looked"), [(3, 3), (500, 500), (501, 500)])
@pytest.mark.parametrize("tenants", [["alice"], None])
def test_a_sample_is_of_so_many_items_and_not_too_many(
    fakes: Fakes, asked: list[tuple[Any, ...]], number: int, looked: int, tenants: Any
) -> None:
    answer = questions.answer(fakes.database, {"sample": number, "seed": 5, "tenants": tenants})
    assert answer == {"items": ["an item"], "pictures": 7}
    assert asked == [("sample", looked, 5, tenants)]


def test_each_question_has_its_answer(fakes: Fakes, asked: list[tuple[Any, ...]]) -> None:
    plan = {"prompt": "p@1", "provider": "openai", "model": "gpt-5"}
    assert [
        questions.answer(fakes.database, {"run": "run-1"}),
        questions.answer(fakes.database, {"rest": plan, "tenants": ["alice"]}),
        questions.answer(fakes.database, {"versions": "item-1"}),
    ] == [
        {"run": {"candidates": 3}, "promoted": {"versions": 2}},
        {"rest": {"pictures": 9}},
        {"versions": [{"version": 1}]},
    ]
    assert asked == [
        ("summary", "run-1"),
        ("promoted", "run-1"),
        ("rest", "p@1", Choice("openai", "gpt-5"), ["alice"]),
        ("versions", "item-1"),
    ]


def test_another_question_is_refused(fakes: Fakes, asked: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ValueError, match=r"\['tenants', 'what'\]"):
        questions.answer(fakes.database, {"what": 1, "tenants": None})
    assert asked == []


@pytest.mark.parametrize(
    ("versions", "run", "before"),
    [
        ([], "run-1", None),
        ([(1, None, None)], "run-1", None),
        ([(1, "run-1", None)], "run-1", None),
        ([(1, None, None), (2, "run-1", None)], "run-1", 1),
        ([(1, None, None), (2, "run-1", None), (3, "run-1", None)], "run-1", 1),
        ([(1, None, None), (2, "run-0", None), (3, "run-1", None)], "run-1", 2),
        ([(1, None, None), (2, "run-1", None), (3, "run-2", None)], "run-1", None),
    ],
)
def test_what_was_before_a_run(
    fakes: Fakes, monkeypatch: pytest.MonkeyPatch, versions: Any, run: str, before: int | None
) -> None:
    class Version:
        def __init__(self, version: int, run_id: str | None, restores: int | None) -> None:
            self.version, self.run_id, self.restores = version, run_id, restores

    def made(connection: object, tenant_id: str, item_id: str, **which: Any) -> Any:
        assert (connection is None, tenant_id, item_id) == (False, "alice", "item-1")
        below = which.get("before") or 1000
        return next((each for each in reversed(made_of) if each.version < below), None)

    made_of = [Version(*each) for each in versions]
    monkeypatch.setattr(analyses, "made", made)
    found = analyses.before_run(fakes.connection, "alice", "item-1", run)
    assert (found.version if found else None) == before
