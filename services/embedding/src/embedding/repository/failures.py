"""Versions of descriptions that could not be embedded."""

from chassis.database import Connection


def save(connection: Connection, tenant_id: str, item_id: str, analysis_version: int) -> None:
    """Store that the version has no vector; saving it twice changes nothing."""
    connection.execute(
        """
        INSERT INTO embedding_failures (tenant_id, item_id, analysis_version) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (tenant_id, item_id, analysis_version),
    )


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the failures of an item."""
    connection.execute("DELETE FROM embedding_failures WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
