"""The text of a description that is embedded.

One line a subject, the most specific first, because models weigh what comes early and providers cut what is too long:
headline, summary, category, what it is of interest for, themes, objects, places, people and accounts, hashtags, mood,
source, and last the text in the picture, which may be a whole page. A line's label is part of the text: "Places: Kyoto"
lies nearer to a question about places than "Kyoto" alone. Nothing else goes in: changing this function changes every
vector, and a rebuild is needed to bring old and new together.
"""

import hashlib
from collections.abc import Iterable

from contracts.analysis import Description

#: Characters; about 1,500 tokens, so that a full batch stays below the tightest of Voyage's limits (120,000 tokens).
MAX_LENGTH = 6000
_MAX_READ = 3000
_UNSTORABLE = dict.fromkeys([0, *range(0xD800, 0xE000)])


def compose(description: Description) -> str:
    """The text to embed, at most `MAX_LENGTH` characters and never empty."""
    media, details = description.media_metadata, description.image_details
    accounts = [media.original_poster, *media.tagged_accounts]
    read = " ".join(_kept(details.extracted_text))[:_MAX_READ]
    lines = [
        _clean(description.headline),
        _clean(description.summary),
        _line("Category", [description.category, *description.subcategories]),
        _line("Of interest", [details.key_interest]),
        _line("Themes", details.themes),
        _line("Objects", details.objects),
        _line("Places", media.location_tags),
        _line("People and accounts", accounts),
        _line("Hashtags", media.hashtags),
        _line("Audio", [media.audio_source]),
        _line("Mood", [*details.emotions, *details.vibes]),
        _line("Source", [details.likely_source]),
        _line("Text in the picture", [read]),
    ]
    return "\n".join(line for line in lines if line)[:MAX_LENGTH].rstrip() or "picture"


def digest(text: str) -> str:
    """SHA-256 of the text, hexadecimal: equal texts have equal vectors."""
    return hashlib.sha256(text.encode()).hexdigest()


def _line(label: str, values: Iterable[str | None]) -> str:
    kept = _kept(values)
    return f"{label}: {', '.join(kept)}" if kept else ""


def _kept(values: Iterable[str | None]) -> list[str]:
    return [clean for value in values if value and (clean := _clean(value))]


def _clean(text: str) -> str:
    return " ".join(text.translate(_UNSTORABLE).split())
