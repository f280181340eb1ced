"""The SQL of this service. Every statement on a tenant's data filters by the tenant."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from analysis.describing import Result
from analysis.providers import Choice
from chassis.database import Connection
from contracts import Event
from contracts.analysis import Description
from contracts.imaging import ImageProcessed, RenditionKind


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """What is known of an item's picture."""

    tenant_id: str
    item_id: str
    filename: str
    original_filename: str
    sha256: str
    rendition_key: str
    media_type: str

    @classmethod
    def of(cls, event: Event[ImageProcessed]) -> "PictureRecord | None":
        """As the event tells it; None when imaging made no rendition for models."""
        data = event.data
        rendition = next((made for made in data.renditions if made.kind is RenditionKind.MODEL), None)
        if rendition is None:
            return None
        return cls(
            tenant_id=event.tenant_id,
            item_id=event.subject,
            filename=data.filename,
            original_filename=data.original_filename,
            sha256=data.sha256,
            rendition_key=rendition.key,
            media_type=rendition.media_type,
        )


@dataclass(frozen=True, slots=True)
class AnalysisRecord:
    """One version of an item's description."""

    analysis_id: str
    item_id: str
    version: int
    result: Result
    created_at: datetime


def note_picture(connection: Connection, picture: PictureRecord, processed_at: datetime) -> None:
    """Remember the picture, unless a newer processing of the item is known."""
    connection.execute(
        """
        INSERT INTO pictures (tenant_id, item_id, filename, original_filename, sha256, rendition_key, media_type,
                              processed_at)
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
        ON CONFLICT (tenant_id, item_id) DO UPDATE SET
            filename = EXCLUDED.filename, original_filename = EXCLUDED.original_filename, sha256 = EXCLUDED.sha256,
            rendition_key = EXCLUDED.rendition_key, media_type = EXCLUDED.media_type,
            processed_at = EXCLUDED.processed_at
        WHERE pictures.processed_at < EXCLUDED.processed_at
        """,
        (
            picture.tenant_id,
            picture.item_id,
            picture.filename,
            picture.original_filename,
            picture.sha256,
            picture.rendition_key,
            picture.media_type,
            processed_at,
        ),
    )


def find_picture(connection: Connection, tenant_id: str, item_id: str) -> PictureRecord | None:
    """The item's picture, if imaging has told of it."""
    row = connection.execute(
        """
        SELECT tenant_id, item_id, filename, original_filename, sha256, rendition_key, media_type FROM pictures
        WHERE tenant_id = %s AND item_id = %s
        """,
        (tenant_id, item_id),
    ).fetchone()
    return PictureRecord(**row) if row else None


def take_lease(connection: Connection, tenant_id: str, item_id: str, seconds: float, *, seize: bool = False) -> bool:
    """Say that the picture is being analysed; False when somebody else said so and still has time (unless seized)."""
    row = connection.execute(
        """
        UPDATE pictures SET analyzing_until = now() + make_interval(secs => %s)
        WHERE tenant_id = %s AND item_id = %s AND (%s OR analyzing_until IS NULL OR analyzing_until <= now())
        RETURNING item_id
        """,
        (seconds, tenant_id, item_id, seize),
    ).fetchone()
    return row is not None


def end_lease(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Say that nobody is analysing the picture any more."""
    connection.execute(
        "UPDATE pictures SET analyzing_until = NULL WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id)
    )


def is_leased(connection: Connection, tenant_id: str, item_id: str) -> bool:
    """Whether somebody is analysing the picture."""
    row = connection.execute(
        "SELECT 1 FROM pictures WHERE tenant_id = %s AND item_id = %s AND analyzing_until > now()",
        (tenant_id, item_id),
    ).fetchone()
    return row is not None


def is_deleted(connection: Connection, tenant_id: str, item_id: str) -> bool:
    """Whether the item carries a tombstone."""
    row = connection.execute(
        "SELECT 1 FROM tombstones WHERE tenant_id = %s AND subject = %s", (tenant_id, item_id)
    ).fetchone()
    return row is not None


def find_result(
    connection: Connection, tenant_id: str, sha256: str, prompt_id: str, choice: Choice, item_id: str | None = None
) -> Result | None:
    """What that model said under that prompt about the same content, of any of the tenant's items (or of one)."""
    row = connection.execute(
        """
        SELECT * FROM analyses
        WHERE tenant_id = %s AND sha256 = %s AND prompt_id = %s AND provider = %s AND model = %s
          AND (%s::text IS NULL OR item_id = %s)
        ORDER BY created_at DESC LIMIT 1
        """,
        (tenant_id, sha256, prompt_id, choice.provider, choice.model, item_id, item_id),
    ).fetchone()
    return _result(row) if row else None


def is_described(connection: Connection, picture: PictureRecord) -> bool:
    """Whether the item has a description of this content, by whatever model."""
    row = connection.execute(
        "SELECT 1 FROM analyses WHERE tenant_id = %s AND item_id = %s AND sha256 = %s LIMIT 1",
        (picture.tenant_id, picture.item_id, picture.sha256),
    ).fetchone()
    return row is not None


def add_analysis(
    connection: Connection, picture: PictureRecord, analysis_id: str, result: Result, created_at: datetime
) -> AnalysisRecord:
    """Store the result as the item's next version; the caller holds the item's lock."""
    row = connection.execute(
        """
        INSERT INTO analyses (analysis_id, tenant_id, item_id, version, description, provider, model, prompt_id, sha256,
                              trace_id, input_tokens, output_tokens, cost_usd, created_at)
        SELECT %s, %s, %s, coalesce(max(version), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s
        FROM analyses WHERE tenant_id = %s AND item_id = %s
        RETURNING *
        """,
        (
            analysis_id,
            picture.tenant_id,
            picture.item_id,
            Jsonb(result.description.model_dump(mode="json")),
            result.provider,
            result.model,
            result.prompt_id,
            picture.sha256,
            result.trace_id,
            result.input_tokens,
            result.output_tokens,
            result.cost_usd,
            created_at,
            picture.tenant_id,
            picture.item_id,
        ),
    ).fetchone()
    if row is None:
        raise LookupError("an INSERT of one row returned none")
    return _analysis(row)


def latest_analysis(connection: Connection, tenant_id: str, item_id: str) -> AnalysisRecord | None:
    """The item's newest version."""
    found = analyses_of(connection, tenant_id, item_id, limit=1)
    return found[0] if found else None


def analyses_of(connection: Connection, tenant_id: str, item_id: str, *, limit: int = 1000) -> list[AnalysisRecord]:
    """The item's versions, newest first."""
    rows = connection.execute(
        "SELECT * FROM analyses WHERE tenant_id = %s AND item_id = %s ORDER BY version DESC LIMIT %s",
        (tenant_id, item_id, limit),
    )
    return [_analysis(row) for row in rows]


def find_analysis(connection: Connection, tenant_id: str, analysis_id: str) -> AnalysisRecord | None:
    """One version by its id."""
    row = connection.execute(
        "SELECT * FROM analyses WHERE tenant_id = %s AND analysis_id = %s", (tenant_id, analysis_id)
    ).fetchone()
    return _analysis(row) if row else None


def forget(connection: Connection, tenant_id: str, item_id: str) -> None:
    """Remove everything about the item."""
    connection.execute("DELETE FROM analyses WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))
    connection.execute("DELETE FROM pictures WHERE tenant_id = %s AND item_id = %s", (tenant_id, item_id))


def _result(row: dict[str, Any]) -> Result:
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
    return AnalysisRecord(row["analysis_id"], row["item_id"], row["version"], _result(row), row["created_at"])
