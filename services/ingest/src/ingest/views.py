"""What the HTTP API answers and is sent, field by field."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.analysis import Description
from ingest import item_state
from ingest.item_status import Status, status_of
from ingest.repository.history import Entry
from ingest.repository.items import StoredItem

MediaTypeText = Annotated[str, StringConstraints(max_length=100, to_lower=True, strip_whitespace=True)]
ItemId = Annotated[
    str, Field(json_schema_extra={"format": "uuid", "examples": ["0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10"]})
]
Sha256Text = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$", to_lower=True)]


class View(BaseModel):
    """Frozen, like everything at an edge."""

    model_config = ConfigDict(frozen=True)


class Analysis(View):
    """One version of an item's description."""

    id: str
    item_id: str
    version: int
    category: str
    summary: str
    raw_response: Description
    provider_used: str
    model_used: str
    trace_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, item_id: str, fact: item_state.Analysis) -> "Analysis":
        """The view of a fact."""
        return cls(
            id=fact.analysis_id,
            item_id=item_id,
            version=fact.version,
            category=fact.description.category,
            summary=fact.description.summary,
            raw_response=fact.description,
            provider_used=fact.provider,
            model_used=fact.model,
            trace_id=fact.trace_id,
            created_at=fact.time,
        )


class Item(View):
    """A picture of the caller's, and how far it has come."""

    id: ItemId
    filename: str = Field(description="The stored name; `GET /images/{filename}` links to the picture.")
    original_filename: str = Field(description="The name the user gave.")
    file_size: int = Field(description="Bytes.")
    mime_type: str | None = Field(description="Found in the bytes; null where what arrived is not a picture.")
    created_at: datetime
    updated_at: datetime
    latest_analysis: Analysis | None
    status: Status
    status_reason: str | None = Field(
        description="Why it is rejected or failed, or why the newest attempt at a step failed."
    )
    width: int | None = Field(description="Pixels, upright.")
    height: int | None = Field(description="Pixels, upright.")
    thumbnail_url: str | None = Field(description="A path of this API that never changes; null until it is made.")
    duplicate_of: str | None = Field(description="The oldest living item with the same bytes, if this is not it.")

    @classmethod
    def of(cls, stored: StoredItem) -> "Item":
        """The view of a row."""
        state = stored.state
        original, picture = state.original, state.picture
        begun = original or state.refusal
        if begun is None:
            raise ValueError(f"item {stored.id} has no upload yet")
        status, reason = status_of(state)
        # A rejected direct upload has no stored picture; older clients rely on a name all the same.
        filename = original.filename if original else stored.id
        has_thumbnail = picture is not None and picture.thumbnail_key is not None
        return cls(
            id=stored.id,
            filename=filename,
            original_filename=begun.original_filename,
            file_size=begun.size,
            mime_type=original.media_type if original else None,
            created_at=stored.created_at,
            updated_at=state.updated_at or stored.created_at,
            latest_analysis=Analysis.of(stored.id, state.analysis) if state.analysis else None,
            status=status,
            status_reason=reason,
            width=picture.width if picture else None,
            height=picture.height if picture else None,
            thumbnail_url=f"/images/{filename}?size=thumbnail" if has_thumbnail else None,
            duplicate_of=stored.duplicate_of,
        )


class ItemPage(View):
    """Items, newest first."""

    items: list[Item]
    total: int = Field(description="Items on all pages.")
    next_cursor: str | None = Field(description="Give it as `cursor` to get the next page; null on the last.")


class DeletedItem(View):
    """The item is gone."""

    status: Literal["deleted"] = "deleted"
    id: str


class ImageLink(View):
    """Where the picture can be fetched, for a while, without a token."""

    url: str = Field(json_schema_extra={"format": "uri"})
    expires_in: int = Field(description="Seconds.")


class UploadRequest(View):
    """A direct upload that is about to be made."""

    filename: str = Field(min_length=1, max_length=1024, examples=["holiday.heic"])
    media_type: MediaTypeText = Field(description="What the picture is.", examples=["image/heic"])
    bytes: int = Field(gt=0, description="Exactly as many will be sent.", examples=[12345678])
    sha256: Sha256Text | None = Field(default=None, description="If given, what arrives must have it.")


class UploadForm(View):
    """Send `fields`, then the file as `file`, as multipart/form-data to `url`. Then the item appears under its id."""

    item_id: ItemId
    method: Literal["POST"] = "POST"
    url: str
    fields: dict[str, str]
    expires_in: int = Field(description="Seconds.")
    max_bytes: int


class ItemEvent(View):
    """Something that happened to an item."""

    id: str
    time: datetime
    type: str
    producer: str
    duration_ms: int | None = Field(description="Since the event that caused it; null for the first.")
    outcome: str

    @classmethod
    def of(cls, entry: Entry) -> "ItemEvent":
        """The view of an entry in the history."""
        return cls(
            id=entry.event_id,
            time=entry.time,
            type=entry.type,
            producer=entry.producer,
            duration_ms=entry.duration_ms,
            outcome=entry.outcome,
        )


class ItemEvents(View):
    """An item's history, oldest first."""

    item_id: str
    status: Status
    events: list[ItemEvent]


class Health(View):
    """The service and what it depends on answer."""

    status: Literal["healthy"] = "healthy"
    timestamp: datetime
    environment: str
    git_sha: str
    database: Literal["postgresql"] = "postgresql"


class Version(View):
    """Which build runs."""

    git_sha: str
    git_tag: str
    git_branch: str
    build_timestamp: str
    environment: str
