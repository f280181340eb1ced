"""Words are found in other forms, by the rules of the language of their line."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from psycopg import Connection

from retrieval import AnalyzedItem, SearchMode, SearchQuery, project_analysis, search
from retrieval.explanation import explain

pytestmark = pytest.mark.integration

MakeItem = Callable[..., AnalyzedItem]

ITEMS = {
    "invoice": "Die Mahnungen und die Häuser sind nicht mehr auf dem Tisch",
    "house": "Das Haus ist auf dem Berg und nicht in der Stadt",
    "song": "Las canciones de la abuela y los cantantes que están en la plaza",
    "letter": "Les chevaux que nous avons vus dans les montagnes ne sont pas à vendre",
    "kitchen": "La pasta è nella pentola con le verdure e gli spaghetti che sono della nonna",
    "past": "The story of the past and of what was lost",
    "receipt": "The receipts from the hotels that we booked",
}
FORMS = {
    "mahnung": {"invoice"},
    "mahnungen": {"invoice"},
    "mahnugen": {"invoice"},
    "haus": {"invoice", "house"},
    "häuser": {"invoice", "house"},
    "hause": {"invoice", "house"},
    "canciones": {"song"},
    "cantante": {"song"},
    "montagne": {"letter"},
    "verdura": {"kitchen"},
    "pasta": {"kitchen"},
    "past": {"past", "kitchen"},
    "receipt": {"receipt"},
    "booking": {"receipt"},
    '"die häuser"': {"invoice"},
    "mahn*": {"invoice"},
    "hotel mahnung -receipt": {"invoice"},
    "mahnung receipt -mahnungen": {"receipt"},
}


@pytest.fixture
def mixed(conn: Connection[Any], make_item: MakeItem) -> Connection[Any]:
    """One tenant with items in five languages."""
    for item_id, summary in ITEMS.items():
        with conn.transaction():
            project_analysis(conn, "ann", make_item(item_id, summary))
    return conn


def test_words_are_found_in_other_forms_of_their_language(mixed: Connection[Any]) -> None:
    found = {text: {hit.item_id for hit in search(mixed, SearchQuery("ann", text, SearchMode.BM25))} for text in FORMS}

    assert found == FORMS


def test_every_form_is_one_word_of_the_bound_and_is_explained(mixed: Connection[Any]) -> None:
    query = SearchQuery("ann", "Mahnung", SearchMode.BM25)

    (hit,) = search(mixed, query)

    assert hit.coverage == 1
    assert explain(mixed, query, [hit])["invoice"].terms == ("Mahnungen",)


def test_an_item_that_has_a_word_by_two_languages_counts_once(conn: Connection[Any], make_item: MakeItem) -> None:
    with conn.transaction():
        both = make_item("both", "Die Mahnungen sind auf dem Tisch", headline="Mahnungen")
        project_analysis(conn, "ann", both)

    (hit,) = search(conn, SearchQuery("ann", "Mahnungen", SearchMode.BM25))

    # BM25 of tf = 2, df = n = 1 and a length of the average: ln(1 + .5 / 1.5) * 2 / (2 + 1.2), on the scale of FTS5.
    assert hit.score == pytest.approx(-2.2 * 0.28768207 * 2 / 3.2, abs=1e-6)


def test_single_letters_are_no_words_of_another_language(conn: Connection[Any], make_item: MakeItem) -> None:
    with conn.transaction():
        project_analysis(conn, "ann", make_item("flour", "D.O.P. flours, o-o-o"))

    assert [lexeme for (lexeme,) in conn.execute("SELECT lexeme FROM postings WHERE lexeme LIKE '%flour%'")] == [
        "flour"
    ]


WORDS = {"mahnung": "mahnung", "mahnungen": "mahnung", "tokyo": "tokyo", "haus": "haus", "hauser": "haus"}
"""In German, by their stems; of English, each is its own."""


def test_bm25_of_mixed_languages_is_the_reference(conn: Connection[Any], make_item: MakeItem) -> None:
    random, forms = Random(7), sorted(WORDS)
    german = {f"{number:02}": random.choices(forms, k=random.randint(1, 9)) for number in range(0, 40, 2)}
    english = {f"{number:02}": random.choices(forms, k=random.randint(1, 9)) for number in range(1, 40, 2)}
    for item, words in german.items():
        with conn.transaction():
            project_analysis(conn, "ann", make_item(item, " ".join(["und", "nicht", *words])))
    for item, words in english.items():
        with conn.transaction():
            project_analysis(conn, "ann", make_item(item, " ".join(words)))
    # German stop words are words, and so is the category.
    lengths = {item: len(words) + 3 for item, words in german.items()} | {i: len(w) + 1 for i, w in english.items()}
    average = sum(lengths.values()) / len(lengths)

    for query in forms:
        hits = search(conn, SearchQuery("ann", query, SearchMode.BM25, top_k=100))

        found = {item: sum(WORDS[word] == WORDS[query] for word in words) for item, words in german.items()}
        found |= {item: words.count(query) for item, words in english.items()}
        found = {item: tf for item, tf in found.items() if tf}
        idf = math.log(1 + (40 - len(found) + 0.5) / (len(found) + 0.5))
        assert {hit.item_id: hit.score for hit in hits} == {
            item: pytest.approx(-2.2 * idf * tf / (tf + 1.2 * (0.25 + 0.75 * lengths[item] / average)), abs=1e-6)
            for item, tf in found.items()
        }
