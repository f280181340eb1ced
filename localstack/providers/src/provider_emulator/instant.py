"""Canned answers for benchmarks: valid, at once, different for different pictures, and without any model."""

import hashlib
from typing import Any

_SUBJECTS = (
    ("receipt", ("purchase", "expenses"), "Receipt from Corner Shop, total 12.40", "Tokyo"),
    ("screenshot", ("terminal", "software"), "Terminal: error connecting to the database", "Berlin"),
    ("poster", ("event", "announcement"), "Poster: Jazz night at the harbour", "Kyoto"),
    ("food", ("dish", "meal"), "Photo of a bowl of ramen", "Tokyo"),
    ("landscape", ("mountains", "nature"), "Photo of mountains above a lake", "Zurich"),
    ("animal", ("cat", "pet"), "Photo of a cat on a sofa", "Paris"),
    ("document", ("text page", "reading"), "Document: Rental agreement", "Vienna"),
    ("architecture", ("landmark", "building"), "Photo of an old bell tower", "Florence"),
)


def canned_description(data: bytes) -> dict[str, Any]:
    """The description of a picture chosen by its bytes' hash; the hash is in the text, so no two are equal."""
    digest = hashlib.sha256(data).hexdigest()
    category, subcategories, headline, place = _SUBJECTS[int(digest[:8], 16) % len(_SUBJECTS)]
    mark = digest[:8]
    return {
        "category": category.title(),
        "subcategories": list(subcategories),
        "headline": f"{headline} ({mark})",
        "summary": f"{headline}, {place}. The picture carries the mark {mark}.",
        "media_metadata": {
            "original_poster": None,
            "tagged_accounts": [],
            "location_tags": [place],
            "audio_source": None,
            "hashtags": [],
        },
        "image_details": {
            "extracted_text": [mark],
            "objects": [subcategories[0]],
            "themes": list(subcategories),
            "emotions": ["neutral"],
            "vibes": ["practical"],
            "visual_hierarchy": [headline],
            "key_interest": headline,
            "likely_source": "camera",
        },
    }
