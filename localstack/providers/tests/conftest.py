"""Pictures to show to the AI provider emulator, and what to ask of it."""

import base64
import io
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont


def drawn(lines: list[tuple[str, int]], size: tuple[int, int] = (600, 900), colour: str = "white") -> bytes:
    """A PNG with lines of text, each with its size in pixels."""
    image = Image.new("RGB", size, colour)
    draw = ImageDraw.Draw(image)
    y = 40
    for text, height in lines:
        draw.text((40, y), text, fill="black" if colour == "white" else "white", font=ImageFont.load_default(height))
        y += int(height * 1.9)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def receipt() -> bytes:
    lines = [
        "Shibuya 2-14-3, Tokyo",
        "2026-03-14 12:41",
        "Shoyu ramen  980",
        "Gyoza  420",
        "Subtotal  1,400",
        "Tax  140",
    ]
    return drawn([("SAKURA RAMEN", 44), *((line, 28) for line in lines), ("Total ¥1,540", 34)])


@pytest.fixture(scope="session")
def receipt_base64(receipt: bytes) -> str:
    return base64.b64encode(receipt).decode()


@pytest.fixture(scope="session")
def poster() -> bytes:
    lines = [("JAZZ NIGHT", 96), ("Kyoto Gion Hall", 56), ("Tickets 3,500 yen", 40), ("#jazz @gionhall", 36)]
    return drawn(lines, (800, 1000), "#c8501e")


@pytest.fixture(scope="session")
def analysis_schema() -> dict[str, Any]:
    """The JSON Schema that our analysis asks for, closed as strict structured output requires it."""

    def strict(**properties: Any) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        }

    text, texts = {"type": "string"}, {"type": "array", "items": {"type": "string"}}
    maybe = {"anyOf": [text, {"type": "null"}]}
    schema = strict(
        category=text,
        subcategories=texts,
        headline=text,
        summary=text,
        media_metadata={"$ref": "#/$defs/Media"},
        image_details={"$ref": "#/$defs/Details"},
    )
    lists = ("extracted_text", "objects", "themes", "emotions", "vibes", "visual_hierarchy")
    schema["$defs"] = {
        "Media": strict(
            original_poster=maybe, tagged_accounts=texts, location_tags=texts, audio_source=maybe, hashtags=texts
        ),
        "Details": strict(**dict.fromkeys(lists, texts), key_interest=maybe, likely_source=maybe),
    }
    return schema
