"""Whether the database answers."""

from chassis.database import Connection


def answer(connection: Connection) -> None:
    """Return once the database has answered.

    Raises:
        psycopg.Error: it has not within two seconds.
    """
    connection.execute("SET LOCAL statement_timeout = 2000")
    connection.execute("SELECT 1")
