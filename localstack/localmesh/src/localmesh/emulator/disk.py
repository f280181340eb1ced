"""Files of the emulator's state, written so that they survive a power cut; and what is wrong with their disk."""

from __future__ import annotations

import os
import shutil
import threading
import time
from pathlib import Path
from typing import Final

#: Less than this is no place to accept an upload.
LEAST_FREE_BYTES: Final = 32_000_000
_LARGEST_PROBE_BYTES: Final = 16_000_000
_LOOK_EVERY_S: Final = 1.0


class Disk:
    """The disk below one folder: `fault` says what is wrong with it, None while it can be written.

    After a failed write it stays at fault until as many bytes can be written again.
    """

    def __init__(self, folder: Path, least_free_bytes: int = LEAST_FREE_BYTES) -> None:
        self._folder = folder
        self._least_free_bytes = least_free_bytes
        self._failed: OSError | None = None
        self._failed_bytes = 0
        self._looked = 0.0
        self._fault: str | None = None
        self._lock = threading.Lock()

    def fault(self) -> str | None:
        """Looks at most once a second."""
        with self._lock:
            if time.monotonic() - self._looked >= _LOOK_EVERY_S:
                self._fault = self._look()
                self._looked = time.monotonic()
            return self._fault

    def failed(self, error: OSError, size: int) -> None:
        """Note that so many bytes could not be written."""
        with self._lock:
            self._failed, self._failed_bytes = error, size
            self._fault, self._looked = self._text(error), time.monotonic()

    def write(self, path: Path, content: bytes) -> None:
        """Replace a file as a whole, for good; `OSError` (and a fault) when the disk does not take it."""
        fresh = path.with_name(f"{path.name}.tmp")
        try:
            with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            self.failed(error, len(content))
            raise

    def _look(self) -> str | None:
        free = shutil.disk_usage(self._folder).free
        if free < self._least_free_bytes:
            return f"{self._folder} is on a disk with {free // 1_000_000} MB free"
        if self._failed is None:
            return None
        probe = self._folder / ".probe"
        try:
            probe.write_bytes(bytes(min(self._failed_bytes, _LARGEST_PROBE_BYTES)))
        except OSError as error:
            return self._text(error)
        finally:
            probe.unlink(missing_ok=True)
        self._failed = None
        return None

    def _text(self, error: OSError) -> str:
        return f"{self._folder} cannot be written: {error.strerror or error}"
