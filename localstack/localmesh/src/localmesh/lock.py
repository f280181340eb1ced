"""One command at a time may start or stop a mesh; the next one waits."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from localmesh.errors import MeshBusyError

_POLL_S = 0.1


@contextmanager
def mesh_lock(file: Path, report: Callable[[str], None], timeout_s: float = 240.0) -> Iterator[None]:
    """Hold the lock; waits up to `timeout_s` seconds for its holder, then raises `MeshBusyError`.

    The system releases it when its holder dies, so it is never left behind.
    """
    deadline = time.monotonic() + timeout_s
    reported = False
    with file.open("a+", encoding="ascii") as held:
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = file.read_text(encoding="ascii").strip() or "unknown"
                if time.monotonic() > deadline:
                    raise MeshBusyError(f"process {holder} is still starting or stopping this mesh") from None
                if not reported:
                    report(f"waiting for process {holder}, which is starting or stopping this mesh")
                    reported = True
                time.sleep(_POLL_S)
        held.truncate(0)
        held.write(str(os.getpid()))
        held.flush()
        yield
