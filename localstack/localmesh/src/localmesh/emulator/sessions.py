"""Temporary credentials outlive the emulator, as they outlive everything but their hour in AWS.

Functions of the emulator's Lambda get new ones with each worker; processes that assumed a role themselves keep theirs,
and cannot know that they were forgotten.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localmesh.emulator.disk import Disk


def keep(sts: Any, folder: Path, disk: Disk) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Know the sessions of before, and write each new one that has an end before it is handed out."""
    file = folder / "assumed-roles.json"  # MiniStack has a sts.json of its own
    if file.exists():
        sts._sessions.update(json.loads(file.read_text(encoding="utf-8")))
    sts.register_session = _writing(sts, sts.register_session, file, disk)


def _writing(
    sts: Any,  # noqa: ANN401 - untyped
    original: Callable[[str, dict[str, Any]], None],
    file: Path,
    disk: Disk,
) -> Callable[[str, dict[str, Any]], None]:
    one_at_a_time = threading.Lock()

    def register_session(access_key: str, session: dict[str, Any]) -> None:
        original(access_key, session)
        if "Expiration" not in session:
            return
        with one_at_a_time:
            lasting = {key: one for key, one in list(sts._sessions.items()) if "Expiration" in one}
            disk.write(file, json.dumps(lasting).encode())

    return register_session
