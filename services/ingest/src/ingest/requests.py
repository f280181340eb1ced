"""The `Accept` header of an API Gateway event (payload 2.0)."""

from collections.abc import Mapping
from typing import Any

from chassis.http import header, weights


def wants_image(event: Mapping[str, Any]) -> bool:
    """Whether the caller prefers a picture, as an `<img>` does, to JSON, by the weights of RFC 9110 (12.5.1)."""
    given = weights(header(event, "accept"))
    # Of equal weights, what is named goes before `*/*`: browsers ask for `image/avif,image/webp,*/*`.
    anything = (given.get("*/*", 0), False)
    json = next(((given[name], True) for name in ("application/json", "application/*") if name in given), anything)
    # Any type of picture will do: which it is shows only where the link leads.
    image = max(((weight, True) for name, weight in given.items() if name.startswith("image/")), default=anything)
    return image[0] > 0 and image > json
