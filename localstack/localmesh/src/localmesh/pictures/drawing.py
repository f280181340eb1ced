"""What the drawn pictures have in common: fonts that are the same everywhere, and a pen that keeps its place."""

import io
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

Face = Literal["sans", "bold", "mono", "serif"]
Colour = tuple[int, int, int]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (20, 20, 22)

_FILES: dict[Face, str] = {
    "sans": "DejaVuSans.ttf",
    "bold": "DejaVuSans-Bold.ttf",
    "mono": "DejaVuSansMono.ttf",
    "serif": "DejaVuSerif-Bold.ttf",
}


@cache
def font(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """A vendored font; the basic layout engine, so that no library of the machine changes a pixel."""
    data = resources.files("localmesh.pictures").joinpath("data", "fonts", _FILES[face]).read_bytes()
    return ImageFont.truetype(io.BytesIO(data), size, layout_engine=ImageFont.Layout.BASIC)


@dataclass
class Page:
    """A picture written from top to bottom; `y` is where the next line goes, in pixels."""

    picture: Image.Image
    margin: int
    y: int

    @classmethod
    def blank(cls, width: int, height: int, colour: Colour, *, margin: int = 40, top: int = 40) -> "Page":
        """An empty page."""
        return cls(Image.new("RGB", (width, height), colour), margin, top)

    @property
    def pen(self) -> ImageDraw.ImageDraw:
        """For everything that is no line of text."""
        return ImageDraw.Draw(self.picture)

    def left(self, text: str, size: int, *, face: Face = "sans", colour: Colour = BLACK, gap: int = 10) -> None:
        """A line at the left margin."""
        self.pen.text((self.margin, self.y), text, fill=colour, font=font(face, size))
        self.y += size + gap

    def centred(self, text: str, size: int, *, face: Face = "sans", colour: Colour = BLACK, gap: int = 10) -> None:
        """A line in the middle."""
        middle = self.picture.width // 2
        self.pen.text((middle, self.y), text, fill=colour, font=font(face, size), anchor="ma")
        self.y += size + gap

    def columns(self, text: str, amount: str, size: int, *, face: Face = "mono", gap: int = 10) -> None:
        """A line with its text at the left and an amount at the right margin."""
        self.pen.text((self.margin, self.y), text, fill=BLACK, font=font(face, size))
        right = self.picture.width - self.margin
        self.pen.text((right, self.y), amount, fill=BLACK, font=font(face, size), anchor="ra")
        self.y += size + gap

    def rule(self, colour: Colour = (120, 120, 120), *, dashed: bool = False, gap: int = 18) -> None:
        """A horizontal line."""
        right = self.picture.width - self.margin
        step = 14 if dashed else right - self.margin
        for x in range(self.margin, right, step):
            self.pen.line((x, self.y, min(x + (8 if dashed else step), right), self.y), fill=colour, width=2)
        self.y += gap


def wrap(text: str, face: Face, size: int, width: int) -> list[str]:
    """The text in lines of at most `width` pixels."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font(face, size).getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def vertical_gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """From one colour above to another below."""
    mask = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), mask)
