"""Configuration of this service."""

from pydantic import Field

from chassis.config import Settings


class IngestSettings(Settings):
    """What may be set, with defaults for AWS."""

    #: API Gateway hands a picture to Lambda as base64 inside an event of at most 6 MB: about 4.5 MB of picture.
    max_upload_bytes: int = Field(default=4_500_000, gt=0)
    #: Of a direct upload. It is read into memory once.
    max_direct_bytes: int = Field(default=50 * 1024 * 1024, gt=0)
    #: How long a link to a picture works.
    link_lifetime_s: int = Field(default=3600, gt=0)
    #: How long a form for a direct upload works.
    upload_lifetime_s: int = Field(default=3600, gt=0)
