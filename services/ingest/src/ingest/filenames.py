"""The name a user gave to a file, sanitised: kept for display, never used as a path or a key."""

import re
import unicodedata

MAX_CHARACTERS = 255
_MAX_SUFFIX = 16
UNNAMED = "unnamed"

# Joiners are format characters too, but they hold emoji and some scripts together.
_JOINERS = frozenset("\u200c\u200d")


def clean_filename(given: str | None) -> str:
    """The last part of the given path, without control and direction characters, at most 255 characters long.

    The extension survives the cut. A name of which nothing remains is "unnamed".
    """
    text = unicodedata.normalize("NFC", given or "")
    text = "".join(" " if character.isspace() else character for character in text)
    text = "".join(character for character in text if _is_visible(character))
    name = re.split(r"[/\\]", text)[-1]
    name = re.sub(r" +", " ", name).strip()
    if not name.strip(". "):
        return UNNAMED
    if len(name) <= MAX_CHARACTERS:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix) > _MAX_SUFFIX:
        return name[:MAX_CHARACTERS]
    return f"{stem[: MAX_CHARACTERS - len(suffix) - 1]}.{suffix}"


def _is_visible(character: str) -> bool:
    return character in _JOINERS or not unicodedata.category(character).startswith("C")
