"""External faults, which make a check fail; any other exception is a bug and is not caught."""

from __future__ import annotations

from typing import Final

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chassis.migrations import MigrationError
from mesh.client import ApiError
from mesh.db.errors import DatabaseUnusableError
from mesh.functions import FunctionFailedError
from mesh.verify.errors import CheckFailedError

# Errors whose messages are complete sentences.
_TOLD: Final = (CheckFailedError, ClientError, DatabaseUnusableError, FunctionFailedError, MigrationError)
FAULTS: Final = (*_TOLD, ApiError, BotoCoreError, httpx.HTTPError, psycopg.Error, TimeoutError)


def sentence(fault: Exception) -> str:
    """The fault in one line, prefixed by its type where the message alone is unclear."""
    text = " ".join(str(fault).split()) or "no reason given"
    return text if isinstance(fault, _TOLD) else f"{type(fault).__name__}: {text}"
