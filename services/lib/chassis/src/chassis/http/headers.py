"""Headers of an API Gateway event (payload 2.0)."""

from collections.abc import Mapping
from typing import Any

__all__ = ["header"]


def header(event: Mapping[str, Any], name: str) -> str:
    """A header's value, whatever the case of its name; empty where it is missing."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for given, value in headers.items() if given.lower() == name), "")
