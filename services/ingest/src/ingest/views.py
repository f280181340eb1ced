"""What the HTTP API answers and is sent, field by field."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from chassis.http import Id
from contracts.analysis import Description
from contracts.ingest import RetryStep
from ingest import item_state
from ingest.item_status import Status, status_of, waiting
from ingest.repository.history import Entry
from ingest.repository.items import StoredItem

MediaTypeText = Annotated[str, StringConstraints(max_length=100, to_lower=True, strip_whitespace=True)]
Sha256Text = Annotated[str, StringConstraints(pattern=r"^[0-9A-Fa-f]{64}$", to_lower=True)]


class View(BaseModel):
    """Frozen, like everything at an edge."""

    model_config = ConfigDict(frozen=True)


class Analysis(View):
    """One version of an item's description."""

    id: Id = Field(description="Of this version; `GET /analyses/{id}` has it.")
    item_id: Id = Field(description="Of the item that is described.")
    version: int = Field(ge=1, description="Versions of an item count 1, 2, …", examples=[1])
    category: str = Field(description="The kind of picture, in a word or two.", examples=["Food"])
    summary: str = Field(description="Two or three sentences.", examples=["A bowl of ramen with an egg."])
    raw_response: Description = Field(description="All that the model said.")
    provider_used: str = Field(description="Whose model described it.", examples=["anthropic"])
    model_used: str = Field(description="The model's name at its provider.", examples=["claude-sonnet-5"])
    trace_id: str | None = Field(
        description="Of the run in LangSmith; null where none was traced.",
        examples=["1f0c2b6e-52b4-4c0a-9d0f-7d9f3a1d3f10"],
    )
    created_at: datetime = Field(description="When it was described.", examples=["2026-11-30T09:15:02Z"])

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

    id: Id = Field(description="Of the item.")
    filename: str = Field(
        description="The stored name; `GET /images/{filename}` links to the picture.",
        examples=["0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10.png"],
    )
    original_filename: str = Field(description="The name the user gave.", examples=["holiday.png"])
    file_size: int = Field(ge=0, description="Bytes.", examples=[345678])
    mime_type: str | None = Field(
        description="Found in the bytes; null where what arrived is not a picture.", examples=["image/png"]
    )
    created_at: datetime = Field(description="When it was uploaded.", examples=["2026-11-30T09:15:00Z"])
    updated_at: datetime = Field(description="When it last changed.", examples=["2026-11-30T09:15:04Z"])
    latest_analysis: Analysis | None = Field(description="The newest description; null until there is one.")
    status: Status = Field(description="How far it has come.")
    status_reason: str | None = Field(
        description="Why it is rejected or failed, or why the newest attempt at a step failed.",
        examples=["the picture cannot be decoded"],
    )
    width: int | None = Field(ge=1, description="Pixels, upright.", examples=[1170])
    height: int | None = Field(ge=1, description="Pixels, upright.", examples=[2532])
    thumbnail_url: str | None = Field(
        description="A path of this API that never changes; null until it is made.",
        examples=["/images/0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10.png?size=thumbnail"],
        json_schema_extra={"format": "uri-reference"},
    )
    duplicate_of: Id | None = Field(description="The oldest living item with the same bytes, if this is not it.")
    waiting_for: RetryStep | None = Field(
        description="The service that is to take the next step; null where none is left, or it has failed."
    )
    waiting_since: datetime | None = Field(
        description="When that step could begin, or was asked for again.", examples=["2026-11-30T09:15:00Z"]
    )

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
        waits = waiting(state)
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
            waiting_for=waits.step if waits else None,
            waiting_since=waits.since if waits else None,
        )


class ItemPage(View):
    """Items, newest first."""

    items: list[Item] = Field(description="Of this page.")
    total: int = Field(ge=0, description="Items on all pages.", examples=[1234])
    next_cursor: str | None = Field(
        description="Give it as `cursor` to get the next page; null on the last.", examples=["WyIyMDI2LTExLTMw"]
    )


class DeletedItem(View):
    """The item is gone."""

    status: Literal["deleted"] = Field(default="deleted", description="Always this.")
    id: Id = Field(description="Of the item.")


