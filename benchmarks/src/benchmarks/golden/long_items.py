"""Long items whose fact stands at their end: pages of text about nothing that is asked for, with one sentence that is.

What is asked for are the golden set's semantic queries, which have no word of it: only a vector can find it.
"""

import statistics
import uuid
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from benchmarks.golden.asking import Collection, items, queries
from benchmarks.golden.making import SEED, Item
from contracts.analysis import Description, ImageDetails
from mesh.evaluate.scoring import Query
from retrieval.query import SearchMode

#: Characters before the fact, about: more than embedders of 256 tokens read.
BEFORE = 3000
_WHO = ("The committee", "The second clause", "This annex", "The secretary", "Each member", "The revised draft")
_DID = ("was informed of", "refers to", "postponed", "approved", "takes note of", "replaces", "sets out", "reviewed")
_WHAT = (
    "the minutes",
    "the statutes",
    "the budget of the year",
    "the second reading",
    "the list of duties",
    "the vote",
)
_WHEN = ("without debate", "as before", "in accordance with paragraph four", "at its next meeting", "by a majority")


def long_items() -> tuple[list[Item], list[Query]]:
    """A page for each semantic query, and the queries, to which only the page is relevant."""
    known = {item.original_filename: item for item in items()}
    asked = [query for query in queries().queries if query.kind == "semantic"]
    pages = [_page(known[max(query.relevant, key=query.relevant.__getitem__)], query.id) for query in asked]
    return pages, [
        query.model_copy(update={"relevant": {page.original_filename: 3}})
        for page, query in zip(pages, asked, strict=True)
    ]


def recall(collection: Collection, asked: Sequence[Query], mode: SearchMode, *, with_passages: bool = True) -> float:
    """The share of the queries whose page is among the best ten; the items of the golden set that are meant, too, are
    left to stand before it."""
    found = collection.ask(asked, mode, with_passages=with_passages)
    return statistics.fmean(any(collection.name(hit) in each.query.relevant for hit in each.hits) for each in found)


def _page(item: Item, name: str) -> Item:
    random = Random(f"{SEED} {name}")
    text = ""
    while len(text) < BEFORE:
        who, did, what, when = map(random.choice, (_WHO, _DID, _WHAT, _WHEN))
        text += f"{who} {did} {what} {when}. "
    item_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
    return replace(
        item,
        item_id=item_id,
        filename=f"{item_id}.png",
        original_filename=f"{name}.png",
        description=Description(
            category="Document",
            headline="A page of text",
            summary="A scanned page of printed text.",
            image_details=ImageDetails(extracted_text=(text + item.description.summary,)),
        ),
    )
