"""An erased payload is valid under its contract, and holds nothing personal of what it was."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts import REGISTRY
from contracts.erasure import erased
from contracts.personal import MASK
from contracts.schemas import examples

ROOT = Path(__file__).parents[1]
EXAMPLES = [json.loads(path.read_text()) for _, _, path in examples(ROOT / "examples")]


def texts(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set().union(*map(texts, value.values()))
    if isinstance(value, list):
        return set().union(*map(texts, value))
    return {value} if isinstance(value, str) else set()


@pytest.mark.parametrize("document", EXAMPLES, ids=lambda each: each["type"])
def test_what_is_erased_can_still_be_read(document: dict[str, Any]) -> None:
    contract = REGISTRY.contract(document["type"])
    kept = erased(contract, document["data"])
    REGISTRY.read({**document, "data": kept})
    assert erased(contract, kept) == kept
    personal = {text for name in contract.model_fields for text in texts(document["data"].get(name))}
    assert texts(kept) <= personal | {MASK} | texts({"vector": kept.get("vector")})


def test_nothing_of_a_description_is_kept() -> None:
    document = json.loads((ROOT / "examples/collections.analysis.item-analyzed.v1/1.0/receipt.json").read_text())
    kept = erased(REGISTRY.contract(document["type"]), {**document["data"], "unknown": "from a newer producer"})
    assert kept["description"] == {"category": MASK, "media_metadata": {}, "image_details": {}}
    assert kept["original_filename"] == MASK
    assert kept["version"] == document["data"]["version"]
    assert "unknown" not in kept


def test_a_camera_tells_nothing_any_more() -> None:
    path = next((ROOT / "examples/collections.imaging.image-processed.v1/1.0").glob("*.json"))
    data = {**json.loads(path.read_text())["data"], "exif": {"taken_at": "2026-11-22T09:30:00", "camera_make": "Canon"}}
    assert "exif" not in erased(REGISTRY.contract("collections.imaging.image-processed.v1"), data)
