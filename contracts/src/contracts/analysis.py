"""Facts about descriptions, published by the analysis service. The subject is the item's id."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from contracts.contract import Contract, Part
from contracts.operations import BudgetReport, ErasureReceipt, ReplayReport
from contracts.personal import Personal


class MediaMetadata(Part):
    """Who posted the picture and what it is tagged with, as far as the picture shows it."""

    original_poster: Annotated[str | None, Personal()] = None
    tagged_accounts: Annotated[tuple[str, ...], Personal()] = ()
    location_tags: Annotated[tuple[str, ...], Personal()] = ()
    audio_source: Annotated[str | None, Personal()] = None
    hashtags: Annotated[tuple[str, ...], Personal()] = ()


class ImageDetails(Part):
    """What is seen and read in the picture."""

    extracted_text: Annotated[tuple[str, ...], Personal()] = ()
    objects: Annotated[tuple[str, ...], Personal()] = ()
    themes: Annotated[tuple[str, ...], Personal()] = ()
    emotions: Annotated[tuple[str, ...], Personal()] = ()
    vibes: Annotated[tuple[str, ...], Personal()] = ()
    visual_hierarchy: Annotated[tuple[str, ...], Personal()] = ()
    key_interest: Annotated[str | None, Personal()] = None
    likely_source: Annotated[str | None, Personal()] = None


class Description(Part):
    """The structured description of one picture (`raw_response` of the HTTP API)."""

    category: Annotated[str, Personal()] = Field(min_length=1)
    subcategories: Annotated[tuple[str, ...], Personal()] = ()
    headline: Annotated[str, Personal()] = ""
    summary: Annotated[str, Personal()] = ""
    media_metadata: MediaMetadata = MediaMetadata()
    image_details: ImageDetails = ImageDetails()


class ItemAnalyzed(Contract):
    """A vision model described the picture; versions of one item count 1, 2, …"""

    event_type: ClassVar[str] = "collections.analysis.item-analyzed.v1"
    schema_version: ClassVar[str] = "1.2"

    analysis_id: str = Field(min_length=1)
    version: int = Field(ge=1)
    filename: str = Field(description="The stored name of the original, `{item_id}.{ext}`.")
    original_filename: Annotated[str, Personal()]
    description: Description
    provider: str
    model: str
    prompt_id: str = Field(description="Name and version of the prompt.")
    trace_id: str | None = None
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)
    sha256: str | None = Field(
        default=None,
        description="Of the original's bytes that were described, lower-case hexadecimal; absent in events before 1.1.",
        pattern="^[0-9a-f]{64}$",
    )
    run: str | None = Field(
        default=None, description="Id of the run that an operator ordered, where one led to it.", min_length=1
    )
    restores: int | None = Field(
        default=None, description="The version whose description this is once more, after a rollback.", ge=1
    )


class CandidateAnalyzed(Contract):
    """A model described the picture under another prompt, beside the live version, which stays as it is."""

    event_type: ClassVar[str] = "collections.analysis.candidate-analyzed.v1"
    schema_version: ClassVar[str] = "1.0"

    candidate_id: str = Field(min_length=1)
    run: str = Field(description="Id of the run that an operator ordered.", min_length=1)
    description: Description
    provider: str
    model: str
    prompt_id: str = Field(description="Name and version of the prompt.")
    trace_id: str | None = None
    input_tokens: int = Field(default=0, ge=0)
    output_tokens: int = Field(default=0, ge=0)
    cost_usd: float = Field(default=0, ge=0)
    duration_ms: int | None = Field(
        default=None, description="What the calls of the model took; absent where a result was reused.", ge=0
    )
    sha256: str = Field(
        description="Of the original's bytes that were described, lower-case hexadecimal.", pattern="^[0-9a-f]{64}$"
    )


class AnalysisFailure(StrEnum):
    """Why no description was made."""

    REFUSED = "refused"
    INVALID_OUTPUT = "invalid-output"
    PROVIDER_REJECTED = "provider-rejected"
    RENDITION_MISSING = "rendition-missing"
    GAVE_UP = "gave-up"


class AnalysisFailed(Contract):
    """No description could be made, and trying again as before will not help."""

    event_type: ClassVar[str] = "collections.analysis.analysis-failed.v1"
    schema_version: ClassVar[str] = "1.0"

    reason: AnalysisFailure
    detail: Annotated[str, Personal()]
    attempts: int = Field(ge=1)
    provider: str
    model: str


class AnalysisRequested(Contract):
    """The owner asked for a description and did not want to wait for it."""

    event_type: ClassVar[str] = "collections.analysis.analysis-requested.v1"
    schema_version: ClassVar[str] = "1.0"

    force: bool = Field(default=False, description="Describe again even where a description exists.")
    provider: str | None = Field(default=None, description="The provider asked for; none: as configured.")
    model: str | None = Field(default=None, description="The model asked for; none: as configured.")


class BudgetSpent(BudgetReport):
    """A replay may pay for no further description; the services that own its events stop publishing them.

    The subject is the replay's id.
    """

    event_type: ClassVar[str] = "collections.analysis.budget-spent.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayProgressed(ReplayReport):
    """The replay of analysis's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.analysis.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of analysis's events has ended."""

    event_type: ClassVar[str] = "collections.analysis.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class TenantErased(ErasureReceipt):
    """Analysis has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.analysis.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
