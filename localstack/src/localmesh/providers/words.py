"""Words of a text: stems, content words and a few cheap tests, for English."""

import re

_WORD = re.compile(r"[\w']+", re.UNICODE)
_SUFFIXES = ("ies", "ing", "ers", "ed", "es", "er", "s")

STOP_WORDS = frozenset(
    ["a", "about", "above", "after", "again", "all", "also", "am", "an", "and", "any", "anything", "are", "as", "at", "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "could", "did", "do", "does", "doing", "don't", "down", "each", "every", "few", "find", "for", "from", "further", "get", "give", "got", "had", "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "i'd", "i'll", "i'm", "i've", "if", "in", "into", "is", "isn't", "it", "it's", "its", "just", "know", "let", "like", "list", "look", "looking", "many", "me", "more", "most", "much", "my", "need", "no", "nor", "not", "now", "of", "off", "on", "once", "one", "ones", "only", "or", "other", "our", "out", "over", "own", "pls", "please", "same", "see", "she", "should", "show", "showing", "so", "some", "something", "such", "tell", "than", "thank", "thanks", "that", "that's", "the", "their", "them", "then", "there", "these", "they", "thing", "things", "this", "those", "through", "to", "too", "under", "until", "up", "us", "very", "want", "was", "we", "were", "what", "what's", "when", "where", "which", "while", "who", "whom", "why", "will", "with", "would", "you", "your", "yes", "there's", "got", "contain", "contains", "containing", "mention", "mentions", "mentioning", "mentioned", "related", "regarding", "about", "taken", "saved", "save", "kept", "keep", "stored", "across", "anywhere", "somewhere"]
)

# Words that name the container, not what is in it.
CONTAINER_WORDS = frozenset(
    ["picture", "image", "photo", "pic", "photograph", "item", "collection", "screenshot", "capture", "shot", "file", "upload", "library", "gallery", "snap", "search", "result"]
)


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
    telling = [word for key, word in seen.items() if key not in CONTAINER_WORDS]
    return telling or list(seen.values())


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
