"""The vectors of a description: one of its text, which is the item's, and one of each passage."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from contracts.embedding import EmbeddedPassage, encode_vector
from embedding.embedder import Outcome, Vector
from embedding.errors import ProviderUnavailableError
from embedding.repository.documents import Document
from embedding.text import passages

K = TypeVar("K")


def texts(documents: Iterable[Document], dimensions: int) -> list[str]:
    """What is to be embedded of the documents, each text once."""
    every = (text for document in documents for text in texts_of(document, dimensions))
    return list(dict.fromkeys(every))


def texts_of(document: Document, dimensions: int) -> list[str]:
    """What is to be embedded of the document, each text once: its own, then its passages'."""
    return list(dict.fromkeys([document.text, *(passage.text for passage in passages(document.read, dimensions))]))


def requests(documents: Mapping[K, Document], dimensions: int, most: int) -> Iterator[dict[K, Document]]:
    """The documents in groups that have at most `most` texts together; one that has more is alone."""
    group: dict[K, Document] = {}
    for key, document in documents.items():
        if group and len(texts([*group.values(), document], dimensions)) > most:
            yield group
            group = {}
        group[key] = document
    if group:
        yield group


def outcome(document: Document, made: Mapping[str, Outcome], dimensions: int) -> Outcome:
    """The document's vector with its passages, of the outcomes of its texts.

    A passage that gets no vector is left out: the item is found by its others. An item without a vector of its own has
    none; while the provider is unavailable, it waits for all.
    """
    item = made[document.text]
    if not isinstance(item, Vector):
        return item
    used, embedded = {document.text: item.tokens}, []
    for passage in passages(document.read, dimensions):
        match made[passage.text]:
            case Vector(values, tokens):
                used[passage.text] = tokens
                embedded.append(EmbeddedPassage(start=passage.start, end=passage.end, vector=encode_vector(values)))
            case ProviderUnavailableError() as error:
                return error
    return Vector(item.values, sum(used.values()), tuple(embedded))
