"""Which types of pictures are accepted, and the answer to a file of any other."""

from typing import Final

from chassis.media_type import AVIF, GIF, HEIC, HEIF, JPEG, PNG, TIFF, WEBP, FileType, identify
from contracts.ingest import UploadRejection
from ingest.errors import UnacceptableError

ACCEPTED: Final = (PNG, JPEG, WEBP, GIF, HEIC, HEIF, AVIF, TIFF)
ACCEPTED_TYPES: Final = frozenset(accepted.media_type for accepted in ACCEPTED)
_WANTED: Final = "send " + ", ".join(accepted.media_type.removeprefix("image/") for accepted in ACCEPTED)


def accepted_type(content: bytes) -> FileType:
    """The type of a picture, by its bytes alone.

    Raises:
        UnacceptableError: the file is empty, or is not a picture of an accepted type.
    """
    if not content:
        raise UnacceptableError(UploadRejection.EMPTY, "the file is empty")
    file_type = identify(content)
    if file_type is None:
        raise UnacceptableError(UploadRejection.NOT_AN_IMAGE, f"this is not a picture; {_WANTED}")
    if file_type not in ACCEPTED:
        raise UnacceptableError(UploadRejection.UNSUPPORTED_TYPE, f"this is {file_type.description}; {_WANTED}")
    return file_type
