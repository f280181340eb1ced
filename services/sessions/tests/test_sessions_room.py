"""How much of a long conversation is answered; opens no socket."""

import json
from typing import Any

import pytest

from contracts.chat import ChatMessage
from sessions import room
from sessions.room import as_many_as_fit


def message(number: int, *, results: int = 0, text: str = "words") -> ChatMessage:
    fields: dict[str, Any] = {
        "role": "assistant",
        "content": f"{text} {number}",
        "timestamp": "2026-11-22T09:30:00Z",
    }
    if results:
        fields["search_results"] = [{"item_id": "x" * results}]
    return ChatMessage.model_validate(fields)


def size(message: ChatMessage) -> int:
    """In Lambda's answer the body is JSON within JSON."""
    return len(json.dumps(json.dumps(message.model_dump(mode="json"))))


def bare(message: ChatMessage) -> ChatMessage:
    return message.model_copy(update={"search_results": None})


def numbers(messages: tuple[ChatMessage, ...]) -> list[str]:
    return [message.content.rpartition(" ")[2] for message in messages]


def test_what_fits_is_answered_whole_and_oldest_first() -> None:
    newest_first = [message(3, results=10), message(2), message(1, results=10)]
    assert as_many_as_fit(newest_first) == tuple(reversed(newest_first))
    assert as_many_as_fit([]) == ()


@pytest.mark.parametrize(("spare", "kept"), [(0, ["2", "3"]), (-1, ["3"])])
def test_the_oldest_are_left_out_first(monkeypatch: pytest.MonkeyPatch, spare: int, kept: list[str]) -> None:
    newest_first = [message(3), message(2), message(1)]
    monkeypatch.setattr(room, "_ROOM", size(newest_first[0]) + size(newest_first[1]) + spare)
    assert numbers(as_many_as_fit(newest_first)) == kept


def test_nothing_older_follows_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    newest_first = [message(3), message(2, text="long " * 100), message(1)]
    monkeypatch.setattr(room, "_ROOM", size(newest_first[0]) + size(newest_first[2]))
    assert numbers(as_many_as_fit(newest_first)) == ["3"]


def test_messages_come_before_the_sources_of_newer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    newest_first = [message(2, results=500), message(1, results=500)]
    without = sum(size(bare(one)) for one in newest_first)
    monkeypatch.setattr(room, "_ROOM", without)
    assert as_many_as_fit(newest_first) == (bare(newest_first[1]), bare(newest_first[0]))
    # Room for the sources of one: the newest keeps them.
    more = size(newest_first[0]) - size(bare(newest_first[0]))
    monkeypatch.setattr(room, "_ROOM", without + more)
    assert as_many_as_fit(newest_first) == (bare(newest_first[1]), newest_first[0])
    monkeypatch.setattr(room, "_ROOM", without + more - 1)
    assert as_many_as_fit(newest_first) == (bare(newest_first[1]), bare(newest_first[0]))


def test_letters_beyond_ascii_take_the_room_that_they_take_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = message(1, text="の" * 100)
    assert size(wide) > 700
    monkeypatch.setattr(room, "_ROOM", size(wide) - 1)
    assert as_many_as_fit([wide]) == ()
