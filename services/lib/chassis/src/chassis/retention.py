"""What is kept for how long: rows of bookkeeping that nothing can ask for any more are deleted, a batch at a time.

The README lists every table that grows, with its retention and the reason. A service adds its own rules to
`Service.retention`; `Service.prune` runs with the relay, or with another schedule of a service that has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from psycopg import sql

from chassis.database import Connection, Database

__all__ = ["BUDGETS", "INBOX", "REPLAYS", "TURNS", "Rule", "delete_old", "prune"]

#: Rows deleted of one table in one run: a transaction of some milliseconds.
_BATCH = 1000


@dataclass(frozen=True, slots=True)
class Rule:
    """Rows of the table go once the time in the column, which has an index, is longer ago than `keep`."""

    table: str
    column: str
    keep: timedelta


#: A delivery is remembered for as long as it can come again: from the archive (30 days), then from a queue (4) and its
#: dead letters (14), and once more from both after a redrive. That is 66 days.
INBOX = Rule("inbox", "received_at", timedelta(days=90))
#: While the inbox remembers a replay's deliveries, the same order must be found as well.
REPLAYS = Rule("replays", "updated_at", timedelta(days=90))
TURNS = Rule("replay_turns", "ordered_at", timedelta(days=90))
BUDGETS = Rule("replay_budgets", "updated_at", timedelta(days=90))


def prune(database: Database, rules: Sequence[Rule], *, limit: int = _BATCH) -> dict[str, int]:
    """Delete up to `limit` rows by each rule; returns how many of which table, where there were any.

    Raises:
        TransientError: the database does not answer.
    """
    deleted: dict[str, int] = {}
    for rule in rules:
        with database.transaction() as connection:
            count = delete_old(connection, rule, limit=limit)
        if count:
            deleted[rule.table] = count
    return deleted


def delete_old(connection: Connection, rule: Rule, *, limit: int) -> int:
    """Delete the oldest rows that the rule does not keep, and that nobody holds; returns how many."""
    statement = sql.SQL(
        """
        DELETE FROM {table} WHERE ctid = ANY(ARRAY(
            SELECT ctid FROM {table} WHERE {column} < now() - %s
            ORDER BY {column} LIMIT %s FOR UPDATE SKIP LOCKED
        ))
        """
    ).format(table=sql.Identifier(rule.table), column=sql.Identifier(rule.column))
    return connection.execute(statement, (rule.keep, limit)).rowcount
