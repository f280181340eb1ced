"""Faults of the outside world, which make a check fail; any other exception is a mistake of ours, not caught."""

from __future__ import annotations

from typing import Final

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chassis.migrations import MigrationError
from mesh.client import ApiError
from mesh.db.errors import DatabaseUnusableError
from mesh.verify.errors import CheckFailedError

# Their messages are sentences already.
_TOLD: Final = (CheckFailedError, ClientError, DatabaseUnusableError, MigrationError)
FAULTS: Final = (*_TOLD, ApiError, BotoCoreError, httpx.HTTPError, psycopg.Error, TimeoutError)


def sentence(fault: Exception) -> str:
    """The fault in one line; those that say little by themselves with the name of their kind."""
    text = " ".join(str(fault).split()) or "no reason given"
    return text if isinstance(fault, _TOLD) else f"{type(fault).__name__}: {text}"
