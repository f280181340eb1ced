"""Finds names of well-known places in text, and knows which place lies within which (Shibuya, Tokyo, Japan)."""

import functools
import json
import re
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Place names, what each lies within (nearest first), and the pattern that finds them."""

    spelled: MappingProxyType[str, str]
    within: MappingProxyType[str, tuple[str, ...]]
    pattern: re.Pattern[str]


@functools.cache
def gazetteer() -> Gazetteer:
    """The packaged gazetteer: some 250 cities, quarters and countries."""
    entries = json.loads(files(__package__).joinpath("data/gazetteer.json").read_text(encoding="utf-8"))
    spelled: dict[str, str] = {}
    within: dict[str, tuple[str, ...]] = {}
    for entry in entries:
        within[entry["name"]] = tuple(entry["within"])
        for spelling in (entry["name"], *entry.get("aliases", ())):
            spelled[spelling.lower()] = entry["name"]
    latin = sorted((re.escape(s) for s in spelled if s[0] < "\u2e80"), key=len, reverse=True)
    other = sorted((re.escape(s) for s in spelled if s[0] >= "\u2e80"), key=len, reverse=True)
    # CJK text has no spaces, so word boundaries are asked of the others only.
    pattern = re.compile(rf"(?<!\w)(?:{'|'.join(latin)})(?!\w)|(?:{'|'.join(other)})", re.IGNORECASE)
    return Gazetteer(MappingProxyType(spelled), MappingProxyType(within), pattern)


def places_named(text: str, *, capitalized: bool = False) -> list[str]:
    """The places named in the text, in order, each once. `capitalized` ignores all-lower-case mentions."""
    book, found = gazetteer(), dict[str, None]()
    for match in book.pattern.finditer(text):
        if capitalized and match.group()[0].islower():
            continue
        found[book.spelled[match.group().lower()]] = None
    return list(found)


def with_surroundings(places: list[str]) -> list[str]:
    """The places and everything they lie within: Shibuya gives Shibuya, Tokyo, Japan."""
    within = gazetteer().within
    return list(dict.fromkeys(name for place in places for name in (place, *within.get(place, ()))))


def lies_in(text: str, place: str) -> bool:
    """Whether the text names the place or one within it. A text about Shibuya lies in Tokyo."""
    return place in with_surroundings(places_named(text))
