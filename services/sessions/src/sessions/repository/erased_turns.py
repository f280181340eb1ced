"""The table `erased_turns`: turns of which nothing that was said is kept."""

from collections.abc import Sequence
from datetime import datetime

from chassis.database import Connection
from contracts.chat import ErasedTurn


def add(connection: Connection, tenant_id: str, session_id: str, turns: Sequence[ErasedTurn]) -> None:
    """Mark the turns."""
    connection.execute(
        """
        INSERT INTO erased_turns (tenant_id, session_id, at, turn)
        SELECT %s, %s, at, turn FROM unnest(%s::timestamptz[], %s::integer[]) AS erased (at, turn)
        ON CONFLICT DO NOTHING
        """,
        (tenant_id, session_id, [each.completed_at for each in turns], [each.turn for each in turns]),
    )


def contains(connection: Connection, tenant_id: str, session_id: str, *, at: datetime, turn: int) -> bool:
    """Whether that turn is marked."""
    row = connection.execute(
        "SELECT 1 FROM erased_turns WHERE tenant_id = %s AND session_id = %s AND at = %s AND turn = %s",
        (tenant_id, session_id, at, turn),
    ).fetchone()
    return row is not None
