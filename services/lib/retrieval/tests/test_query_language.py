"""The query language of a search box: what is syntax, what is words, and that every text is a query."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.filters import Condition
from retrieval.query_language import MAX_CONDITIONS, ParsedQuery, parse_query
from retrieval.text import document_tokens, phrase_tokens, spelled

FOOD = Condition((("category", "food"),))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"soup recipe"', ParsedQuery("soup recipe", phrases=(" soup recipe ",))),
        ("“Soup  Recipe” red", ParsedQuery("Soup  Recipe red", phrases=(" soup recipe ",))),
        ('"東京" tower', ParsedQuery("東京 tower", phrases=("東京",))),
        ('"C++"', ParsedQuery("C++", phrases=(" c++ ",))),
        ("recipe -lentil", ParsedQuery("recipe", excluded_words=("lentil",))),
        ("recipe NOT lentil", ParsedQuery("recipe", excluded_words=("lentil",))),
        ("-Wi-Fi cable", ParsedQuery("cable", excluded_words=("wifi",))),
        ("station -東京", ParsedQuery("station", excluded_phrases=("東京",))),
        ('recipe -"lentil soup"', ParsedQuery("recipe", excluded_phrases=(" lentil soup ",))),
        ("and/or -and/or", ParsedQuery("and/or", excluded_phrases=(" and or ",))),
        ("hot rame*", ParsedQuery("hot rame", prefixes=("rame",))),
        ("category:food ramen", ParsedQuery("ramen", conditions=(FOOD,))),
        ("CATEGORY:food", ParsedQuery("", conditions=(FOOD,))),
        ('category:"Street food"', ParsedQuery("", conditions=(Condition((("category", "Street food"),)),))),
        ("ramen -category:food", ParsedQuery("ramen", conditions=(Condition((("category", "food"),), True),))),
        ("ramen NOT category:food", ParsedQuery("ramen", conditions=(Condition((("category", "food"),), True),))),
        ('-"???" recipe', ParsedQuery('-"???" recipe')),
    ],
)
def test_syntax(text: str, expected: ParsedQuery) -> None:
    assert parse_query(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "ramen in Kyoto",
        "Wi-Fi 3-4 C++ O'Brien",
        "https://example.com/a?b=c",
        "12:30",
        "note: this",
        "re:invent",
        "category:",
        "category:" + "x" * 201,
        'a 5" screen',
        "5 - 3",
        "--help",
        "do NOT",
        "not lentil",
        "*",
        "東京*",
        "???",
        "",
        "\ud800\x00",
    ],
)
def test_what_is_no_syntax_is_words(text: str) -> None:
    assert parse_query(text) == ParsedQuery(text)


@given(st.text(st.sampled_from('ab -"*:NOTcategory\u201c東\\%_(\x00\ud800 '), max_size=60) | st.text(max_size=60))
def test_every_text_is_a_query(text: str) -> None:
    parsed = parse_query(text)
    assert parsed.asks == (parsed.narrows or parsed.has_words)
    if not parsed.narrows and not parsed.prefixes:
        assert parsed.words == text


def test_a_query_has_a_limit_of_conditions_and_the_rest_is_words() -> None:
    parsed = parse_query(" ".join(f"-word{number}" for number in range(MAX_CONDITIONS + 3)))
    assert len(parsed.excluded_words) == MAX_CONDITIONS
    assert parsed.words == "-word16 -word17 -word18"


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_a_phrase_is_in_the_spelling_of_a_text_around_it(before: str, phrase: str, after: str) -> None:
    spelling = spelled(f"{before} {phrase} {after}")
    assert spelled(phrase) in spelling
    assert set(phrase_tokens(spelled(phrase))) <= set(document_tokens(f"{before} {phrase} {after}"))


def test_a_phrase_of_a_script_without_spaces_is_found_within_its_text() -> None:
    assert spelled("京タワ") in spelled("東京タワー")
    assert set(phrase_tokens(spelled("の京"))) <= set(document_tokens("東の京タ"))
    assert phrase_tokens("の") == []
    assert spelled("cat") not in spelled("concatenate")
