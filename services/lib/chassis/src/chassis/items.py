"""What a service folds events into beside its tables in Postgres, for whoever compares it with the log."""

from collections.abc import Iterable
from typing import Any, Protocol

from chassis.projections import Projections

__all__ = ["Items", "Kept"]

#: By (tenant, id of an item or conversation): key within it -> attributes.
Kept = dict[tuple[str, str], dict[str, dict[str, Any]]]


class Items(Protocol):
    """Items of a table in DynamoDB. What has expired by now is in neither answer: DynamoDB may have removed it."""

    @property
    def table(self) -> str:
        """The table's name in the manifest."""

    @property
    def projections(self) -> Projections:
        """The service's folds, into Postgres, and into memory in place of the table."""

    def take(self) -> Kept:
        """What was folded into memory, which is empty then."""

    def live(self, subjects: Iterable[tuple[str, str]]) -> Kept:
        """What the table has of these. Raises TransientError when DynamoDB does not answer."""
