"""Files that only their owner may read.

PrivateFileError    the file cannot be written
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from pathlib import Path

from workspace import OperatorError


class PrivateFileError(OperatorError):
    """The file cannot be written; what was there stays."""


def write_private(path: Path, text: str) -> None:
    """Write or replace a file, whole or not at all, with mode 0600 from its first byte on; a link stays a link.

    Raises PrivateFileError.
    """
    target = path.resolve()
    fresh = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(text.encode())
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(target)
    except OSError as error:
        raise PrivateFileError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # usually it has been renamed to the target
            fresh.unlink()
