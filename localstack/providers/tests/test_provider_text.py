"""Words, places and embeddings without a server."""

import numpy as np
import pytest

from provider_emulator.places import lies_in, places_named, with_surroundings
from provider_emulator.text_embedding import MiniLmEmbedder, WordHashEmbedder, projection
from provider_emulator.words import content_words, overlap


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    return MiniLmEmbedder()


def test_places() -> None:
    assert places_named("from shibuya to 京都駅 via New York City") == ["Shibuya", "Kyoto", "New York"]
    assert places_named("a bali hut and PARIS", capitalized=True) == ["Paris"]
    assert places_named("comparison of parishes") == []
    assert with_surroundings(["Shibuya"]) == ["Shibuya", "Tokyo", "Japan"]
    assert lies_in("lunch in Gion", "Kyoto")
    assert not lies_in("lunch in Kyoto", "Gion")


def test_content_words() -> None:
    assert content_words("Show me all the pictures of cats that I've saved") == ["cats"]
    assert content_words("my screenshots") == ["screenshots"]
    assert overlap(["receipts", "ramen"], "A receipt for noodles") == 0.5


def test_projection_keeps_cosines() -> None:
    matrix = projection(1024)
    assert np.allclose(matrix.T @ matrix, np.eye(384), atol=1e-5)


@pytest.mark.parametrize("dimensions", [256, 1024])
def test_vectors_are_unit_and_meaning_survives(minilm: MiniLmEmbedder, dimensions: int) -> None:
    vectors = minilm.embed(["a cat", "a kitten", "tax return form"], dimensions)
    assert vectors.shape == (3, dimensions)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.6 > 0.4 > vectors[0] @ vectors[2]


def test_a_text_has_one_vector_whatever_its_neighbours(minilm: MiniLmEmbedder) -> None:
    alone = MiniLmEmbedder().embed(["a cat"])
    beside = minilm.embed(["a much longer text about the harbour at night", "a cat"])
    assert np.array_equal(alone[0], beside[1])


def test_hashed_words() -> None:
    vectors = WordHashEmbedder().embed(["a cat in Tokyo", "cats of Tokyo", "tax return", "?"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[1] > 0.9
    assert abs(vectors[0] @ vectors[2]) < 0.3
