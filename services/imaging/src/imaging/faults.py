"""The boundary to the decoders: whatever they raise over a file becomes a rejection with a stable reason.

Pillow and the libraries behind it answer hostile bytes with exceptions of many kinds (a struct.error, an IndexError in
a tag table, a SyntaxError for a broken header). Only decoders and colour conversions run inside `decoding()`,
so that a defect of our own is not reported as one of the file.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from warnings import catch_warnings, simplefilter

from PIL import Image

from chassis.media_type import FileType
from imaging.errors import ImageRejection, RejectedImageError
from imaging.structure import is_cut_off

DECODER_FAULTS: tuple[type[Exception], ...] = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)

_METADATA_BOMB = re.compile(r"MAX_TEXT_CHUNK|too much memory used in text chunks", re.IGNORECASE)
_TOO_LARGE = re.compile(r"security limit|exceeds limit of", re.IGNORECASE)
_UNSUPPORTED = re.compile(r"unknown pixel mode|unsupported|not supported|not available|no conversion", re.IGNORECASE)
_NO_PIXELS = re.compile(r"not identified by this driver")  # Pillow's message for a width or height of zero
_TRUNCATED = re.compile(r"truncat|unexpected end|end of file|premature|not enough data", re.IGNORECASE)


@contextmanager
def decoding(step: str, original: bytes, image_format: FileType) -> Iterator[None]:
    """Turn a decoder's error during the step (a verb phrase) into `RejectedImageError`."""
    # `Image.open` hides why a header was not understood in warnings; the one about size is an error.
    with catch_warnings(record=True) as warnings:
        simplefilter("always")
        simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
            raise RejectedImageError(ImageRejection.TOO_MANY_PIXELS, "The picture has too many pixels.") from fault
        except MemoryError as fault:
            raise RejectedImageError(
                ImageRejection.TOO_MANY_PIXELS, f"The picture takes too much memory to {step}."
            ) from fault
        except DECODER_FAULTS as fault:
            messages = "\n".join([str(fault), *(str(warning.message) for warning in warnings)])
            raise _rejection(fault, messages, step, cut_off=is_cut_off(original, image_format)) from fault


def _rejection(fault: Exception, text: str, step: str, *, cut_off: bool) -> RejectedImageError:
    if _METADATA_BOMB.search(text):
        return RejectedImageError(ImageRejection.CORRUPT, "The metadata in the file unpacks to too many bytes.")
    if _TOO_LARGE.search(text):
        return RejectedImageError(ImageRejection.TOO_MANY_PIXELS, "The picture has too many pixels.")
    if cut_off or isinstance(fault, EOFError) or _TRUNCATED.search(text):
        return RejectedImageError(ImageRejection.TRUNCATED, "The end of the file is missing.")
    if _NO_PIXELS.search(text):
        return RejectedImageError(ImageRejection.ZERO_SIZE, "The picture has no pixels.")
    if _UNSUPPORTED.search(text):
        return RejectedImageError(ImageRejection.UNSUPPORTED_FORMAT, "The file uses a rare variant of its format.")
    return RejectedImageError(ImageRejection.CORRUPT, f"The file is damaged: cannot {step}.")
