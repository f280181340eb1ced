"""The emulator writes its state when it stops; after a crash that would be too late.

What provisioning cannot recreate (users, their keys, conversations, the index of stored objects, queued
messages) is therefore written while it runs, every few seconds when it has changed.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
import threading
from pathlib import Path
from typing import Any, Final

SERVICES: Final = ("cognito", "dynamodb", "s3", "sqs")
_log = logging.getLogger("snapshots")


def keep_snapshots(app: Any, interval_s: float) -> threading.Thread:  # noqa: ANN401 - MiniStack is untyped
    """Start the thread that writes them; it stops when the emulator writes its final state."""
    ended = threading.Event()
    writing = threading.Lock()
    final = app.save_all

    def save_all(services: dict[str, Any]) -> None:
        ended.set()
        with writing:  # a snapshot under way must not overwrite the final state
            final(services)

    def keep() -> None:
        written: dict[str, bytes] = {}
        while not ended.wait(interval_s):
            with writing:
                if not ended.is_set():
                    write_snapshots(app, written)

    app.save_all = save_all
    thread = threading.Thread(target=keep, daemon=True, name="mesh-snapshots")
    thread.start()
    return thread


def write_snapshots(app: Any, written: dict[str, bytes]) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Write each service whose state differs from what `written` remembers (service -> digest)."""
    persistence = importlib.import_module("ministack.core.persistence")
    for name, get_state in app._build_persistence_save_dict().items():
        if name not in SERVICES:
            continue
        try:
            payload = get_state()
            if payload is None:
                continue
            version = persistence._state_format_version(name)
            content = {"__ministack_format__": version, "payload": payload}
            text = json.dumps(content, default=persistence._json_default).encode()
        except RuntimeError as error:  # a table changed while it was read: the next round will do
            _log.debug("snapshot of %s postponed: %s", name, error)
            continue
        digest = hashlib.sha256(text).digest()
        if written.get(name) != digest:
            target = Path(persistence.STATE_DIR) / f"{name}.json"
            fresh = target.with_suffix(".snapshot")
            fresh.write_bytes(text)
            fresh.replace(target)
            written[name] = digest
