"""Which format an original has, and which of Pillow's decoders reads it.

The format is chosen before any decoder sees the file, so that a file is only ever given to the decoder of the format
it claims.
"""

from collections.abc import Mapping
from typing import Final

from chassis.media_type import AVIF, GIF, HEIC, HEIF, ISO_MEDIA, JPEG, PNG, TIFF, WEBP, FileType, identify
from imaging.errors import ImageRejection, RejectedImageError

#: The formats that are accepted, with their names in Pillow. The decoders of others are not worth their risk.
DECODERS: Final[Mapping[FileType, str]] = {
    JPEG: "JPEG",
    PNG: "PNG",
    GIF: "GIF",
    WEBP: "WEBP",
    TIFF: "TIFF",
    AVIF: "AVIF",
    HEIC: "HEIF",
    HEIF: "HEIF",
}


def accepted_format(original: bytes) -> FileType:
    """The format of the original; `RejectedImageError` if it is empty, no image, or of a format not accepted."""
    if not original:
        raise RejectedImageError(ImageRejection.ZERO_SIZE, "The file is empty.")
    image_format = identify(original)
    if image_format == ISO_MEDIA:
        raise RejectedImageError(ImageRejection.NOT_AN_IMAGE, "The file is a media container without a still image.")
    if image_format is None or not image_format.is_image:
        raise RejectedImageError(ImageRejection.NOT_AN_IMAGE, "The file does not begin like any image format.")
    if image_format not in DECODERS:
        raise RejectedImageError(ImageRejection.UNSUPPORTED_FORMAT, f"{image_format.name} files are not accepted.")
    return image_format