class ForgottenAccount(View):
    """The account is gone; what belonged to it is being erased."""

    status: Literal["forgotten"] = Field(default="forgotten", description="Always this.")


class RetriedItem(View):
    """A step begins again in the background."""

    status: Literal["accepted"] = Field(default="accepted", description="Always this.")
    id: Id = Field(description="Of the item.")
    step: RetryStep = Field(description="The service that is to take the step.")


class ImageLink(View):
    """Where the picture can be fetched, for a while, without a token."""

    url: str = Field(
        description="Pre-signed: whoever has it may fetch the picture.",
        examples=["https://example.com/picture.png?X-Amz-Signature=0a1b"],
        json_schema_extra={"format": "uri"},
    )
    expires_in: int = Field(ge=1, description="Seconds.", examples=[3600])


class UploadRequest(View):
    """A direct upload that is about to be made."""

    filename: str = Field(
        min_length=1, max_length=1024, description="The name to keep of the picture.", examples=["holiday.heic"]
    )
    media_type: MediaTypeText = Field(description="What the picture is.", examples=["image/heic"])
    bytes: int = Field(gt=0, description="Exactly as many will be sent; at most 50 MB.", examples=[12345678])
    sha256: Sha256Text | None = Field(
        default=None,
        description="If given, what arrives must have it.",
        examples=["e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
    )


class UploadForm(View):
    """Send `fields`, then the file as `file`, as multipart/form-data to `url`. Then the item appears under its id."""

    item_id: Id = Field(description="Of the item that there will be.")
    method: Literal["POST"] = Field(default="POST", description="Always this.")
    url: str = Field(
        description="Where the form is sent.",
        examples=["https://collections-images.s3.amazonaws.com/"],
        json_schema_extra={"format": "uri"},
    )
    fields: dict[str, str] = Field(description="Fields of the form, to be sent before the file.")
    expires_in: int = Field(ge=1, description="Seconds.", examples=[3600])
    max_bytes: int = Field(ge=1, description="What is larger is refused.", examples=[12345678])


class ItemEvent(View):
    """Something that happened to an item."""

    id: Id = Field(description="Of the event.")
    time: datetime = Field(description="When it happened.", examples=["2026-11-30T09:15:02Z"])
    type: str = Field(
        description="The fact, with its major version.", examples=["collections.imaging.image-processed.v1"]
    )
    producer: str = Field(description="The service that published it.", examples=["imaging"])
    duration_ms: int | None = Field(
        ge=0, description="Since the event that caused it; null for the first.", examples=[412]
    )
    outcome: str = Field(description="What it means for the item.", examples=["processed"])

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

    item_id: Id = Field(description="Of the item.")
    status: Status = Field(description="How far it has come.")
    waiting_for: RetryStep | None = Field(description="As of the item.")
    waiting_since: datetime | None = Field(description="As of the item.", examples=["2026-11-30T09:15:00Z"])
    events: list[ItemEvent] = Field(description="Oldest first.")


class Health(View):
    """The service and what it depends on answer."""

    status: Literal["healthy"] = Field(default="healthy", description="Always this; otherwise the answer is 503.")
    timestamp: datetime = Field(description="When it was looked at.", examples=["2026-11-30T09:15:00Z"])
    environment: str = Field(description="Where it runs.", examples=["prod"])
    git_sha: str = Field(description="The commit that runs.", examples=["985b644f0c2b6e52b44c0a9d0f7d9f3a1d3f1000"])
    database: Literal["postgresql"] = Field(default="postgresql", description="Always this.")


class Version(View):
    """Which build runs."""

    git_sha: str = Field(description="The commit that runs.", examples=["985b644f0c2b6e52b44c0a9d0f7d9f3a1d3f1000"])
    git_tag: str = Field(description="The tag of that commit; empty where it has none.", examples=["v1.4.0"])
    git_branch: str = Field(description="The branch that was built.", examples=["main"])
    build_timestamp: str = Field(description="When it was built; ISO 8601.", examples=["2026-11-30T09:00:00Z"])
    environment: str = Field(description="Where it runs.", examples=["prod"])
