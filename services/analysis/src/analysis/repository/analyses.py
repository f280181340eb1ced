"""`analyses`: every version of every item's description."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from analysis.describe import Result
from analysis.providers import Choice
from analysis.repository.pictures import PictureRecord
from chassis.database import Connection
from contracts import Event
from contracts.analysis import Description, ItemAnalyzed


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """One version of an item's description; `sha256` of the original, None where its event was before 1.1.

    `run_id` is of the run that an operator ordered, `restores` the version that it repeats after a rollback.
    """

    analysis_id: str
    item_id: str
    version: int
    sha256: str | None
    result: Result
    created_at: datetime
    run_id: str | None = None
    restores: int | None = None

    @classmethod
    def of(cls, event: Event[ItemAnalyzed]) -> "AnalysisRecord":
        """The version that the event describes."""
        data = event.data
        result = Result(
            description=data.description,
            provider=data.provider,
            model=data.model,
            prompt_id=data.prompt_id,
            trace_id=data.trace_id,
            input_tokens=data.input_tokens,
            output_tokens=data.output_tokens,
            cost_usd=data.cost_usd,
        )
        return cls(
            data.analysis_id, event.subject, data.version, data.sha256, result, event.time, data.run, data.restores
        )


def add(connection: Connection, tenant_id: str, record: AnalysisRecord) -> None:
    """Store the version; storing it twice changes nothing."""
    result = record.result
    connection.execute(
        """
        INSERT INTO analyses (analysis_id, tenant_id, item_id, version, description, provider, model, prompt_id,
                              sha256, trace_id, input_tokens, output_tokens, cost_usd, created_at, run_id,
                              restores)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (analysis_id) DO NOTHING
        """,
        (
            record.analysis_id,
            tenant_id,
            record.item_id,
            record.version,
            Jsonb(result.description.model_dump(mode="json")),
            result.provider,
            result.model,
            result.prompt_id,
            record.sha256,
            result.trace_id,
            result.input_tokens,
            result.output_tokens,
            result.cost_usd,
            record.created_at,
            record.run_id,
            record.restores,
        ),
    )


def latest_version(connection: Connection, tenant_id: str, item_id: str) -> int:
    """The number of the item's newest version, as recorded; 0 when it is not described.

    Read from the events: while the table is folded again, a version that it does not hold yet must not be given twice.
    """
    row = connection.execute(
        """
        SELECT coalesce(max((event->'data'->>'version')::integer), 0) AS version FROM events
        WHERE tenant_id = %s AND stream_id = %s AND type LIKE %s
        """,
        (tenant_id, item_id, f"{ItemAnalyzed.fact()}.v%"),
    ).fetchone()
    return int(row["version"]) if row else 0


def find_result(connection: Connection, tenant_id: str, sha256: str, prompt_id: str, choice: Choice) -> Result | None:
    """What that model answered under that prompt about the same content, of any of the tenant's items."""
    row = connection.execute(
        """
        SELECT * FROM analyses
        WHERE tenant_id = %s AND sha256 = %s AND prompt_id = %s AND provider = %s AND model = %s
        ORDER BY created_at DESC LIMIT 1
        """,
        (tenant_id, sha256, prompt_id, choice.provider, choice.model),
    ).fetchone()
    return result_of(row) if row else None


def is_described(connection: Connection, picture: PictureRecord) -> bool:
    """Whether the item has a description of this content, by whatever model.

    One without a hash is taken to be of the item's picture, so that old pictures are not paid for again.
    """
    row = connection.execute(
        """
        SELECT 1 FROM analyses
        WHERE tenant_id = %s AND item_id = %s AND (sha256 = %s OR sha256 IS NULL) LIMIT 1
        """,
        (picture.tenant_id, picture.item_id, picture.sha256),
    ).fetchone()
    return row is not None


def is_described_by(connection: Connection, picture: PictureRecord, prompt_id: str, choice: Choice) -> bool:
    """Whether the item has a description of this content by that model under that prompt; one without a hash counts."""
    row = connection.execute(
        """
        SELECT 1 FROM analyses
        WHERE tenant_id = %s AND item_id = %s AND (sha256 = %s OR sha256 IS NULL)
          AND prompt_id = %s AND provider = %s AND model = %s LIMIT 1
        """,
        (picture.tenant_id, picture.item_id, picture.sha256, prompt_id, choice.provider, choice.model),
    ).fetchone()
    return row is not None


