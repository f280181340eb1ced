"""The table as an audit looks at it: folded into memory, and as it is.

What a message says is in no document that travels, so an item's texts are read as JSON, whose other parts can be
compared. When an item expires is a matter of settings, not of events.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from chassis.items import Kept
from chassis.projections import Projections
from sessions.projections import projections
from sessions.settings import SessionsSettings
from sessions.table import SessionTable, partition_of

#: The tenant and the id, which both sides have in common, and what settings decide.
_LEFT_OUT = frozenset({"pk", "sk", "user_id", "expires_at"})


class MemoryTable(SessionTable):
    """A table in memory."""

    def __init__(self) -> None:
        """It is empty."""
        self.kept: dict[str, dict[str, dict[str, Any]]] = {}

    def _get(self, key: dict[str, Any]) -> dict[str, Any] | None:
        return self.kept.get(key["pk"]["S"], {}).get(key["sk"]["S"])

    def _items(self, tenant_id: str, session_id: str, attributes: str | None = None) -> Iterator[dict[str, Any]]:
        yield from list(self.kept.get(partition_of(tenant_id, session_id), {}).values())

    def _put(self, item: dict[str, Any]) -> None:
        self.kept.setdefault(item["pk"]["S"], {})[item["sk"]["S"]] = item

    def _set_expiry(self, key: dict[str, Any], expires_at: dict[str, str]) -> None:
        item = self._get(key)
        if item is not None:
            item["expires_at"] = expires_at

    def _delete(self, keys: Iterable[dict[str, Any]]) -> None:
        for key in keys:
            self.kept.get(key["pk"]["S"], {}).pop(key["sk"]["S"], None)


class AuditedItems:
    """See `chassis.items.Items`."""

    table = "sessions"

    def __init__(self, table: SessionTable, settings: SessionsSettings) -> None:
        """`table` is the live one."""
        self._live = table
        self._memory = MemoryTable()
        self._projections = projections(self._memory, settings)

    @property
    def projections(self) -> Projections:
        """The folds into Postgres, and into memory."""
        return self._projections

    def take(self) -> Kept:
        """What was folded into memory, which is empty then."""
        taken, self._memory.kept = self._memory.kept, {}
        return _described(item for items in taken.values() for item in items.values())

    def live(self, subjects: Iterable[tuple[str, str]]) -> Kept:
        """What the table has of these conversations. Raises TransientError."""
        return _described(item for tenant, session in subjects for item in self._live.items(tenant, session))


def _described(items: Iterable[Mapping[str, Any]]) -> Kept:
    now, found = time.time(), Kept()
    for item in items:
        if float(item["expires_at"]["N"]) > now:
            tenant, _, session = item["pk"]["S"].rpartition("#")
            attributes = {name: _value(value) for name, value in item.items() if name not in _LEFT_OUT}
            found.setdefault((tenant, unquote(session)), {})[item["sk"]["S"]] = attributes
    return found


def _value(attribute: Mapping[str, Any]) -> Any:  # noqa: ANN401  # any JSON value
    [(kind, value)] = attribute.items()
    is_message = kind == "S" and value.startswith("{")
    return json.loads(value) if is_message else value
