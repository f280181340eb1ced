"""An item's description, and which parts of it are searchable."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from retrieval.filters import key, media_type_key
from retrieval.text import spelled, storable

# In the order of the body's lines. Paths lead into the description; a value is a text or a list of texts.
_SEARCHABLE = (
    ("headline",),
    ("summary",),
    ("category",),
    ("subcategories",),
    ("media_metadata", "original_poster"),
    ("media_metadata", "tagged_accounts"),
    ("media_metadata", "location_tags"),
    ("media_metadata", "audio_source"),
    ("media_metadata", "hashtags"),
    ("image_details", "extracted_text"),
    ("image_details", "objects"),
    ("image_details", "themes"),
    ("image_details", "emotions"),
    ("image_details", "vibes"),
    ("image_details", "visual_hierarchy"),
    ("image_details", "key_interest"),
    ("image_details", "likely_source"),
)
_CONTENT = ("analysis_id", "filename", "original_filename", "description")


@dataclass(frozen=True, slots=True)
class AnalyzedItem:
    """One version of an item's analysis, as its event carries it.

    `description` has the shape of `raw_response` in the HTTP API; keys that are missing count as empty. `analyzed_at`
    (with a zone) decides only between two analyses of the same version.
    """

    item_id: str
    version: int
    analysis_id: str
    analyzed_at: datetime
    filename: str
    original_filename: str
    description: Mapping[str, Any]

    def storable(self) -> "AnalyzedItem":
        """The same without characters that Postgres cannot store."""
        content = {name: _storable(getattr(self, name)) for name in _CONTENT}
        return replace(self, **content)

    def text(self, key: str) -> str:
        """A top-level string of the description, empty when it is missing or not a string."""
        value = self.description.get(key)
        return value if isinstance(value, str) else ""

    def body(self) -> str:
        """All searchable text, one field a line: the description's and the original file name."""
        lines = [" ".join(_texts(self.description, path)) for path in _SEARCHABLE]
        return "\n".join(line for line in [*lines, self.original_filename] if line)

    def spelling(self) -> str:
        """The body as phrases are looked for in it; no phrase goes from one field into the next."""
        return "\n".join(filter(None, map(spelled, self.body().split("\n"))))

    def keys(self) -> dict[str, Any]:
        """What filters compare, by column of `documents`."""
        media, details = ("media_metadata",), ("image_details",)
        places = [*_texts(self.description, (*media, "location_tags"))]
        return {
            "subcategories": _keys(_texts(self.description, ("subcategories",))),
            # "Gion, Kyoto" is in Gion, too.
            "places": _keys([*places, *(part for place in places for part in place.split(","))]),
            "people": _keys(
                text
                for name in ("original_poster", "tagged_accounts")
                for text in _texts(self.description, (*media, name))
            ),
            "tags": _keys(
                [*_texts(self.description, (*media, "hashtags")), *_texts(self.description, (*details, "themes"))]
            ),
            "source": key(" ".join(_texts(self.description, (*details, "likely_source")))),
            "has_text": any(text.strip() for text in _texts(self.description, (*details, "extracted_text"))),
            "media_type": media_type_key(self.filename),
        }

    def digest(self) -> bytes:
        """SHA-256 of the content, the same for equal content in any order of keys."""
        content = [getattr(self, name) for name in _CONTENT]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()


def searchable(description: Mapping[str, Any], original_filename: str) -> list[tuple[str, str]]:
    """The searchable texts of an item, each with the name of its field."""
    texts = [(path[-1], text) for path in _SEARCHABLE for text in _texts(description, path)]
    return [*texts, ("original_filename", original_filename)]


def _keys(texts: Iterable[str]) -> list[str]:
    return sorted({key(text) for text in texts} - {""})


def _texts(description: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    value: Any = description
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple):
        yield from (entry for entry in value if isinstance(entry, str))


def _storable(value: object) -> Any:  # noqa: ANN401 -- any JSON value comes back as itself
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, Mapping):
        return {storable(str(key)): _storable(entry) for key, entry in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [_storable(entry) for entry in value]
    return value
