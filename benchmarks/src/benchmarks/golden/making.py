"""Makes the golden set from its sources in `benchmarks/golden`: the same set every time.

`families.yaml` has subjects with several pictures each, so an item's near misses are known, and with them the grades:
3 for what is asked for, 1 for another picture of its subject. `unanswerable.yaml` has queries that nothing answers.
"""

import hashlib
import re
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

import yaml

from benchmarks.golden.places import FAMILIES, UNANSWERABLE
from contracts.analysis import Description, ImageDetails, MediaMetadata
from mesh.evaluate.scoring import Query
from provider_emulator.words import STOP_WORDS, stems
from retrieval.text import document_tokens

SEED = 20261130
EXACT, SIBLING = 3, 1
_NAMESPACE = uuid.UUID("5d0c2a5e-0b7e-4b43-9a5b-3f7f1c1f6a10")
_ACCOUNTS = ("@mira.eats", "@tomas_outdoors", "@studio.falk", "@leilaonfilm", "@ben.and.co")
_MOODS = ("calm", "cheerful", "nostalgic", "busy", "tender", "proud", "focused", "playful")
_SOURCES = {"camera": "phone camera", "screenshot": "phone screenshot", "scan": "document scanner"}
_FILES = {"camera": "IMG_{number}.jpg", "screenshot": "Screenshot_{number}.png", "scan": "Scan {number}.png"}
_ASIDES = (
    "Slightly out of focus at the edges.",
    "Taken from above in soft light.",
    "The left margin is cropped.",
    "A thumb covers one corner.",
    "Colours are muted.",
    "Somebody's elbow is visible.",
    "Contrast is strong, shadows are deep.",
    "The horizon tilts a little.",
    "Reflections disturb the upper half.",
    "A date is faintly visible.",
)
_STOP_WORDS = STOP_WORDS | {
    *("de", "la", "el", "en", "los", "las", "un", "una", "por", "para", "lo", "que"),
    *("die", "der", "das", "ein", "zu", "im", "ins", "vom"),
}
_MISTAKABLE = re.compile(r"^[A-Za-z][a-z]{5,}$")


@dataclass(frozen=True)
class Item:
    """A made description under the name of its file."""

    item_id: str
    original_filename: str
    filename: str
    description: Description

    @property
    def text(self) -> str:
        """Everything that can be searched."""
        return " ".join([*_strings(self.description.model_dump(mode="json")), self.original_filename])


@dataclass(frozen=True)
class Family:
    """A subject and its items, row by row."""

    id: str
    language: str
    category: str
    single: str
    multi: str
    semantic: str
    rows: Sequence[Mapping[str, str]]
    items: Sequence[Item] = field(default=())

    def only(self, row: int, *, siblings: int = SIBLING) -> dict[str, int]:
        """The grades where one row is asked for."""
        grades = {item.original_filename: siblings for item in self.items}
        return {name: grade for name, grade in grades.items() if grade} | {self.items[row].original_filename: EXACT}

    def where(self, rows: Sequence[int]) -> dict[str, int]:
        """The grades where exactly these rows are asked for."""
        return {self.items[row].original_filename: EXACT for row in rows}


class GoldenSourceError(ValueError):
    """The sources make no set whose truth is known."""


def make() -> tuple[list[Item], list[Query]]:
    """All items and queries.

    Raises:
        GoldenSourceError: a semantic query uses a word of its items, or two queries would have the same id.
    """
    families = list(_families(yaml.safe_load(FAMILIES.read_text(encoding="utf-8"))))
    items = [item for family in families for item in family.items]
    frequency = Counter(token for item in items for token in set(document_tokens(item.text)))
    queries = [query for place, family in enumerate(families) for query in _queries(family, place, frequency)]
    queries += _unanswerable(yaml.safe_load(UNANSWERABLE.read_text(encoding="utf-8")))
    if len({query.id for query in queries}) < len(queries):
        raise GoldenSourceError("two queries have the same id")
    return items, queries


def is_held_out(query_id: str) -> bool:
    """Whether nothing may be fitted on the query: half of all are, whatever is added."""
    return hashlib.sha256(query_id.encode()).digest()[0] % 2 == 1


def _families(sources: Sequence[Mapping[str, Any]]) -> Iterator[Family]:
    number = 1000
    for source in sources:
        random = Random(f"{SEED} {source['id']}")
        names = ("a", "b", "place", "more", "text")
        rows = [dict(zip(names, (cell.strip() for cell in row.split(" | ")), strict=True)) for row in source["rows"]]
        rows = [{name: "" if cell == "-" else cell for name, cell in row.items()} for row in rows]
        items = []
        for row in rows:
            number += random.randint(1, 40)
            items.append(_item(source, row, number, random))
        single = "" if source["single"] == "-" else source["single"]
        yield Family(
            source["id"],
            source.get("language", "english"),
            source["is"][0],
            single,
            source["multi"],
            source["semantic"],
            rows,
            items,
        )


