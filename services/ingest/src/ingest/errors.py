"""What can be wrong with what users send.

IngestError
├── MalformedUploadError     the request body is not a form with one picture in `file`
└── UnacceptableError        the bytes are not a picture we accept; `reason` says why
"""

from chassis.errors import ChassisError
from contracts.ingest import UploadRejection


class IngestError(ChassisError):
    """Base of what this service raises."""


class MalformedUploadError(IngestError):
    """The body is not multipart/form-data with a file in the field `file`."""


class UnacceptableError(IngestError):
    """The bytes cannot become an item; the message is a sentence for the user."""

    def __init__(self, reason: UploadRejection, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
