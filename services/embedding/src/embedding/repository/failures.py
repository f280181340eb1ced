"""Analyses that could not be embedded."""

from chassis.database import Connection


def save(connection: Connection, tenant_id: str, item_id: str, analysis_version: int, analysis_id: str | None) -> None:
    """Store that the analysis has no vector (every one of that version where its id is None); twice changes nothing."""
    connection.execute(
        """
        INSERT INTO embedding_failures (tenant_id, item_id, analysis_version, analysis_id) VALUES (%s, %s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        (tenant_id, item_id, analysis_version, analysis_id),
    )


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the failures of an item."""
    connection.execute("DELETE FROM embedding_failures WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
