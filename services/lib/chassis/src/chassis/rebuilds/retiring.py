"""The end of the tables beside the live ones: after a while nobody goes on with a rebuild, or back from one."""

from psycopg import errors

from chassis.beside import FOLDING
from chassis.database import Database
from chassis.errors import TransientError
from chassis.observability import logger
from chassis.rebuilds import rows, tables

__all__ = ["retire"]


def retire(database: Database, schema: str) -> None:
    """Drop the tables that a rebuild has left beside those of the schema, if their time is over.

    Where a unit of work is in the way, a later run does it.

    Raises:
        TransientError: the database does not answer.
    """
    with database.transaction() as connection:
        if rows.past(connection) is None:
            return
    try:
        with database.transaction() as connection:
            rows.hold(connection)
            rebuild = rows.past(connection)
            if rebuild is not None:
                rows.turn(connection, rebuild.id, rows.CANCELLED if rebuild.state == FOLDING else rows.ENDED)
                tables.drop(connection, schema)
                logger.info("rebuild", extra={"rebuild": rebuild.id, "state": "ended"})
    except TransientError as error:
        if not isinstance(error.__cause__, errors.LockNotAvailable):
            raise
