"""The text of a description that is embedded.

One line a subject, the most specific first, because models weigh what comes early and providers cut what is too long:
headline, summary, category, what it is of interest for, themes, objects, places, people and accounts, hashtags, mood,
source, and last the text in the picture, which may be a whole page. A line's label is part of the text: "Places: Kyoto"
lies nearer to a question about places than "Kyoto" alone. Nothing else goes in: changing this function changes every
vector, and a rebuild is needed to bring old and new together.

A long item has further vectors, of passages of the text in its picture: models read the beginning of a long text alone,
or make one vector of everything that it is about.
"""

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from contracts.analysis import Description

#: Characters; about 1,500 tokens, so that a full batch stays below the tightest of Voyage's limits (120,000 tokens).
MAX_LENGTH = 6000
_MAX_READ = 3000
#: Characters of a text that every model reads whole (256 tokens); an item with more has passages.
READ_WHOLE = 1000
#: Characters of a passage: of 200 to 1,000, with and without overlap, these found most for the vectors that they cost.
PASSAGE_LENGTH = 400
#: Of an item: with 1,024 dimensions 131 kB of an event, which may have 256 KiB.
MAX_PASSAGES = 24
_SENTENCES = re.compile(r"\n+|(?<=[.!?])\s+|(?<=[\u3002\uff01\uff1f])")
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


@dataclass(frozen=True, slots=True)
class Passage:
    """A part of the text in a picture: where it begins and ends, and the text of it that is embedded."""

    start: int
    end: int
    text: str


def read_text(description: Description) -> str:
    """The text in the picture, its entries joined by a space, where the item is long; else empty."""
    # Characters that cannot be stored are replaced, not removed, so that places stay what they are.
    read = " ".join(description.image_details.extracted_text).translate(dict.fromkeys(_UNSTORABLE, " "))
    return read if read.strip() and len(compose(description)) > READ_WHOLE else ""


def passages(read: str, dimensions: int) -> tuple[Passage, ...]:
    """The text in passages of whole sentences, one after another; of long texts longer ones, as long as models read.

    At most `MAX_PASSAGES` of vectors of 1,024 dimensions, of longer vectors fewer; what follows them has no vector.
    """
    most = MAX_PASSAGES * 1024 // max(dimensions, 1024)
    # Sentences do not fill a passage: a quarter more of it than equal parts would have.
    length = min(max(PASSAGE_LENGTH, len(read) * 5 // (most * 4)), READ_WHOLE)
    spans = ((start, end, _clean(read[start:end])) for start, end in _grouped(_sentences(read, length), length))
    return tuple(Passage(*span) for span in spans if span[2])[:most]


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


def _sentences(text: str, longest: int) -> Iterator[tuple[int, int]]:
    """Sentences and lines with the spaces after them, longer ones in parts; one after another they are the text."""
    start = 0
    for border in [*(match.end() for match in _SENTENCES.finditer(text)), len(text)]:
        while border - start > longest:
            space = text.rfind(" ", start + 1, start + longest)
            cut = space + 1 if space > 0 else start + longest
            yield start, cut
            start = cut
        if border > start:
            yield start, border
        start = border


def _grouped(spans: Iterable[tuple[int, int]], longest: int) -> Iterator[tuple[int, int]]:
    first, last = 0, 0
    for start, end in spans:
        if end - first > longest and last > first:
            yield first, last
            first = start
        last = end
    if last > first:
        yield first, last
