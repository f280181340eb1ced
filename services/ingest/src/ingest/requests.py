"""The `Accept` header of an API Gateway event (payload 2.0)."""

from collections.abc import Mapping
from typing import Any

from chassis.http import header


def wants_image(event: Mapping[str, Any]) -> bool:
    """Whether the caller expects a picture, as an `<img>` does, and did not ask for JSON."""
    accepted = [entry.split(";", 1)[0].strip().lower() for entry in header(event, "accept").split(",")]
    return "application/json" not in accepted and any(entry.startswith("image/") for entry in accepted)
