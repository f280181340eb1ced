"""Which citations of an answer its sources support, and how far it can be trusted."""

from dataclasses import replace

import pytest

from retrieval import Hit, ScoreType
from retrieval.citations import checked, trusted
from retrieval.confidence import strength

RAMEN = "Bowl of tonkotsu ramen\nA bowl of ramen with an egg in Shinjuku, 1200 yen.\nfood"
HOTEL = "Hotel bill\nA bill of the Hotel Aurora in Lisbon, 312.40 EUR, 14 March.\nreceipt"


def hit(item_id: str, body: str = RAMEN, similarity: float | None = 0.5, share: float | None = None) -> Hit:
    texts = ("food", "Ramen", "A bowl.", "a.png", "IMG.png", "analysis")
    return Hit(item_id, 1, 0.5, ScoreType.HYBRID, None, similarity, *texts, 1, {}, body, share)


HITS = [hit("ramen-1"), hit("hotel-1", HOTEL, 0.25)]


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("You ate ramen in Shinjuku [ramen-1].", ("ramen-1",)),
        ("You ate ramen in Shinjuku [hotel-1].", ()),
        ("Ramen with an egg [ramen-1]; the hotel cost 312.40 EUR [hotel-1].", ("ramen-1", "hotel-1")),
        ("A bowl of ramen in Shinjuku [hotel-1]; the hotel cost 312.40 EUR [ramen-1].", ()),
        ("The Hotel Aurora in Lisbon cost 999.00 EUR [hotel-1].", ("hotel-1",)),
        ("It cost 999.00 [hotel-1].", ()),
        ("Bowls of ramens [ramen-1]. Flights to Oslo, business class [ramen-1].", ("ramen-1",)),
        ("[ramen-1] is a bowl of ramen.", ("ramen-1",)),
        ("Both are from Shinjuku ramen bars [ramen-1], [hotel-1].", ("ramen-1",)),
        ("Yes [ramen-1].", ("ramen-1",)),
        ("- Bowl of tonkotsu ramen [ramen-1]\n- Hotel bill, Lisbon [hotel-1]", ("ramen-1", "hotel-1")),
        ("Nothing of that [x].", ()),
    ],
)
def test_a_citation_is_kept_where_its_source_supports_it(answer: str, kept: tuple[str, ...]) -> None:
    assert checked(answer, HITS).citations == kept


def test_what_is_dropped_is_counted_and_leaves_the_text() -> None:
    given = checked("Ramen in Shinjuku [ramen-1]. A flight to Oslo in May [hotel-1].", HITS)
    assert given.text == "Ramen in Shinjuku [ramen-1]. A flight to Oslo in May."
    assert (given.citations, given.dropped, given.confidence) == (("ramen-1",), 1, 0.25)


def test_ids_that_a_model_lists_are_checked_against_all_that_it_says() -> None:
    given = checked("You ate ramen in Shinjuku. It was good.", HITS, ["ramen-1", "hotel-1", "unknown", "ramen-1"])
    assert (given.citations, given.dropped, given.confidence) == (("ramen-1",), 2, 0.17)
    assert checked("Nothing fits.", HITS, []).confidence == 0


@pytest.mark.parametrize(
    ("evidence", "stated", "expected"), [(0.9, 0.4, 0.9), (0.9, 0.39, 0.39), (0.1, 0.3, 0.1), (0.5, 1.0, 0.5)]
)
def test_a_models_doubt_is_believed_and_its_certainty_is_not(evidence: float, stated: float, expected: float) -> None:
    assert trusted(evidence, stated) == expected


@pytest.mark.parametrize("answer", ["ラーメンを食べました [x]", "東京のラーメン [x]"])
def test_text_without_spaces_is_compared_too(answer: str) -> None:
    assert checked(answer, [hit("x", "夜のラーメン、東京")]).citations == ("x",)
    assert checked(answer, [hit("x", "海の写真")]).citations == ()


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (hit("a", similarity=0.5), 0.5),
        (hit("a", similarity=-0.5), 0.0),
        (hit("a", similarity=0.5, share=0.36), 0.8),
        (replace(hit("a", similarity=None, share=0.9), bm25=-3.0), 1.0),
        (hit("a", similarity=None), 1.0),
    ],
)
def test_how_well_a_hit_matches(found: Hit, expected: float) -> None:
    assert strength(found) == pytest.approx(expected)
