"""Looks at pictures: decodes, reads, classifies and measures them, and remembers what it saw by the bytes' SHA-256."""

import hashlib
import io
import threading
from collections import OrderedDict
from pathlib import Path
from typing import Any, Protocol

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from provider_emulator.classifier import Classifier
from provider_emulator.colours import colours_of
from provider_emulator.describe import description
from provider_emulator.efficientnet import converted
from provider_emulator.errors import BadRequestError
from provider_emulator.ocr import TextReader
from provider_emulator.sight import Sight

_REMEMBERED = 512
_LARGEST_EDGE = 8000  # pixels; the providers refuse more
_SEEN_EDGE = 2048  # pixels; what is larger is made smaller before anything else, so that only its decoding costs memory
_ON_ITS_SIDE = {5, 6, 7, 8}  # values of Exif's orientation
#: What Pillow raises for bytes that are no picture, or one that would take too much memory.
_UNREADABLE = (UnidentifiedImageError, OSError, Image.DecompressionBombError, ValueError, SyntaxError)
_one_at_a_time = threading.Lock()  # to open a picture may take some 100 MB: texts of a PNG, the canvas of a WebP
_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}


class Beholder(Protocol):
    """Describes a picture in the fields of the product's schema."""

    def describe(self, data: bytes) -> dict[str, Any]: ...


def size_of(data: bytes, media_type: str | None) -> tuple[int, int]:
    """Width and height in pixels. Raises BadRequestError for what providers refuse: no image, wrong type, too big."""
    try:
        with _one_at_a_time, Image.open(io.BytesIO(data)) as image:
            actual, size = _FORMATS.get(image.format or ""), image.size
    except _UNREADABLE as error:
        raise BadRequestError("Could not process image") from error
    if actual is None:
        raise BadRequestError("Could not process image")
    if media_type is not None and media_type != actual:
        raise BadRequestError(
            f"The image was specified using the {media_type} media type, but the image appears to be a {actual} image"
        )
    if max(size) > _LARGEST_EDGE:
        raise BadRequestError(f"At least one of the image dimensions exceed max allowed size: {_LARGEST_EDGE} pixels")
    return size


class Eye:
    """The vision models together. `describe` takes about 0.5 s for a photo and 1 to 2 s for a page of text."""

    def __init__(self, models_dir: Path) -> None:
        self._classifier = Classifier(converted(models_dir))
        self._reader = TextReader()
        self._seen: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lock = threading.Lock()

    def look(self, data: bytes) -> Sight:
        """Everything the models recognise in the picture. Raises BadRequestError when it cannot be decoded."""
        width, height = size_of(data, None)
        try:
            with Image.open(io.BytesIO(data)) as image:
                if image.getexif().get(ExifTags.Base.Orientation) in _ON_ITS_SIDE:
                    width, height = height, width
                if max(image.size) > _SEEN_EDGE:
                    image.thumbnail((_SEEN_EDGE, _SEEN_EDGE), Image.Resampling.BOX)
                upright = ImageOps.exif_transpose(image).convert("RGBA")
        except _UNREADABLE as error:
            raise BadRequestError("Could not process image") from error
        flat = Image.new("RGBA", upright.size, "white")
        flat.alpha_composite(upright)
        picture = flat.convert("RGB")
        return Sight(
            width=width,
            height=height,
            lines=self._reader.read(picture),
            labels=self._classifier.classify(picture),
            colours=colours_of(picture),
        )

    def describe(self, data: bytes) -> dict[str, Any]:
        key = hashlib.sha256(data).hexdigest()
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
                return self._seen[key]
        described = description(self.look(data))
        with self._lock:
            self._seen[key] = described
            if len(self._seen) > _REMEMBERED:
                self._seen.popitem(last=False)
        return described
