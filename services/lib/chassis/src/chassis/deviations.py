"""Rows that are not what other tables of the same service say: what `mesh audit` cannot compare with events."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Deviation"]


@dataclass(frozen=True, slots=True)
class Deviation:
    """Rows of the table that are not what other tables of the service say.

    They are about that subject, or about the whole tenant where it is empty.
    """

    table: str
    kind: Literal["missing", "extra", "stale"]
    subject: str = ""
    columns: tuple[str, ...] = ()
