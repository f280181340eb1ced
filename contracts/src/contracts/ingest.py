"""Facts about items, published by the ingest service. The subject is the item's id."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from contracts.contract import Contract
from contracts.operations import ErasureReceipt, ReplayReport
from contracts.personal import Personal


class ItemUploaded(Contract):
    """An original picture is stored and belongs to the tenant."""

    event_type: ClassVar[str] = "collections.ingest.item-uploaded.v1"
    schema_version: ClassVar[str] = "1.0"

    filename: str = Field(description="The stored name, `{item_id}.{ext}`.", min_length=1)
    original_filename: Annotated[str, Personal()] = Field(description="The name the user gave.")
    key: str = Field(description="The original's object key in the images bucket.", min_length=1)
    media_type: str = Field(description="Found in the bytes, never taken from the name.")
    size: int = Field(description="Bytes.", gt=0)
    sha256: str = Field(description="Of the original's bytes, lower-case hexadecimal.", pattern="^[0-9a-f]{64}$")


class ItemDeleted(Contract):
    """The item is gone; whoever holds anything derived from it removes it."""

    event_type: ClassVar[str] = "collections.ingest.item-deleted.v1"
    schema_version: ClassVar[str] = "1.0"


class UploadRejection(StrEnum):
    """Why a direct upload was not accepted."""

    NOT_AN_IMAGE = "not-an-image"
    UNSUPPORTED_TYPE = "unsupported-type"
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    CHECKSUM_MISMATCH = "checksum-mismatch"


class UploadRejected(Contract):
    """A direct upload ended, but what arrived is not acceptable; nothing of it is kept."""

    event_type: ClassVar[str] = "collections.ingest.upload-rejected.v1"
    schema_version: ClassVar[str] = "1.0"

    original_filename: Annotated[str, Personal()]
    size: int = Field(description="Bytes that arrived.", ge=0)
    reason: UploadRejection
    detail: str = Field(description="One sentence for the user.")


class RetryStep(StrEnum):
    """A step on an item's way, by the service that takes it."""

    IMAGING = "imaging"
    ANALYSIS = "analysis"
    EMBEDDING = "embedding"


class RetryRequested(Contract):
    """The owner of an item that is stuck or failed asked for a step to begin again.

    Who recorded the event with which the step begins sends it to that service once more.
    """

    event_type: ClassVar[str] = "collections.ingest.retry-requested.v1"
    schema_version: ClassVar[str] = "1.0"

    step: RetryStep


class ReplayProgressed(ReplayReport):
    """The replay of ingest's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.ingest.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of ingest's events has ended."""

    event_type: ClassVar[str] = "collections.ingest.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class ForgottenBy(StrEnum):
    """Whose wish it was."""

    TENANT = "tenant"
    OPERATOR = "operator"


class TenantForgotten(Contract):
    """Everything of the tenant is to be erased, by every service, for good; the subject is the tenant's id."""

    event_type: ClassVar[str] = "collections.ingest.tenant-forgotten.v1"
    schema_version: ClassVar[str] = "1.0"

    by: ForgottenBy


class TenantErased(ErasureReceipt):
    """Ingest has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.ingest.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
