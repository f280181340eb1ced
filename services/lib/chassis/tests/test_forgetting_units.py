"""What is counted before and after dead letters are deleted, without a database."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest

from chassis import erasure, forgotten
from chassis.errors import TransientError
from chassis.forgetting import erasing, look_again


class Found:
    """Two dead letters."""

    def __init__(self, steps: list[Any], *, is_all: bool, number: int = 2) -> None:
        self.steps = steps
        self.is_all = is_all
        self.number = number

    def __len__(self) -> int:
        return self.number

    def delete(self) -> None:
        self.steps.append("deleted")


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What is done, in order."""
    done: list[Any] = []
    for name in ("note_found", "add_erased"):
        monkeypatch.setattr(forgotten, name, lambda _, *given, name=name: done.append((name, *given)))
    return done


@pytest.fixture
def service() -> Any:
    @contextmanager
    def transaction() -> Iterator[None]:
        yield None

    erased = {"ann": Counter(objects=1), "bob": Counter(objects=2)}
    return SimpleNamespace(database=SimpleNamespace(transaction=transaction), erase_objects=erased.__getitem__)


def test_what_is_all_is_noted_first_and_what_is_not_is_added_after(service: Any, steps: list[Any]) -> None:
    erasing._erase_letters(service, "ann", Found(steps, is_all=True))
    assert steps == [("note_found", "ann", {"dead letters": 2}), "deleted"]
    steps.clear()
    with pytest.raises(TransientError, match=r"^further dead letters are to be looked at$") as raised:
        erasing._erase_letters(service, "ann", Found(steps, is_all=False))
    assert raised.value.retry_after_s == 1
    assert steps == ["deleted", ("add_erased", "ann", {"dead letters": 2})]
    steps.clear()
    erasing._erase_letters(service, "ann", Found(steps, is_all=True, number=0))
    assert steps == [("note_found", "ann", {}), "deleted"]


def test_the_relay_erases_page_by_page_what_is_left_of_each_tenant(
    service: Any, steps: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    events = {"ann": iter([2, 1, 0]), "bob": iter([0, 0])}
    rows = {"ann": iter([Counter(), Counter(), Counter()]), "bob": iter([Counter({"table notes": 4}), Counter()])}
    limits: set[int] = set()

    def erase_tenant(_: object, tenant: str, *, limit: int) -> int:
        limits.add(limit)
        return next(events[tenant])

    def delete(_: object, tenant: str, *, limit: int) -> Counter[str]:
        limits.add(limit)
        return next(rows[tenant])

    monkeypatch.setattr(forgotten, "recent", lambda *_: ["ann", "bob"])
    monkeypatch.setattr(erasure, "erase_tenant", erase_tenant)
    monkeypatch.setattr(forgotten, "delete", delete)
    assert look_again(service) == Counter({"events": 3, "table notes": 4, "objects": 3})
    assert limits == {erasing._PAGE}
    assert [step[1:] for step in steps] == [
        ("ann", {"events": 2}),
        ("ann", {"events": 1}),
        ("ann", {}),
        ("bob", {"table notes": 4}),
        ("bob", {}),
    ]
    monkeypatch.setattr(forgotten, "recent", lambda *_: [])
    assert look_again(service) == Counter()
