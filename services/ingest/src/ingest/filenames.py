"""The name a user gave to a file, sanitised: kept for display and downloads, never used as a path or a key."""

import re
import unicodedata
from urllib.parse import quote

MAX_CHARACTERS = 255
_MAX_SUFFIX = 16
#: UTF-8 bytes of a download's name: what file systems take, and few enough for a link in a header.
MAX_BYTES = 255
UNNAMED = "unnamed"
# What may stand in a quoted string and is no separator or wildcard of any file system.
_UNSAFE = re.compile(r"[^A-Za-z0-9 !#$&'()+,.;=@^_`{}~-]")

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
    stem, suffix = _split(name)
    return f"{stem[: MAX_CHARACTERS - len(suffix)]}{suffix}"


def content_disposition(name: str) -> str:
    """The header by which a picture that is saved gets that name (RFC 6266), whatever the name holds.

    ASCII alone: `filename*` carries the name, `filename` what programs get that do not know the former.
    """
    stem, suffix = _split(clean_filename(name))
    room = MAX_BYTES - len(suffix.encode())
    # Cutting may split a character: that one goes.
    whole = stem.encode()[:room].decode(errors="ignore") + suffix
    letters = (each for each in unicodedata.normalize("NFKD", whole) if not unicodedata.combining(each))
    # Nothing is left of a name that is accents alone.
    plain = _UNSAFE.sub("_", "".join(letters)) or "_"
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quote(whole, safe='')}"


def _split(name: str) -> tuple[str, str]:
    """Stem and extension, with its dot; what is too long to be one belongs to the stem."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, f".{suffix}") if dot and len(suffix) <= _MAX_SUFFIX else (name, "")


def _is_visible(character: str) -> bool:
    return character in _JOINERS or not unicodedata.category(character).startswith("C")
