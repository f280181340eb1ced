"""What the file of an item's picture says of it: when and with which camera it was taken, and its size."""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from retrieval.filters import key
from retrieval.text import storable


@dataclass(frozen=True, slots=True)
class Picture:
    """One processing of an item's picture, as its event carries it.

    `processed_at` has a zone; `taken_at`, the camera's clock, has none. `width` and `height` are pixels as shown.
    """

    item_id: str
    processed_at: datetime
    width: int
    height: int
    taken_at: datetime | None = None
    camera_make: str | None = None
    camera_model: str | None = None

    @property
    def orientation(self) -> str:
        """`landscape`, `portrait` or `square`."""
        if self.width == self.height:
            return "square"
        return "landscape" if self.width > self.height else "portrait"

    def columns(self) -> dict[str, Any]:
        """By column of `pictures`."""
        return {
            "taken_at": self.taken_at,
            "camera": self._camera(),
            "orientation": self.orientation,
            "width": self.width,
            "height": self.height,
        }

    def digest(self) -> bytes:
        """SHA-256 of the columns."""
        return hashlib.sha256(json.dumps(list(self.columns().values()), default=str).encode()).digest()

    def _camera(self) -> str | None:
        """As `camera` compares it; models often begin with their make: `Canon EOS R5`."""
        make, model = (key(storable(text or "")) for text in (self.camera_make, self.camera_model))
        return (model if f"{model} ".startswith(f"{make} ") else f"{make} {model}".strip()) or None
