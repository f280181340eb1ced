"""What was accepted since the last snapshot: one line for each message and item that came, changed or went.

Lines are idempotent and the last one about a thing counts, so that they may be replayed over a snapshot of any moment
since the journal began.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Final

from localmesh.emulator.disk import Disk

_PATTERN: Final = "journal-*.jsonl"
_log = logging.getLogger("journal")

Line = dict[str, Any]


class Journal:
    """The journal in one folder, in files of increasing number; the last is being written."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self._folder = folder
        self._disk = disk
        self._file: BinaryIO | None = None

    def append(self, lines: Sequence[Line], default: Any = None) -> None:  # noqa: ANN401 - json's `default`
        """Write the lines for good, or none of them: `OSError` when the disk does not take them."""
        content = b"".join(json.dumps(line, default=default).encode() + b"\n" for line in lines)
        file = self._file = self._file or self._next()
        begin = file.tell()
        try:
            left = memoryview(content)
            while left:  # a disk that is nearly full takes a part, and says so only when asked for the rest
                left = left[file.write(left) :]
            os.fdatasync(file.fileno())
        except OSError as error:
            self._forget(file, begin)
            self._disk.failed(error, len(content))
            raise

    def _forget(self, file: BinaryIO, begin: int) -> None:
        """Remove what was written of lines that are refused; where not even that works, nothing follows them."""
        try:
            file.seek(begin)
            file.truncate()
        except OSError:
            file.close()
            self._file = None

    def rotate(self) -> list[Path]:
        """Begin a new file; returns the older ones, which a snapshot from now on makes superfluous."""
        older = self._files()
        if self._file is not None:
            self._file.close()
            self._file = None
        return older

    def lines(self, object_hook: Any = None) -> Iterator[Line]:  # noqa: ANN401 - json's `object_hook`
        """All lines in order. Half a line at an end was never acknowledged, and is left out."""
        for path in self._files():
            for number, text in enumerate(path.read_bytes().split(b"\n"), 1):
                if text:
                    try:
                        yield json.loads(text, object_hook=object_hook)
                    except ValueError:
                        _log.warning("line %d of %s is incomplete and was left out", number, path)

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(_PATTERN))

    def _next(self) -> BinaryIO:
        last = self._files()[-1:]
        number = int(last[0].stem.removeprefix("journal-")) + 1 if last else 1
        path = self._folder / f"journal-{number:010}.jsonl"
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb", buffering=0)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return file
