"""When a provider asks to be called again."""

import math
from collections.abc import Mapping

__all__ = ["retry_after_s"]


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds by the header `Retry-After`; None where it is absent or no number of seconds (it may be a date)."""
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    try:
        seconds = float(given)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