def is_by(record: AnalysisRecord | None, picture: PictureRecord, prompt_id: str, choice: Choice) -> bool:
    """Whether a version is of this content, by that model under that prompt; one without a hash is taken to be."""
    if record is None or record.sha256 not in {picture.sha256, None}:
        return False
    result = record.result
    return (result.prompt_id, result.provider, result.model) == (prompt_id, choice.provider, choice.model)


def made(
    connection: Connection,
    tenant_id: str,
    item_id: str,
    *,
    before: int | None = None,
    version: int | None = None,
) -> AnalysisRecord | None:
    """The version in which the item's current description was made: what a rollback has recorded repeats another.

    `before` looks at the versions before that one, `version` at that one alone.
    """
    row = connection.execute(
        """
        SELECT made.* FROM (
            SELECT coalesce(restores, version) AS version FROM analyses
            WHERE tenant_id = %(tenant)s AND item_id = %(item)s
              AND (%(before)s::integer IS NULL OR version < %(before)s)
              AND (%(version)s::integer IS NULL OR version = %(version)s)
            ORDER BY analyses.version DESC LIMIT 1
        ) AS latest
        JOIN analyses AS made USING (version)
        WHERE made.tenant_id = %(tenant)s AND made.item_id = %(item)s
        """,
        {"tenant": tenant_id, "item": item_id, "before": before, "version": version},
    ).fetchone()
    return _analysis(row) if row else None


def before_run(connection: Connection, tenant_id: str, item_id: str, run_id: str) -> AnalysisRecord | None:
    """The version that was current before the run; None where the current one is not the run's, or there was none."""
    current = made(connection, tenant_id, item_id)
    while current is not None and current.run_id == run_id:
        earlier = made(connection, tenant_id, item_id, before=current.version)
        if earlier is None or earlier.run_id != run_id:
            return earlier
        current = earlier
    return None


def usual_tokens(connection: Connection) -> tuple[int, int] | None:
    """Tokens in and out of a description: the average of those paid for last, of any tenant; None before the first."""
    row = connection.execute(
        """
        SELECT avg(input_tokens)::integer AS asked, avg(output_tokens)::integer AS answered
        FROM (
            SELECT input_tokens, output_tokens FROM analyses WHERE cost_usd > 0 ORDER BY created_at DESC LIMIT 200
        ) AS latest
        """
    ).fetchone()
    return (row["asked"], row["answered"]) if row and row["asked"] else None


def find_latest(connection: Connection, tenant_id: str, item_id: str) -> AnalysisRecord | None:
    """The item's newest version."""
    found = versions(connection, tenant_id, item_id, limit=1)
    return found[0] if found else None


def versions(connection: Connection, tenant_id: str, item_id: str, *, limit: int = 1000) -> list[AnalysisRecord]:
    """The item's versions, newest first."""
    rows = connection.execute(
        "SELECT * FROM analyses WHERE tenant_id = %s AND item_id = %s ORDER BY version DESC LIMIT %s",
        (tenant_id, item_id, limit),
    )
    return [_analysis(row) for row in rows]


def find(connection: Connection, tenant_id: str, analysis_id: str) -> AnalysisRecord | None:
    """One version by its id."""
    row = connection.execute(
        "SELECT * FROM analyses WHERE tenant_id = %s AND analysis_id = %s", (tenant_id, analysis_id)
    ).fetchone()
    return _analysis(row) if row else None


def delete(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Delete every version of the item."""
    connection.execute("DELETE FROM analyses WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))


def result_of(row: Mapping[str, Any]) -> Result:
    """What a row of descriptions says."""
    return Result(
        description=Description.model_validate(row["description"]),
        provider=row["provider"],
        model=row["model"],
        prompt_id=row["prompt_id"],
        trace_id=row["trace_id"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=float(row["cost_usd"]),
    )


def _analysis(row: dict[str, Any]) -> AnalysisRecord:
    return AnalysisRecord(
        row["analysis_id"],
        row["item_id"],
        row["version"],
        row["sha256"],
        result_of(row),
        row["created_at"],
        row["run_id"],
        row["restores"],
    )