def _item(source: Mapping[str, Any], row: Mapping[str, str], number: int, random: Random) -> Item:
    category, subcategory, origin = source["is"]
    things, themes = (source[name].split(", ") for name in ("things", "themes"))
    asides = [each for each in _ASIDES if not set(stems(each)) & set(stems(source["semantic"]))]
    said = [_filled(source["body"], row), *([random.choice(asides)] if random.random() < 0.5 else [])]
    is_posted = origin not in _SOURCES
    name = _FILES.get(origin, "{number}_n.webp").format(number=f"{number:04}")
    item_id = str(uuid.uuid5(_NAMESPACE, name))
    description = Description(
        category=category,
        subcategories=(subcategory,),
        headline=_capital(_filled(source["head"], row)),
        summary=" ".join(_capital(sentence) for sentence in said),
        media_metadata=MediaMetadata(
            original_poster=random.choice(_ACCOUNTS) if is_posted else None,
            location_tags=(row["place"],) if row["place"] else (),
            hashtags=(f"#{subcategory.replace(' ', '')}",) if is_posted else (),
        ),
        image_details=ImageDetails(
            extracted_text=(row["text"],) if row["text"] else (),
            objects=tuple(things),
            themes=tuple(themes),
            vibes=(random.choice(_MOODS),),
            likely_source=_SOURCES.get(origin, origin),
        ),
    )
    return Item(item_id, name, f"{item_id}.{name.rpartition('.')[2]}", description)


def _queries(family: Family, place: int, frequency: Mapping[str, int]) -> Iterator[Query]:
    random = Random(f"{SEED} {family.id} queries")
    row = random.randrange(len(family.rows))
    every = range(len(family.rows))

    def query(form: str, text: str, relevant: dict[str, int], **options: Any) -> Query:
        kind = form if family.language == "english" or form in ("typo", "filter") else family.language
        return Query(id=f"{form}-{family.id}", text=text, kind=kind, relevant=relevant, options=options)

    _check_semantic(family)
    yield query("semantic", family.semantic, family.where(every))
    if family.single:
        yield query("single", family.single, family.where(every))
    multi = " ".join(_filled(family.multi, family.rows[row]).split())
    yield query("multi", multi, family.only(row))
    for exact_row in random.sample(every, len(every)):
        if code := _unique(family.rows[exact_row]["text"], frequency):
            yield query("exact", code, family.only(exact_row, siblings=0))
            break
    if misspelled := _misspelled(multi, frequency, random):
        yield query("typo", misspelled, family.only(row))
    if family.single:
        yield from _narrowed(family, place, query)


def _narrowed(family: Family, place: int, query: Any) -> Iterator[Query]:
    places = [row["place"].rpartition(", ")[2] for row in family.rows]
    row = place % len(family.rows)
    here = [other for other, name in enumerate(places) if name and name == places[row]]
    if place % 3 == 0 and here:
        yield query("filter", family.single, family.where(here), place=places[row])
    elif place % 3 == 1 and here:
        name = f'"{places[row]}"' if " " in places[row] else places[row]
        yield query("filter", f"{family.single} place:{name}", family.where(here))
    elif family.language != "japanese":
        word = max(re.findall(r"\w+", family.rows[row]["a"]), key=len)
        rest = [
            other
            for other, item in enumerate(family.items)
            if not set(document_tokens(word)) & set(document_tokens(item.text))
        ]
        if set(stems(word)).isdisjoint(stems(family.single)) and rest:
            yield query("filter", f"{family.single} -{word}", family.where(rest), category_filter=family.category)


def _unanswerable(sources: Mapping[str, Sequence[Any]]) -> list[Query]:
    return [
        Query(id=f"no-result-{kind.split()[0]}-{place}", text=str(text), kind="no-result")
        for kind, texts in sources.items()
        for place, text in enumerate(texts)
    ]


def _check_semantic(family: Family) -> None:
    asked = set(document_tokens(family.semantic)) | set(stems(family.semantic))
    for item in family.items:
        shared = asked & (set(document_tokens(item.text)) | set(stems(item.text)))
        if shared := {word for word in shared if word not in _STOP_WORDS and len(word) > 1}:
            raise GoldenSourceError(f"{family.id}: {item.original_filename} has words of its semantic query: {shared}")


def _unique(text: str, frequency: Mapping[str, int]) -> str:
    """The longest piece of the text that has a token which no other item has."""
    pieces = [piece.strip(".,!?()") for piece in text.split()]
    unique = [
        piece
        for piece in pieces
        if len(piece) > 2 and piece[0].isalnum() and any(frequency[token] == 1 for token in document_tokens(piece))
    ]
    return max(unique, key=len, default="")


def _misspelled(text: str, frequency: Mapping[str, int], random: Random) -> str:
    """The text with a mistake in its longest word, empty where no word is long enough."""
    words = text.split()
    longest = max(words, key=lambda word: (bool(_MISTAKABLE.match(word)), len(word)))
    if not _MISTAKABLE.match(longest):
        return ""
    while True:
        place = random.randrange(1, len(longest) - 1)
        wrong = random.choice(
            (
                longest[:place] + longest[place + 1 :],
                longest[:place] + longest[place + 1] + longest[place] + longest[place + 2 :],
                longest[:place] + random.choice("aeiornst") + longest[place:],
                longest[:place] + random.choice("aeiornst") + longest[place + 1 :],
            )
        )
        if not any(frequency.get(token) for token in document_tokens(wrong)):
            return " ".join(wrong if word == longest else word for word in words)


def _filled(template: str, row: Mapping[str, str]) -> str:
    return template.format(**row).strip()


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _strings(entry)
    elif isinstance(value, list | tuple):
        for entry in value:
            yield from _strings(entry)
