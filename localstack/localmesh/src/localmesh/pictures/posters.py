"""Posters: a jazz concert in Tokyo, a garden concert in Kyoto, a film festival in Berlin."""

import math

from PIL import Image, ImageDraw

from localmesh.pictures.drawing import WHITE, Colour, Page, vertical_gradient

_CREAM: Colour = (250, 240, 215)
_GOLD: Colour = (248, 200, 92)


def jazz_in_tokyo() -> Image.Image:
    """A night sky over a skyline."""
    width, height = 900, 1270
    picture = vertical_gradient((width, height), (18, 16, 54), (150, 44, 90))
    page = Page(picture, 60, 70)
    page.pen.ellipse((560, 360, 790, 590), fill=_GOLD)
    state = 11
    for x in range(0, width, 60):
        state = state * 137 % 257
        top = 760 + state % 190
        page.pen.rectangle((x, top, x + 58, height), fill=(24, 18, 44))
        for wx in range(x + 10, x + 50, 16):
            for wy in range(top + 16, 1000, 26):
                state = state * 73 % 8191
                if state % 3:
                    page.pen.rectangle((wx, wy, wx + 7, wy + 11), fill=(250, 214, 120))
    page.pen.polygon([(240, 990), (300, 480), (360, 990)], outline=(226, 70, 60), width=7)
    for y in range(560, 990, 62):
        half = int((y - 480) * 60 / 510)
        page.pen.line((300 - half, y, 300 + half, y), fill=(226, 70, 60), width=6)
    page.pen.rectangle((0, 1000, width, height), fill=(16, 12, 34))
    page.centred("MIDNIGHT JAZZ", 84, face="bold", colour=WHITE, gap=26)
    page.centred("Aoi Nakamura Quartet", 46, face="serif", colour=_GOLD, gap=16)
    page.centred("live in concert", 34, colour=_CREAM)
    page.y = 1030
    page.centred("Saturday 18 July 2026, 21:00", 42, face="bold", colour=WHITE, gap=20)
    page.centred("Shinjuku Blue Hall, Tokyo", 42, colour=_GOLD, gap=20)
    page.centred("Tickets 4,500 yen", 34, colour=_CREAM)
    return picture


def garden_concert_in_kyoto() -> Image.Image:
    """A red sun over hills."""
    width, height = 900, 1270
    page = Page.blank(width, height, (246, 238, 222), margin=60, top=80)
    page.pen.ellipse((250, 400, 650, 800), fill=(206, 52, 44))
    for base, colour, bend in ((760, (124, 150, 140), 90), (840, (82, 116, 110), 70), (930, (44, 80, 78), 50)):
        ridge = [
            (x, base + int(bend * math.sin(x / (70 + bend)) + 18 * math.sin(x / 31))) for x in range(0, width + 10, 10)
        ]
        page.pen.polygon([*ridge, (width, 1010), (0, 1010)], fill=colour)
    page.pen.rectangle((0, 1000, width, height), fill=(44, 80, 78))
    page.centred("KYOTO GARDEN CONCERT", 54, face="bold", colour=(36, 44, 48), gap=24)
    page.centred("koto and cello under the maples", 40, face="serif", colour=(140, 44, 36), gap=24)
    page.centred("Emi Sato and Lars Holm", 38, colour=(36, 44, 48))
    page.y = 1040
    page.centred("Sunday 8 November 2026, 16:30", 42, face="bold", colour=WHITE, gap=20)
    page.centred("Shoren Garden, Higashiyama, Kyoto", 40, colour=_CREAM, gap=20)
    page.centred("Free entry, bring a cushion", 32, colour=_CREAM)
    return page.picture


def film_festival_in_berlin() -> Image.Image:
    """A reel of film."""
    width, height = 900, 1270
    page = Page.blank(width, height, (244, 196, 48), margin=60, top=80)
    pen = page.pen
    pen.ellipse((190, 430, 710, 950), fill=(24, 24, 28))
    for step in range(5):
        angle = 2 * math.pi * step / 5 - math.pi / 2
        _disc(pen, 450 + 160 * math.cos(angle), 690 + 160 * math.sin(angle), 66, (244, 196, 48))
    _disc(pen, 450, 690, 40, (244, 196, 48))
    pen.rectangle((0, 985, width, 1055), fill=(24, 24, 28))
    for x in range(16, width, 52):
        pen.rounded_rectangle((x, 1000, x + 28, 1040), 6, fill=(244, 196, 48))
    page.left("17th Short Film", 72, face="bold", gap=14)
    page.left("Festival Berlin", 72, face="bold", gap=26)
    page.left("Kino am Ufer, Kreuzberg", 44, gap=18)
    page.left("120 films from 38 countries", 36)
    page.y = 1090
    page.left("3 to 9 February 2026", 52, face="bold", gap=18)
    page.left("Opening night: The Lighthouse Keeper", 36)
    return page.picture


def _disc(pen: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: Colour) -> None:
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
