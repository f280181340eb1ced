"""`candidates`: descriptions beside the live versions, one of an item and run."""

from typing import Any

from psycopg import sql
from psycopg.types.json import Jsonb

from analysis.describe import Result
from analysis.providers import Choice
from analysis.repository.analyses import result_of
from chassis.database import Connection
from contracts import Event
from contracts.analysis import CandidateAnalyzed


def add(connection: Connection, event: Event[CandidateAnalyzed]) -> None:
    """Store the candidate; of several of an item and run the newest counts."""
    data = event.data
    columns: dict[str, Any] = {
        "tenant_id": event.tenant_id,
        "item_id": event.subject,
        "run_id": data.run,
        "description": Jsonb(data.description.model_dump(mode="json")),
        "created_at": event.time,
    } | data.model_dump(exclude={"run", "description"})
    statement = sql.SQL(
        """
        INSERT INTO candidates AS c ({names}) VALUES ({values})
        ON CONFLICT (tenant_id, item_id, run_id) DO UPDATE SET {newer}
        WHERE (c.created_at, c.candidate_id) < (excluded.created_at, excluded.candidate_id)
        """
    ).format(
        names=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(map(sql.Placeholder, columns)),
        newer=sql.SQL(", ").join(sql.SQL("{0} = excluded.{0}").format(sql.Identifier(name)) for name in columns),
    )
    connection.execute(statement, columns)


def exists(connection: Connection, tenant_id: str, item_id: str, run_id: str) -> bool:
    """Whether the item has a candidate of the run."""
    row = connection.execute(
        "SELECT 1 FROM candidates WHERE tenant_id = %s AND item_id = %s AND run_id = %s", (tenant_id, item_id, run_id)
    ).fetchone()
    return row is not None


def find_result(connection: Connection, tenant_id: str, sha256: str, prompt_id: str, choice: Choice) -> Result | None:
    """What that model answered under that prompt about the same content, of any of the tenant's items."""
    row = connection.execute(
        """
        SELECT * FROM candidates
        WHERE tenant_id = %s AND sha256 = %s AND prompt_id = %s AND provider = %s AND model = %s
        ORDER BY created_at DESC LIMIT 1
        """,
        (tenant_id, sha256, prompt_id, choice.provider, choice.model),
    ).fetchone()
    return result_of(row) if row else None


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete the item's candidates, of every run."""
    connection.execute("DELETE FROM candidates WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
