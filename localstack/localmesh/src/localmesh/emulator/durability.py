"""What the emulator accepts, it keeps: everything is on disk before the answer is sent.

MiniStack writes its state when it is stopped. Here messages of queues and items of tables go to a journal, which costs
as much as what changed; users, functions, rules and the like are few, and written as a whole. Archives of events and
logs are as of the last clean stop.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from localmesh.emulator.disk import Disk
from localmesh.emulator.journal import Journal, Line

Handler = Callable[[str, str, dict[str, str], bytes, dict[str, Any]], Awaitable[tuple[int, dict[str, str], bytes]]]

#: Their contents are journalled; what they are (attributes, keys) is written as a whole.
_JOURNALLED: Final = frozenset({"sqs", "dynamodb"})
_LOSES: Final = frozenset({"cloudwatch", "cloudwatch_logs"})
# Written before the answer: nothing creates them again.
_AT_ONCE: Final = frozenset({"sqs", "dynamodb", "cognito"})
_TICK_S: Final = 1.0
_READS: Final = ("Get", "List", "Describe", "BatchGet", "TransactGet", "Query", "Scan", "Receive", "Filter")
_CONTENTS: Final = frozenset(
    {
        "SendMessage", "SendMessageBatch", "DeleteMessage", "DeleteMessageBatch", "PurgeQueue", "PutEvents",
        "ChangeMessageVisibility", "ChangeMessageVisibilityBatch",
        "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems",
    }
)  # fmt: skip
_log = logging.getLogger("durability")


def keep(app: Any, modules: Mapping[str, Any], disk: Disk, snapshot_s: float) -> None:  # noqa: ANN401 - untyped
    """Let the application of MiniStack answer after what it accepted is on disk, and find it again when it starts."""
    durability = Durability(app, modules, disk)
    load, final = app._load_persisted_state, app.save_all

    def load_persisted_state() -> None:
        load()
        durability.restore()

    def save_all(services: dict[str, Any]) -> None:
        final({name: state for name, state in services.items() if name not in _JOURNALLED})
        durability.compact()

    app._load_persisted_state, app.save_all = load_persisted_state, save_all
    for name, config in app.SERVICE_REGISTRY.items():
        state = config.get("state_key", config["module"])
        app.SERVICE_HANDLERS[name] = durability.answering(app.SERVICE_HANDLERS[name], state)
    threading.Thread(target=durability.run, args=(snapshot_s,), daemon=True, name="mesh-durability").start()


class Durability:
    """The state of one emulator and what of it is on disk."""

    def __init__(self, app: Any, modules: Mapping[str, Any], disk: Disk) -> None:  # noqa: ANN401 - untyped
        self._app = app
        self._persistence = modules["ministack.core.persistence"]
        self._sqs, self._dynamodb = modules["ministack.services.sqs"], modules["ministack.services.dynamodb"]
        self._folder = Path(self._persistence.STATE_DIR)
        self._disk = disk
        self._journal = Journal(self._folder, disk)
        self._lock, self._noting = threading.Lock(), threading.Lock()
        self._queued: dict[tuple[str, ...], list[str]] = {}
        self._touched: dict[tuple[str, Any, Any], dict[str, Any]] = {}
        self._changed: set[str] = set()
        self._written: dict[str, bytes] = {}
        self._watch_items()

    def answering(self, handler: Handler, state: str) -> Handler:
        """The handler of a service, whose answers wait for the disk: 500 when that does not take what was sent."""

        async def answer(
            method: str, path: str, headers: dict[str, str], body: bytes, query: dict[str, Any]
        ) -> tuple[int, dict[str, str], bytes]:
            answered = await handler(method, path, headers, body, query)
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            if method in {"GET", "HEAD"} or action.startswith(_READS):
                return answered
            in_bucket = state == "s3" and "/" in path.strip("/")
            contents = action in _CONTENTS or in_bucket or path.endswith("/invocations")
            try:
                await asyncio.to_thread(self.commit, "" if contents or state in _LOSES else state)
            except OSError as error:
                message = f"what was sent could not be stored: {error.strerror or error}"
                fault = json.dumps({"__type": "InternalFailure", "message": message})
                return 500, {"Content-Type": "application/x-amz-json-1.0"}, fault.encode()
            return answered

        return answer

    def commit(self, state: str = "") -> None:
        """Write what came, changed or went since the last commit, and the whole `state` of a service that changed."""
        with self._lock:
            if state:
                self._changed.add(state)
            if state in _AT_ONCE:
                self._snapshot({state})
            queues = dict(self._sqs._queues._data)
            moved = {key: found for key, queue in queues.items() if (found := self._moved(key, queue)) is not None}
            with self._noting:
                touched, self._touched = self._touched, {}
            lines = [*self._message_lines(moved), *self._item_lines(touched)]
            if lines:
                try:
                    self._journal.append(lines, self._persistence._json_default)
                except OSError:
                    with self._noting:
                        self._touched = {**touched, **self._touched}
                    raise
            queued = {**self._queued, **{key: list(messages) for key, messages in moved.items()}}
            self._queued = {key: queued[key] for key in queues}

    def compact(self) -> None:
        """Write queues and tables as a whole, so that the journal up to now is not needed any more."""
        with self._lock:
            older = self._journal.rotate()
            if older and self._snapshot(_JOURNALLED) == _JOURNALLED:
                for path in older:
                    path.unlink()

    def run(self, snapshot_s: float) -> None:
        """What nobody waits for: never ends."""
        compacted = time.monotonic()
        while True:
            time.sleep(min(_TICK_S, snapshot_s))
            try:
                with self._lock:
                    self._snapshot(set(self._changed))
                self.commit()
                if time.monotonic() - compacted >= snapshot_s:
                    self.compact()
                    compacted = time.monotonic()
            except OSError as error:
                _log.error("%s cannot be written: %s", self._folder, error)
            except Exception:
                # Without this thread the journal would grow for ever; answers go on being written by `commit`.
                _log.exception("what is kept in %s was not compacted", self._folder)

    def restore(self) -> None:
        """Replay the journal, and give back at once the messages whose receivers ended with the last emulator."""
        tables = {table.get("TableArn"): table for table in self._dynamodb._tables._data.values()}
        queues = self._sqs._queues._data
        for line in self._journal.lines(self._persistence._json_object_hook):
            if "queue" in line and (queue := queues.get(tuple(line["queue"]))) is not None:
                _replay_message(queue, line)
            elif "table" in line and (table := tables.get(line["table"])) is not None:
                partition, sort = line["key"]
                change = self._dynamodb._remove_item if line["item"] is None else self._dynamodb._set_item
                change(table, partition, sort, *([] if line["item"] is None else [line["item"]]))
        for queue in queues.values():
            give_back(queue["messages"])
        self._touched.clear()
        self._queued = {key: [message["id"] for message in queue["messages"]] for key, queue in queues.items()}

    def _watch_items(self) -> None:
        set_item, remove_item = self._dynamodb._set_item, self._dynamodb._remove_item

        def set_and_note(table: dict[str, Any], partition: Any, sort: Any, item: Any) -> Any:  # noqa: ANN401 - untyped
            before = set_item(table, partition, sort, item)
            self._note(table, partition, sort)
            return before

        def remove_and_note(table: dict[str, Any], partition: Any, sort: Any) -> Any:  # noqa: ANN401 - untyped
            before = remove_item(table, partition, sort)
            self._note(table, partition, sort)
            return before

        self._dynamodb._set_item, self._dynamodb._remove_item = set_and_note, remove_and_note

    def _note(self, table: dict[str, Any], partition: Any, sort: Any) -> None:  # noqa: ANN401 - untyped
        with self._noting:
            self._touched[table.get("TableArn", ""), partition, sort] = table

    def _moved(self, key: tuple[str, ...], queue: dict[str, Any]) -> dict[str, Any] | None:
        """The queue's messages by their ids; None where none has come or gone since the last commit.

        Messages come at the end alone: where there are as many as before, and the last one is the same, all are. So a
        commit costs what has changed, however many messages wait in other queues.
        """
        with self._sqs._queues_lock:
            messages, before = queue["messages"], self._queued.get(key)
            last = messages[-1]["id"] if messages else None
            if before is not None and len(before) == len(messages) and (before[-1] if before else None) == last:
                return None
            return {message["id"]: message for message in messages}

    def _message_lines(self, moved: Mapping[tuple[str, ...], Mapping[str, Any]]) -> Iterable[Line]:
        for key, messages in moved.items():
            before = set(self._queued.get(key, ()))
            for name in messages.keys() - before:
                yield {"queue": key, "id": name, "message": dict(messages[name])}
            for name in before - messages.keys():
                yield {"queue": key, "id": name, "message": None}

    def _item_lines(self, touched: Mapping[tuple[str, Any, Any], dict[str, Any]]) -> Iterable[Line]:
        for (arn, partition, sort), table in touched.items():
            yield {"table": arn, "key": [partition, sort], "item": table["items"].get(partition, {}).get(sort)}

    def _snapshot(self, names: Iterable[str]) -> set[str]:
        """Write the states that differ from what was written last; returns those that are on disk now."""
        done, wanted = set(), set(names)
        for name, get_state in self._app._build_persistence_save_dict().items():
            if name not in wanted:
                continue
            try:
                state = get_state()
                content = {"__ministack_format__": self._persistence._state_format_version(name), "payload": state}
                text = json.dumps(content, default=self._persistence._json_default).encode()
            except RuntimeError as error:  # it changed while it was read: the next round will do
                _log.debug("the snapshot of %s is postponed: %s", name, error)
                continue
            digest = hashlib.sha256(text).digest()
            if state is not None and self._written.get(name) != digest:
                self._disk.write(self._folder / f"{name}.json", text)
                self._written[name] = digest
            done.add(name)
            self._changed.discard(name)
        return done


def give_back(messages: Iterable[dict[str, Any]]) -> None:
    """Make visible what somebody had received who is gone; that delivery does not count."""
    now = time.time()
    for message in messages:
        if message["receive_count"] and message["visible_at"] > now:
            message["visible_at"] = now
            message["receive_count"] -= 1


def _replay_message(queue: dict[str, Any], line: Line) -> None:
    kept = [message for message in queue["messages"] if message["id"] != line["id"]]
    queue["messages"] = [*kept, line["message"]] if line["message"] is not None else kept
