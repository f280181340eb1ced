"""Faults of the outside world, which make a check fail; any other exception is a mistake of ours, not caught."""

from __future__ import annotations

from typing import Final

import httpx
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from mesh.client import ApiError
from mesh.verify.errors import CheckFailedError

FAULTS: Final = (CheckFailedError, ApiError, BotoCoreError, ClientError, httpx.HTTPError, psycopg.Error, TimeoutError)


def sentence(fault: Exception) -> str:
    """The fault in one line; those that say little by themselves with the name of their kind."""
    text = " ".join(str(fault).split()) or "no reason given"
    return text if isinstance(fault, CheckFailedError | ClientError) else f"{type(fault).__name__}: {text}"
