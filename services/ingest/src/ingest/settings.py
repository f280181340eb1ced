"""What can be set."""

from pydantic import Field

from chassis.settings import Settings


class IngestSettings(Settings):
    """The chassis' settings and ingest's own, with defaults for AWS."""

    service: str = "ingest"

    #: Bytes of a picture in `POST /items`. API Gateway hands it to Lambda as base64 inside an event of at most 6 MB.
    max_upload_bytes: int = Field(default=4_500_000, gt=0)
    #: Bytes of a direct upload. It is read into memory once.
    max_direct_bytes: int = Field(default=50 * 1024 * 1024, gt=0)
    #: Seconds for which a link to a picture works.
    link_lifetime_s: int = Field(default=3600, gt=0)
    #: Seconds for which a form for a direct upload works.
    upload_lifetime_s: int = Field(default=3600, gt=0)
    #: Seconds after which a stored original that became no item's is deleted.
    pending_lifetime_s: int = Field(default=24 * 3600, ge=300)
    #: Seconds for which an item has waited when it may be started again.
    stuck_after_s: int = Field(default=120, ge=0)
    #: Seconds after which a sweep begins no other page.
    sweep_budget_s: int = Field(default=240, gt=0)
