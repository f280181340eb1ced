"""Hits in the order of time, and pages of them: each begins after the last item of the page before."""

from dataclasses import dataclass
from typing import LiteralString

from psycopg import sql

from retrieval.query import Order

#: Of all that was found.
IN_TIME = sql.SQL("""in_time AS (
    SELECT item_id, score, bm25, similarity, row_number() OVER (ORDER BY {order}) AS rank
      FROM (SELECT f.item_id, f.score, f.bm25, f.similarity, d.added_at, d.taken_at
              FROM found f JOIN documents d ON d.tenant_id = %(tenant)s AND d.item_id = f.item_id
             WHERE true {after}
             ORDER BY {order} LIMIT %(shown)s) AS d
)""")


@dataclass(frozen=True, slots=True)
class TimeOrder:
    """An order by a time of the documents `d`; `missing` stands for one that an item has not."""

    column: LiteralString
    type: LiteralString
    missing: LiteralString
    is_descending: bool

    @property
    def order(self) -> sql.Composed:
        """By that time, then by item."""
        direction = sql.SQL("DESC" if self.is_descending else "ASC")
        return sql.SQL("{time} {direction}, d.item_id").format(time=self._known(self.column), direction=direction)

    def after(self, *, is_next: bool) -> sql.Composed:
        """The condition on what is on a page, if it is one after another."""
        if not is_next:
            return sql.Composed([])
        return sql.SQL("AND ({time} {follows} {last} OR {time} = {last} AND d.item_id > %(after_item)s)").format(
            time=self._known(self.column),
            follows=sql.SQL("<" if self.is_descending else ">"),
            last=self._known("%(after_time)s"),
        )

    def _known(self, time: LiteralString) -> sql.SQL:
        return sql.SQL(f"coalesce({time}::{self.type}, '{self.missing}')")


ORDERS = {
    Order.NEWEST: TimeOrder("d.added_at", "timestamptz", "-infinity", is_descending=True),
    Order.OLDEST: TimeOrder("d.added_at", "timestamptz", "-infinity", is_descending=False),
    Order.TAKEN_NEWEST: TimeOrder("d.taken_at", "timestamp", "-infinity", is_descending=True),
    Order.TAKEN_OLDEST: TimeOrder("d.taken_at", "timestamp", "infinity", is_descending=False),
}
