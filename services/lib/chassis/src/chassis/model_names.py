"""Which models of a provider callers may name: those that a setting lists. No other is called or stored."""

from collections.abc import Collection
from http import HTTPStatus

from chassis.errors import ProblemError

__all__ = ["listed", "require_listed"]


def listed(names: str, *configured: str) -> frozenset[str]:
    """The names in a setting, separated by commas, and the configured ones."""
    return frozenset(name.strip() for name in names.split(",") if name.strip()) | frozenset(configured)


def require_listed(model: str, known: Collection[str], *, field: str = "model", code: str = "unknown-model") -> None:
    """Check a name that a caller gave in that field.

    Raises:
        ProblemError: 422, it is not among the known; `allowed` names them.
    """
    if model not in known:
        allowed = sorted(known)
        detail = f"{field} is one of: {', '.join(allowed)}"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, code, detail, allowed=allowed)
