"""S3 as AWS has it: an object is stored before the answer, or refused; and its event is under way by then."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial
from pathlib import Path
from typing import Any, Final

from localmesh.emulator.disk import Disk

_WRITES: Final = frozenset({"PUT", "POST"})
# The events of the request that is being answered, and the objects it replaced.
_events: ContextVar[list[Callable[[], None]] | None] = ContextVar("events", default=None)
_replaced: ContextVar[dict[tuple[str, str], Any]] = ContextVar("replaced")


def correct(app: Any, s3: Any, disk: Disk) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Write objects for good, refuse what cannot be written, and send events before the answer."""
    s3._atomic_write = _writing(disk)
    s3._record_object_version = _remembering(s3._record_object_version)
    s3._persist_object = _refusing(s3, s3._persist_object)
    s3._fire_s3_event_async = _collecting(s3, s3._fire_s3_event_async)
    app.SERVICE_HANDLERS["s3"] = _answering(s3, app.SERVICE_HANDLERS["s3"], disk)


def _writing(disk: Disk) -> Callable[..., None]:
    def atomic_write(path: str, data: bytes | str, *, text: bool = False) -> None:
        disk.write(Path(path), data.encode() if isinstance(data, str) else data)

    return atomic_write


def _remembering(record: Callable[..., Any]) -> Callable[..., Any]:
    def record_object_version(bucket: str, key: str, prior: Any, obj: Any, data: Any) -> Any:  # noqa: ANN401 - untyped
        if (replaced := _replaced.get(None)) is not None:
            replaced[bucket, key] = prior
        return record(bucket, key, prior, obj, data)

    return record_object_version


def _refusing(s3: Any, persist: Callable[..., None]) -> Callable[..., None]:  # noqa: ANN401 - untyped
    """A body that is still in memory afterwards was not written: MiniStack has swallowed the error."""

    def persist_object(bucket: str, key: str, obj: Any) -> None:  # noqa: ANN401 - untyped
        persist(bucket, key, obj)
        path = s3._object_disk_path(bucket, key)
        if not isinstance(obj, dict) or obj.get("body") is None or path is None:
            return
        prior = _replaced.get({}).get((bucket, key))
        objects = s3._buckets[bucket]["objects"]
        if prior is None:
            objects.pop(key, None)
            s3._remove_key_files(path)
        else:
            objects[key] = prior
        versions = s3._object_versions.get((bucket, key)) or []
        versions[:] = [entry for entry in versions if entry["version_id"] != obj.get("version_id")]
        if versions:
            versions[-1]["is_latest"] = True
        raise OSError(f"{bucket}/{key} could not be written")

    return persist_object


def _collecting(s3: Any, fire: Callable[..., None]) -> Callable[..., None]:  # noqa: ANN401 - untyped
    def fire_event(bucket: str, key: str, name: str, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - untyped
        events = _events.get()
        if events is None:
            fire(bucket, key, name, *args, **kwargs)
        elif bucket in s3._bucket_notifications:
            sequencer = s3._next_event_sequencer(name)
            events.append(partial(s3._fire_s3_event, bucket, key, name, *args, sequencer=sequencer, **kwargs))

    return fire_event


def _answering(s3: Any, handler: Callable[..., Awaitable[Any]], disk: Disk) -> Callable[..., Awaitable[Any]]:  # noqa: ANN401
    def refused() -> Any:  # noqa: ANN401 - MiniStack's answer
        return s3._error("ServiceUnavailable", disk.fault() or "the object could not be written", 503)

    async def answer(method: str, path: str, headers: Any, body: Any, query: Any, *rest: Any, **more: Any) -> Any:  # noqa: ANN401 - untyped
        # Objects are deleted by POST, too: that is how room is made.
        if method in _WRITES and "delete" not in query and disk.fault() is not None:
            return refused()
        events: list[Callable[[], None]] = []
        _events.set(events)
        _replaced.set({})
        try:
            answered = await handler(method, path, headers, body, query, *rest, **more)
        except OSError:
            return refused()
        finally:
            _events.set(None)
        if events:
            await asyncio.to_thread(lambda: [send() for send in events])
        # What is not there may be what could not be written.
        return refused() if answered[0] == 404 and disk.fault() is not None else answered

    return answer
