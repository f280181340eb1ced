"""Pictures to upload, each different from the others: drawn screenshots, and photos like a camera's."""

from __future__ import annotations

import random
from enum import StrEnum
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

_WORDS = (
    "invoice", "total", "meeting", "agenda", "harbour", "receipt", "ticket", "train", "weather", "garden", "recipe",
    "error", "login", "market",
)  # fmt: skip


class Kind(StrEnum):
    """The kind of picture."""

    SCREENSHOT = "screenshot, 1280 x 800 PNG"
    PHOTO = "photo, 12 megapixel JPEG"


def draw(kind: Kind, number: int, folder: Path) -> Path:
    """Draw a picture, deterministic by kind and number."""
    dice = random.Random(f"{kind}{number}")
    return _screenshot(dice, number, folder) if kind is Kind.SCREENSHOT else _photo(dice, number, folder)


def _screenshot(dice: random.Random, number: int, folder: Path) -> Path:
    image = Image.new("RGB", (1280, 800), _colour(dice, 200))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(20)
    pen.rectangle((0, 0, 1280, 48), fill=_colour(dice, 40))
    for line in range(28):
        text = " ".join(dice.choice(_WORDS) for _ in range(9))
        pen.text((40, 70 + line * 25), f"{number}.{line} {text}", fill=(20, 20, 20), font=font)
    file = folder / f"screenshot-{number:03}.png"
    image.save(file)
    return file


def _photo(dice: random.Random, number: int, folder: Path) -> Path:
    # Soft shapes under fine noise compress as photographs do: one to three megabytes.
    size = (4000, 3000)
    bands = [Image.effect_noise((40, 30), dice.uniform(40, 90)).resize(size, Image.Resampling.BICUBIC) for _ in "RGB"]
    image = Image.blend(Image.merge("RGB", bands), Image.effect_noise(size, 24).convert("RGB"), 0.15)
    ImageDraw.Draw(image).text((200, 200), f"photo {number}", fill=_colour(dice, 120), font=ImageFont.load_default(120))
    file = folder / f"photo-{number:03}.jpg"
    image.save(file, quality=85)
    return file


def _colour(dice: random.Random, least: int) -> tuple[int, int, int]:
    return dice.randint(least, 255), dice.randint(least, 255), dice.randint(least, 255)
