"""The weights in `Accept` and `Accept-Encoding` (RFC 9110, 12.4.2)."""

import re
from collections.abc import Sequence

__all__ = ["weights"]

_QVALUE = re.compile(r"0(\.[0-9]*)?|1(\.0*)?")


def weights(accepted: str) -> dict[str, float]:
    """What the header names, in lower case, and its weight; the highest where it is named more than once."""
    found: dict[str, float] = {}
    for entry in accepted.split(","):
        name, *parameters = (part.strip().lower() for part in entry.split(";"))
        found[name] = max(_weight(parameters), found.get(name, 0))
    return found


def _weight(parameters: Sequence[str]) -> float:
    """`q`, 1 where there is none; 0 where it is no number from 0 to 1."""
    q = next((text for name, _, text in (p.partition("=") for p in parameters) if name.strip() == "q"), "1").strip()
    return float(q) if _QVALUE.fullmatch(q) else 0.0
