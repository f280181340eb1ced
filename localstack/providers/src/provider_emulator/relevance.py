"""Which documents answer a question: word overlap and embedding together, with a threshold, places obeyed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from provider_emulator.places import lies_in, places_named
from provider_emulator.text_embedding import Matrix
from provider_emulator.words import content_words, overlap

Embed = Callable[[Sequence[str]], Matrix]

# Cosines of MiniLM: unrelated texts stay below 0.25, a question and its answer lie above 0.4.
_CLEARLY_NEAR = 0.42
_NEAR = 0.25
_OVERLAP_WEIGHT = 0.5
_LEAST_OF_BEST = 0.6


@dataclass(frozen=True, slots=True)
class Document:
    """Something with an id that can be cited."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class Scored:
    """A document that matches, with a score of 0..1."""

    document: Document
    score: float


def without_places(terms: Sequence[str]) -> list[str]:
    """The terms that are not names of places."""
    named = {word.lower() for place in places_named(" ".join(terms)) for word in place.split()}
    return [term for term in terms if term.lower() not in named]


def matching(question: str, documents: Sequence[Document], embed: Embed) -> list[Scored]:
    """The documents that match the question, best first; empty when none does.

    Places in the question are conditions: a document must name them, or something that lies within.
    """
    places = places_named(question)
    candidates = [d for d in documents if all(lies_in(d.text, place) for place in places)]
    terms = without_places(content_words(question))
    if not candidates:
        return []
    if not terms:
        return [Scored(document, 1.0) for document in candidates] if places else []
    vectors = embed([" ".join(terms), *(document.text for document in candidates)])
    cosines = vectors[1:] @ vectors[0]
    found = []
    for document, cosine in zip(candidates, cosines.tolist(), strict=True):
        share = overlap(terms, document.text)
        if cosine >= _CLEARLY_NEAR or (share > 0 and cosine >= _NEAR) or share >= 0.5:
            found.append(Scored(document, round(_OVERLAP_WEIGHT * share + (1 - _OVERLAP_WEIGHT) * max(cosine, 0.0), 4)))
    found.sort(key=lambda each: (-each.score, each.document.id))
    return [each for each in found if each.score >= _LEAST_OF_BEST * found[0].score]
