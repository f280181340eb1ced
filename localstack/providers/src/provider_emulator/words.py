"""Words of a text: stems, content words and a few cheap tests, for English."""

import re
from importlib.resources import files

_WORD = re.compile(r"[\w']+", re.UNICODE)
_SUFFIXES = ("ies", "ing", "ers", "ed", "es", "er", "s")

STOP_WORDS = frozenset(files(__package__).joinpath("data/stop_words.txt").read_text(encoding="utf-8").split())

# Words that name the container, not what is in it.
# fmt: off
CONTAINER_WORDS = frozenset((
    "capture", "collection", "file", "gallery", "image", "item", "library", "photo", "photograph",
    "pic", "picture", "result", "screenshot", "search", "shot", "snap", "upload",
))
# fmt: on


def stem(word: str) -> str:
    """A crude stem: lower case, without possessive and the commonest endings. `receipts` and `receipt` meet."""
    word = word.lower().removesuffix("'s").strip("'_")
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3 and not word.endswith("ss"):
            base = word.removesuffix(suffix)
            if suffix == "ies":
                return base + "y"
            if suffix == "es" and not base.endswith(("s", "x", "z", "ch", "sh")):
                return base + "e"
            return base
    return word


def words(text: str) -> list[str]:
    """All words, as written."""
    return _WORD.findall(text)


def stems(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order, repeats kept."""
    return [stem(word) for word in words(text) if word.lower() not in STOP_WORDS]


def content_words(text: str) -> list[str]:
    """The words that carry meaning, as written, in order, each once; container words only if nothing else is there."""
    seen: dict[str, str] = {}
    for word in words(text):
        bare = word.strip("'_")
        if bare and bare.lower() not in STOP_WORDS:
            seen.setdefault(stem(bare), bare)
    informative = [word for key, word in seen.items() if key not in CONTAINER_WORDS]
    return informative or list(seen.values())


def overlap(wanted: list[str], text: str) -> float:
    """The share (0..1) of the wanted words whose stem occurs in the text. 0 when nothing is wanted."""
    keys = {stem(word) for word in wanted}
    if not keys:
        return 0.0
    present = {stem(word) for word in words(text)}
    return len(keys & present) / len(keys)


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line break ends one too."""
    return [part.strip() for part in re.split(r"(?<=[.!?])\s+|\n+", text) if part.strip()]
