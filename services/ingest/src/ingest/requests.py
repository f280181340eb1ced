"""The `Accept` header of an API Gateway event (payload 2.0)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from chassis.http import header

_QVALUE = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")


def wants_image(event: Mapping[str, Any]) -> bool:
    """Whether the caller prefers a picture, as an `<img>` does, to JSON, by the weights of RFC 9110 (12.5.1)."""
    weights: dict[str, float] = {}
    for entry in header(event, "accept").split(","):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        weights[media_range] = max(_weight(parameters), weights.get(media_range, 0))
    anything = weights.get("*/*", 0)
    json = next((weights[name] for name in ("application/json", "application/*") if name in weights), anything)
    # Any type of picture will do: which it is shows only where the link leads.
    image = max((weight for name, weight in weights.items() if name.startswith("image/")), default=anything)
    return image > json


def _weight(parameters: Sequence[str]) -> float:
    """`q` of a media range, 1 where it has none; 0 where it is no number from 0 to 1."""
    q = next((text for name, _, text in (p.partition("=") for p in parameters) if name.strip() == "q"), "1").strip()
    return float(q) if _QVALUE.fullmatch(q) else 0.0
