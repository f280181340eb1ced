"""The emulator's durability without the emulator: what is written when, and what a failing disk changes."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from localmesh.emulator import durability
from localmesh.emulator.disk import Disk
from localmesh.emulator.durability import Durability

FULL = OSError(28, "No space left on device")


class State:
    """Queues, tables and users in the place of MiniStack's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.queue: dict[str, Any] = {"messages": []}
        self.users = {"ann"}
        self.items: dict[str, Any] = {}
        self.sqs = SimpleNamespace(
            _queues=SimpleNamespace(_data={("a", "q"): self.queue}), _queues_lock=threading.Lock()
        )
        self.dynamodb = SimpleNamespace(_set_item=self._set, _remove_item=self._remove)
        persistence = SimpleNamespace(
            STATE_DIR=str(folder), _json_default=str, _json_object_hook=None, _state_format_version=lambda _: 1
        )
        app = SimpleNamespace(_build_persistence_save_dict=lambda: {"cognito": lambda: sorted(self.users)})
        modules = {
            "ministack.core.persistence": persistence,
            "ministack.services.sqs": self.sqs,
            "ministack.services.dynamodb": self.dynamodb,
        }
        self.durability = Durability(app, modules, Disk(folder))

    def send(self, body: str) -> None:
        self.queue["messages"].append({"id": body})

    def put(self, key: str) -> None:
        table = {"TableArn": "t", "items": {key: {None: {"n": key}}}}
        self.dynamodb._set_item(table, key, None, {"n": key})

    @property
    def journalled(self) -> list[Any]:
        """Ids of messages and keys of items, as often as they were written."""
        lines = [line for file in self.folder.glob("journal-*") for line in map(json.loads, file.open())]
        return [line.get("id") or line["key"][0] for line in lines]

    def _set(self, *_: Any) -> None:
        return

    def _remove(self, *_: Any) -> None:
        return


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path)


def full(*_: Any) -> None:
    raise FULL


def test_what_could_not_be_written_is_written_with_the_next_commit(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.send("first")
    state.put("item")
    with monkeypatch.context() as broken, pytest.raises(OSError, match="No space left"):
        broken.setattr("os.fdatasync", full)
        state.durability.commit()
    assert state.journalled == []
    state.durability.commit()
    assert sorted(state.journalled) == ["first", "item"]
    state.send("second")
    state.durability.commit()
    state.durability.commit()
    assert sorted(state.journalled) == ["first", "item", "second"]


def test_a_message_that_is_gone_is_noted_once(state: State) -> None:
    state.send("short-lived")
    state.durability.commit()
    state.queue["messages"].clear()
    state.durability.commit()
    state.durability.commit()
    assert state.journalled == ["short-lived"] * 2


def test_a_queue_of_as_many_messages_as_before_may_have_others(state: State) -> None:
    for body in ("first", "second"):
        state.send(body)
    state.durability.commit()
    del state.queue["messages"][0]
    state.send("third")
    state.durability.commit()
    assert sorted(state.journalled) == ["first", "first", "second", "third"]


def test_a_commit_looks_only_into_queues_that_changed(state: State) -> None:
    class Once(list[dict[str, Any]]):
        """A queue through which nobody may go twice."""

        walks = 0

        def __iter__(self) -> Any:
            self.walks += 1
            return super().__iter__()

    messages = state.queue["messages"] = Once({"id": str(number)} for number in range(3))
    for _ in range(5):
        state.durability.commit()
    assert messages.walks == 1


def test_a_new_user_is_on_disk_before_the_answer(state: State) -> None:
    state.durability.commit("cognito")
    assert json.loads((state.folder / "cognito.json").read_text())["payload"] == ["ann"]
    state.users.add("bob")
    state.durability.commit("lambda")
    assert json.loads((state.folder / "cognito.json").read_text())["payload"] == ["ann"], "nothing of it was asked for"
    state.durability.commit("cognito")
    assert json.loads((state.folder / "cognito.json").read_text())["payload"] == ["ann", "bob"]


@pytest.mark.parametrize(
    ("state_of", "method", "path", "action", "committed"),
    [
        ("sqs", "POST", "/", "AmazonSQS.SendMessage", ""),
        ("sqs", "POST", "/", "AmazonSQS.CreateQueue", "sqs"),
        ("sqs", "POST", "/", "AmazonSQS.ReceiveMessage", None),
        ("sqs", "GET", "/", "", None),
        ("s3", "PUT", "/bucket", "", "s3"),
        ("s3", "PUT", "/bucket/key", "", ""),
        ("s3", "HEAD", "/bucket/key", "", None),
        ("lambda", "POST", "/2015-03-31/functions/f/invocations", "", ""),
        ("cloudwatch", "POST", "/", "X.PutMetricData", ""),
        ("cognito", "POST", "/", "X.SignUp", "cognito"),
    ],
)
async def test_answers_that_change_something_wait_for_the_disk(
    state: State,
    monkeypatch: pytest.MonkeyPatch,
    state_of: str,
    method: str,
    path: str,
    action: str,
    committed: str | None,
) -> None:
    commits: list[str] = []
    answered: tuple[int, dict[str, str], bytes] = (200, {}, b"done")

    async def handler(*_: Any) -> Any:
        return answered

    answer = state.durability.answering(handler, state_of)
    monkeypatch.setattr(state.durability, "commit", commits.append)
    assert await answer(method, path, {"x-amz-target": action}, b"", {}) == answered
    assert commits == ([] if committed is None else [committed])
    monkeypatch.setattr(state.durability, "commit", full)
    status, _, body = await answer(method, path, {"x-amz-target": action}, b"", {})
    assert status == (200 if committed is None else 500)
    if committed is not None:
        message = "what was sent could not be stored: No space left on device"
        assert json.loads(body) == {"__type": "InternalFailure", "message": message}


class Ended(BaseException):
    """Ends the thread that never ends."""


def rounds(outcomes: list[Exception | None]) -> Callable[..., None]:
    """Each call has the next outcome; then the thread ends."""
    left = iter(outcomes)

    def call(*_: Any) -> None:
        outcome = next(left, Ended())
        if outcome is not None:
            raise outcome

    return call


def test_the_thread_outlives_every_fault_and_compacts_when_it_can(
    state: State, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slept: list[float] = []
    compacted: list[float] = []
    monkeypatch.setattr(durability, "time", SimpleNamespace(sleep=slept.append, monotonic=lambda: sum(slept)))
    monkeypatch.setattr(state.durability, "commit", rounds([FULL, RuntimeError("changed"), None, None, None, None]))
    compact = rounds([FULL, None, None])

    def compacting() -> None:
        compacted.append(len(slept))
        compact()

    monkeypatch.setattr(state.durability, "compact", compacting)
    state.durability._changed.add("cognito")
    with caplog.at_level(logging.ERROR), pytest.raises(Ended):
        state.durability.run(2)
    assert compacted == [3, 4, 6]
    assert slept == [1.0] * 7
    assert (state.folder / "cognito.json").exists()
    texts = [record.getMessage() for record in caplog.records]
    assert texts == [
        f"{state.folder} cannot be written: {FULL}",
        f"what is kept in {state.folder} was not compacted",
        f"{state.folder} cannot be written: {FULL}",
    ]
