"""What a contract marks personal appears nowhere but in the event itself."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from jsonschema import Draft202012Validator

from contracts import REGISTRY, Contract
from contracts.contract import Part
from contracts.personal import MASK, Personal, masked, personal_paths, redaction
from contracts.schemas import consumer_schema, examples, producer_schema

ROOT = Path(__file__).parents[1]
EXAMPLES = list(examples(ROOT / "examples"))
ANALYZED = ROOT / "examples/collections.analysis.item-analyzed.v1/1.0/receipt.json"
#: Every field of the wire that is about a person, by its last step: the review list of this registry.
PERSONAL = {
    *("original_filename", "location", "content", "search_results", "tools_used", "vector", "detail"),
    *("category", "subcategories", "headline", "summary", "original_poster", "tagged_accounts", "location_tags"),
    *("audio_source", "hashtags", "extracted_text", "objects", "themes", "emotions", "vibes", "visual_hierarchy"),
    *("key_interest", "likely_source", "who", "why", "passages"),
}


def contracts() -> list[type[Contract]]:
    return [*REGISTRY, *REGISTRY.retired()]


def schema_paths(schema: dict[str, Any], node: Any, path: str = "") -> set[str]:
    """Where a schema has x-personal, found without the code under test."""
    found: set[str] = set()
    if not isinstance(node, dict):
        return found
    if node.get("x-personal"):
        return {path}
    for name, inner in node.get("properties", {}).items():
        found |= schema_paths(schema, inner, f"{path}/{name}" if path else name)
    for keyword in ("items", "$ref"):
        inner = node.get(keyword)
        if isinstance(inner, str):
            inner = schema["$defs"][inner.rpartition("/")[2]]
        found |= schema_paths(schema, inner, path)
    for keyword in ("anyOf", "oneOf", "allOf"):
        for inner in node.get(keyword, []):
            found |= schema_paths(schema, inner, path)
    return found


def test_the_personal_fields_are_those_of_the_review_list() -> None:
    assert {path.rpartition("/")[2] for contract in contracts() for path in personal_paths(contract)} == PERSONAL


@pytest.mark.parametrize("contract", contracts(), ids=lambda c: c.event_type)
def test_schemas_carry_the_marks(contract: type[Contract]) -> None:
    for schema in (consumer_schema(contract), producer_schema(contract)):
        assert schema_paths(schema, schema) == set(personal_paths(contract))


@pytest.mark.parametrize("path", [path for *_, path in EXAMPLES], ids=lambda p: f"{p.parents[1].name}/{p.stem}")
def test_masked_examples_keep_their_shape(path: Path) -> None:
    contract = REGISTRY.contract(path.parents[1].name)
    data = json.loads(path.read_text(encoding="utf-8"))["data"]
    shown = masked(contract, data)
    Draft202012Validator(producer_schema(contract)).validate(shown)
    assert shown.keys() == data.keys()
    assert (shown == data) == (not any(name.split("/")[0] in data for name in personal_paths(contract)))


def test_masking_reaches_every_depth_and_only_what_is_marked() -> None:
    data = json.loads(ANALYZED.read_text(encoding="utf-8"))["data"]
    shown = masked(REGISTRY.contract("collections.analysis.item-analyzed.v1"), data)
    assert shown["description"]["headline"] == shown["original_filename"] == MASK
    assert set(shown["description"]["image_details"]["extracted_text"]) == {MASK}
    assert (shown["model"], shown["filename"], shown["version"]) == (data["model"], data["filename"], data["version"])


def test_numbers_and_objects_are_masked_too() -> None:
    processed = REGISTRY.contract("collections.imaging.image-processed.v1")
    place = {"latitude": 48.2, "longitude": 16.3}
    assert masked(processed, {"exif": {"location": place, "iso": 200}})["exif"] == {
        "location": {"latitude": 0.0, "longitude": 0.0},
        "iso": 200,
    }
    turn = REGISTRY.contract("collections.chat.turn-completed.v1")
    answer = {"search_results": [{"title": "Ramen", "score": 0.5, "none": None}]}
    assert masked(turn, {"answer": answer})["answer"] == {
        "search_results": [{"title": MASK, "score": 0.0, "none": None}]
    }


def test_redaction_strikes_out_whole_personal_words_in_any_escaping() -> None:
    event = REGISTRY.read(json.loads(ANALYZED.read_text(encoding="utf-8")))
    data: Any = event.data
    details = data.description.image_details.model_copy(
        update={"themes": ("food", "line\nbreak"), "objects": ("Käse",)}
    )
    data = data.model_copy(update={"description": data.description.model_copy(update={"image_details": details})})
    redact = redaction(data)
    redacted = redact(f"no food in foodstuff; {data.description.headline!r}")
    assert redacted == f"no {MASK} in foodstuff; '{MASK}'"
    assert redact("line\\nbreak, line\nbreak, K\\u00e4se, Käse") == ", ".join([MASK] * 4)
    assert redaction(REGISTRY.contract("collections.ingest.item-deleted.v1")())("anything at all") == "anything at all"


class Opinion(Part):
    words: Annotated[str, Personal()]
    stars: int


class Note(Contract):
    """Marks at every depth that a payload can have."""

    event_type: ClassVar[str] = "collections.ingest.note-taken.v1"
    schema_version: ClassVar[str] = "1.0"
    when: Annotated[datetime, Personal()]
    text: Annotated[str, Personal()] = "quite plain"
    opinions: list[Opinion] = []
    best: Opinion | None = None
    worst: Annotated[Opinion | None, "no mark of ours"] = None
    everything: Annotated[dict[str, Any], Personal()] = {}
    grade: str = "excellent"
    plain: dict[str, Any] = {"far": {"below": "untouched"}}


def test_marks_are_found_in_lists_options_and_annotations() -> None:
    assert personal_paths(Note) == (*("when", "text", "opinions/words", "best/words", "worst/words", "everything"),)


def test_lists_of_parts_are_masked_item_by_item() -> None:
    shown = masked(Note, {"opinions": [{"words": "secret", "stars": 5, "new": "kept"}], "grade": "excellent"})
    assert shown == {"opinions": [{"words": MASK, "stars": 5, "new": "kept"}], "grade": "excellent"}


def test_redaction_knows_every_personal_text_and_no_other() -> None:
    note = Note(
        when=datetime(2026, 11, 22, 9, 30, tzinfo=UTC),
        opinions=[Opinion(words="splendid", stars=5)],
        best=Opinion(words="(wonderful)", stars=4),
        everything={"deep": {"down": ["hidden"]}, "short": "fun"},
    )
    redact = redaction(note)
    for text in ("2026-11-22T09:30:00Z", "quite plain", "splendid", "(wonderful)", "hidden"):
        assert redact(f"<{text}>") == f"<{MASK}>"
    for text in ("fun", "excellent", "splendidly", "unhidden", "deep", "untouched"):
        assert redact(text) == text
    # What does not begin or end with a letter is found inside of words, too.
    assert redact("x(wonderful)x") == f"x{MASK}x"


def test_redaction_finds_texts_of_other_scripts_with_escaped_quotes() -> None:
    note = Note(when=datetime(2026, 11, 22, tzinfo=UTC), text='Käse "frisch" 1€')
    redact = redaction(note)
    for form in (note.text, json.dumps(note.text)[1:-1], json.dumps(note.text, ensure_ascii=False)[1:-1]):
        assert redact(form) == MASK


def test_redaction_of_several_payloads_redacts_all_of_them() -> None:
    first, second = (Note(when=datetime(2026, 11, 22, tzinfo=UTC), text=text) for text in ("first text", "second text"))
    assert redaction(first, second)("first text, second text") == f"{MASK}, {MASK}"
