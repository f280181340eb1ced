"""Answers from sources cite what matches, and nothing else."""

import pytest

from provider_emulator.answering import answer, sources_of
from provider_emulator.prompt import Ask, Turn
from provider_emulator.text_embedding import WordHashEmbedder

ITEMS = """<items>
<item id="a1"><headline>Receipt from SAKURA RAMEN, Shibuya</headline>
<summary>Shoyu ramen 980. Total 1,540.</summary></item>
<item id="b2">Photo of a cat. A domestic cat on a sofa.</item>
<item id="c3">Poster: JAZZ NIGHT, Kyoto</item>
</items>"""
EMBED = WordHashEmbedder().embed


def ask(user: str, system: str = "") -> Ask:
    return Ask("m", (Turn("user", user),), system=system)


@pytest.mark.parametrize(
    ("question", "cited"),
    [
        ("What was the total at the ramen place?", ["a1"]),
        ("Is there a cat?", ["b2"]),
        ("What is on in Kyoto?", ["c3"]),
        ("ramen in Tokyo", ["a1"]),
        ("ramen in Berlin", []),
        ("quantum physics", []),
    ],
)
def test_only_matching_items_are_cited(question: str, cited: list[str]) -> None:
    sources = sources_of(ask(f"{ITEMS}\n\nQuestion: {question}"))
    assert sources is not None
    assert sources.question == question
    answered = answer(sources, EMBED)
    assert answered["citations"] == cited
    assert all(f"[{key}]" in answered["answer"] for key in cited)
    assert (answered["confidence"] > 0) == bool(cited)


def test_the_sentence_that_answers_is_quoted() -> None:
    sources = sources_of(ask(f"{ITEMS}\nQuestion: What was the total at the ramen place?"))
    assert sources is not None
    assert "Total 1,540" in answer(sources, EMBED)["answer"]


def test_sources_in_the_system_prompt_and_numbered_sources() -> None:
    in_system = sources_of(ask("Is there a cat?", f"Use these.\n{ITEMS}"))
    assert in_system is not None
    assert in_system.question == "Is there a cat?"
    numbered = sources_of(ask("[1] Photo of a cat\n[2] Poster of a band\n\nQuestion: cat?"))
    assert numbered is not None
    assert [document.id for document in numbered.documents] == ["1", "2"]


def test_a_prompt_without_sources_has_none() -> None:
    assert sources_of(ask("Is there a cat?")) is None
