"""Pictures through the real models: what is drawn is read, photos are named, the same picture gives the same words."""

import base64
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import skimage
from PIL import Image

pytestmark = pytest.mark.integration


def describe(providers: Any, schema: dict[str, Any], data: bytes, media_type: str = "image/png") -> dict[str, Any]:
    source = {"type": "base64", "media_type": media_type, "data": base64.b64encode(data).decode()}
    body = {
        "model": "claude-haiku-5-5",
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": [{"type": "image", "source": source}]}],
        "output_config": {"format": {"type": "json_schema", "schema": schema}},
    }
    answer = providers.client.post("/v1/messages", json=body, headers={"x-api-key": "test"}, timeout=60)
    assert answer.status_code == 200, answer.text
    made = json.loads(answer.json()["content"][0]["text"])
    jsonschema.Draft202012Validator(schema).validate(made)
    return dict(made)


def test_a_receipt_is_read(real_models: Any, analysis_schema: dict[str, Any], receipt: bytes) -> None:
    made = describe(real_models, analysis_schema, receipt)
    assert made["category"] == "Receipt"
    assert made["headline"].startswith("Receipt from SAKURA RAMEN")
    assert "1,540" in made["headline"]
    assert "Shoyu ramen" in made["summary"]
    assert made["media_metadata"]["location_tags"] == ["Shibuya", "Tokyo", "Japan"]


def test_a_poster_is_read_also_as_jpeg(real_models: Any, analysis_schema: dict[str, Any], poster: bytes) -> None:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(poster)).save(buffer, "JPEG", quality=85)
    for data, media_type in ((poster, "image/png"), (buffer.getvalue(), "image/jpeg")):
        made = describe(real_models, analysis_schema, data, media_type)
        assert made["category"] == "Poster"
        assert made["media_metadata"]["hashtags"] == ["#jazz"]
        assert made["media_metadata"]["tagged_accounts"] == ["@gionhall"]
        assert "Kyoto" in made["media_metadata"]["location_tags"]


@pytest.mark.parametrize(
    ("name", "category", "word"), [("coffee.png", "Food", "espresso"), ("chelsea.png", "Animal", "cat")]
)
def test_photos_are_named(
    real_models: Any, analysis_schema: dict[str, Any], name: str, category: str, word: str
) -> None:
    data = (Path(skimage.__file__).parent / "data" / name).read_bytes()
    made = describe(real_models, analysis_schema, data)
    assert made["category"] == category
    assert word in made["headline"]
    assert made["image_details"]["extracted_text"] == []


def test_the_same_picture_gives_the_same_words(
    real_models: Any, analysis_schema: dict[str, Any], receipt: bytes
) -> None:
    first = describe(real_models, analysis_schema, receipt)
    assert describe(real_models, analysis_schema, receipt) == first  # remembered
    assert describe(real_models, analysis_schema, receipt + b"\0") == first  # other bytes, looked at again


def test_instant_descriptions_are_valid_and_differ(
    providers: Any, analysis_schema: dict[str, Any], receipt: bytes, poster: bytes
) -> None:
    one, other = describe(providers, analysis_schema, receipt), describe(providers, analysis_schema, poster)
    assert one["headline"] != other["headline"]
    assert one == describe(providers, analysis_schema, receipt)
