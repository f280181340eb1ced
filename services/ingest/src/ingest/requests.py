"""Parts of an API Gateway event (payload 2.0) that are read by hand: raw bodies and the `Accept` header."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ingest.errors import MalformedUploadError


def header(event: Mapping[str, Any], name: str) -> str:
    """A header's value, whatever the case of its name; empty where it is missing."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for given, value in headers.items() if given.lower() == name.lower()), "")


def body(event: Mapping[str, Any]) -> bytes:
    """The request body as it was sent.

    Raises:
        MalformedUploadError: the gateway marks it as base64, and it is not.
    """
    text: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedUploadError("the request body is damaged") from error


def wants_image(event: Mapping[str, Any]) -> bool:
    """Whether the caller expects a picture, as an `<img>` does, and did not ask for JSON."""
    accepted = [entry.split(";", 1)[0].strip().lower() for entry in header(event, "accept").split(",")]
    return "application/json" not in accepted and any(entry.startswith("image/") for entry in accepted)
