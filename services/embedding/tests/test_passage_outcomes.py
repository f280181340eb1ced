"""What becomes of a long item when some of its texts get no vector."""

import base64
import json
import struct

import pytest

from chassis.bus import MAX_BYTES
from contracts import new_event
from contracts.embedding import ItemEmbedded, encode_vector
from embedding.embedder import Outcome, Vector
from embedding.errors import ProviderUnavailableError, TextRejectedError
from embedding.passages import outcome, requests, texts, texts_of
from embedding.repository.documents import Document

READ = " ".join(f"Sentence {n} of a long page says something." for n in range(20))
LONG = Document("alice", "long", "a-1", 1, "The text of the item", READ)
SHORT = Document("alice", "short", "a-2", 1, "The text of the item")


def made(document: Document) -> dict[str, Outcome]:
    return {text: Vector((float(n), 1.0), 10) for n, text in enumerate(texts_of(document, 2))}


def test_a_text_of_several_items_is_asked_for_once() -> None:
    own, *passages = texts_of(LONG, 2)
    assert texts([LONG, SHORT, LONG], 2) == [own, *passages]
    assert len(passages) == 3
    assert texts_of(SHORT, 2) == [SHORT.text]


def test_a_long_item_has_the_vectors_of_its_passages_and_their_tokens() -> None:
    found = outcome(LONG, made(LONG), 2)
    assert isinstance(found, Vector)
    assert (found.values, found.tokens) == ((0.0, 1.0), 40)
    assert [struct.unpack("<2f", base64.b64decode(each.vector))[0] for each in found.passages] == [1, 2, 3]
    assert "".join(READ[each.start : each.end] for each in found.passages) == READ
    short = outcome(SHORT, made(SHORT), 2)
    assert isinstance(short, Vector)
    assert (short.tokens, short.passages) == (10, ())


def test_a_passage_that_stands_there_twice_is_paid_once() -> None:
    sentence = "The same sentence of a long page, which is as long as a passage may be" + " and longer" * 28 + ". "
    document = Document("alice", "long", "a-1", 1, "The text of the item", sentence.strip() + " " + sentence * 2)
    asked = texts_of(document, 2)
    assert len(asked) == len(set(asked))
    found = outcome(document, made(document), 2)
    assert isinstance(found, Vector)
    assert len(found.passages) >= len(asked)
    assert found.tokens == 10 * len(asked)


def test_documents_share_requests_as_far_as_their_texts_go() -> None:
    other = Document("alice", "other", "a-3", 1, "Another text", READ.replace("long", "short"))
    documents = {"long": LONG, "short": SHORT, "other": other}
    assert list(requests({}, 2, 8)) == []
    assert [list(group) for group in requests(documents, 2, 8)] == [["long", "short", "other"]]
    assert [list(group) for group in requests(documents, 2, 7)] == [["long", "short"], ["other"]]
    assert [list(group) for group in requests(documents, 2, 1)] == [["long"], ["short"], ["other"]]


def test_a_passage_that_is_refused_costs_the_item_no_other() -> None:
    _, first, second, third = texts_of(LONG, 2)
    found = outcome(LONG, made(LONG) | {second: TextRejectedError("no")}, 2)
    assert isinstance(found, Vector)
    assert [each.vector for each in found.passages] == [encode_vector([1.0, 1.0]), encode_vector([3.0, 1.0])]
    assert first != third


def test_an_item_waits_for_the_provider_and_fails_by_its_own_text_alone() -> None:
    own, *_, last = texts_of(LONG, 2)
    away, refused = ProviderUnavailableError("down"), TextRejectedError("no")
    assert outcome(LONG, made(LONG) | {last: away}, 2) is away
    assert outcome(LONG, made(LONG) | {own: refused, last: away}, 2) is refused


@pytest.mark.parametrize("dimensions", [256, 1024, 2048])
def test_the_longest_item_fits_into_an_event(dimensions: int) -> None:
    endless = Document("alice", "endless", "a-3", 1, "The text of the item", "A sentence of an endless page. " * 10_000)
    vector = Vector((0.1,) * dimensions, 1)
    found = outcome(endless, dict.fromkeys(texts_of(endless, dimensions), vector), dimensions)
    assert isinstance(found, Vector)
    fact = ItemEmbedded(
        vector=encode_vector(found.values),
        dimensions=dimensions,
        model="voyage-4-large",
        analysis_id="a-3",
        analysis_version=1,
        tokens=found.tokens,
        passages=found.passages,
    )
    written = json.dumps(new_event(fact, subject="endless", tenant_id="alice").to_wire())
    assert len(written) < 0.6 * MAX_BYTES
    assert len(found.passages) == (12 if dimensions == 2048 else 24)
