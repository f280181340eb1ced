"""Facts about pictures, published by the imaging service. The subject is the item's id."""

from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from contracts.contract import Contract, LocalTime, Part
from contracts.operations import ErasureReceipt, ReplayReport
from contracts.personal import Personal


class RenditionKind(StrEnum):
    """What a rendition is for."""

    MODEL = "model"
    THUMBNAIL = "thumbnail"


class Rendition(Part):
    """A derived picture in the images bucket."""

    kind: RenditionKind
    key: str = Field(min_length=1)
    media_type: str
    width: int = Field(description="Pixels.", gt=0)
    height: int = Field(description="Pixels.", gt=0)
    size: int = Field(description="Bytes.", gt=0)


class Location(Part):
    """Where a photo was taken, in degrees (WGS 84). Present only where the tenant asked for it."""

    latitude: float = Field(ge=-90, le=90)
    longitude: float = Field(ge=-180, le=180)


class Exif(Part):
    """What the camera wrote into the file, as far as it is of use."""

    camera_make: str | None = None
    camera_model: str | None = None
    lens_model: str | None = None
    taken_at: LocalTime | None = Field(default=None, description="The camera's local time; no zone is known.")
    exposure_time: float | None = Field(default=None, description="Seconds.")
    f_number: float | None = None
    iso: int | None = None
    focal_length: float | None = Field(default=None, description="Millimetres.")
    software: str | None = None
    location: Annotated[Location | None, Personal()] = None


class ImageProcessed(Contract):
    """The original is a sound picture, and its renditions are stored."""

    event_type: ClassVar[str] = "collections.imaging.image-processed.v1"
    schema_version: ClassVar[str] = "1.0"

    filename: str = Field(description="The stored name of the original, `{item_id}.{ext}`.")
    original_filename: Annotated[str, Personal()]
    media_type: str = Field(description="Of the original.")
    sha256: str = Field(description="Of the original's bytes.", pattern="^[0-9a-f]{64}$")
    width: int = Field(description="Pixels, after EXIF orientation.", gt=0)
    height: int = Field(description="Pixels, after EXIF orientation.", gt=0)
    frames: int = Field(default=1, description="More than one for an animation; renditions show the first.", ge=1)
    renditions: tuple[Rendition, ...] = Field(min_length=1)
    exif: Exif | None = None
    phash: str = Field(description="64-bit perceptual hash, hexadecimal.", pattern="^[0-9a-f]{16}$")


class ImageRejection(StrEnum):
    """Why an original cannot be shown."""

    NOT_AN_IMAGE = "not-an-image"
    UNSUPPORTED_FORMAT = "unsupported-format"
    TRUNCATED = "truncated"
    CORRUPT = "corrupt"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_FRAMES = "too-many-frames"
    ZERO_SIZE = "zero-size"
    TOO_SLOW = "too-slow"
    MISSING = "missing"


class ImageRejected(Contract):
    """The original cannot be decoded safely; nothing further happens to the item."""

    event_type: ClassVar[str] = "collections.imaging.image-rejected.v1"
    schema_version: ClassVar[str] = "1.0"

    reason: ImageRejection
    detail: Annotated[str, Personal()] = Field(description="One sentence for the user.")


class ReplayProgressed(ReplayReport):
    """The replay of imaging's events has begun, goes on, or was paused."""

    event_type: ClassVar[str] = "collections.imaging.replay-progressed.v1"
    schema_version: ClassVar[str] = "1.0"


class ReplayCompleted(ReplayReport):
    """The replay of imaging's events has ended."""

    event_type: ClassVar[str] = "collections.imaging.replay-completed.v1"
    schema_version: ClassVar[str] = "1.0"


class TenantErased(ErasureReceipt):
    """Imaging has erased everything that it held of the tenant."""

    event_type: ClassVar[str] = "collections.imaging.tenant-erased.v1"
    schema_version: ClassVar[str] = "1.0"
