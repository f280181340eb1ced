"""A mountain lake at dusk, painted by arithmetic: shades and grain of a photo, free of copyright."""

import math
import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from localmesh.pictures.drawing import Colour, vertical_gradient

_SEED = 1861
_WIDTH, _SHORE, _HEIGHT = 1400, 560, 900


def mountain_lake() -> Image.Image:
    """Ridges in haze, a setting sun, and their reflection in water."""
    dice = random.Random(_SEED)  # noqa: S311  # a picture, no secret
    land = vertical_gradient((_WIDTH, _SHORE), (52, 84, 140), (250, 190, 140))
    _sun(land)
    _clouds(land, dice)
    for base, height, colour in (
        (430, 240, (128, 128, 164)),
        (480, 170, (94, 100, 138)),
        (520, 120, (62, 74, 100)),
        (560, 70, (34, 48, 58)),
    ):
        _ridge(land, dice, base, height, colour)
    picture = Image.new("RGB", (_WIDTH, _HEIGHT))
    picture.paste(land, (0, 0))
    picture.paste(_reflection(land, dice), (0, _SHORE))
    _pines(picture, dice)
    grain = Image.frombytes("L", picture.size, dice.randbytes(_WIDTH * _HEIGHT)).point(lambda value: value // 18)
    return ImageChops.add(picture.filter(ImageFilter.GaussianBlur(0.8)), Image.merge("RGB", [grain] * 3), offset=-7)


def _sun(land: Image.Image) -> None:
    glow = (
        ImageChops.invert(Image.radial_gradient("L"))
        .resize((760, 760))
        .point(lambda value: max(value - 80, 0) ** 2 // 130)
    )
    land.paste((255, 226, 170), (640, 20), glow)
    ImageDraw.Draw(land).ellipse((985, 365, 1055, 435), fill=(255, 246, 220))


def _clouds(land: Image.Image, dice: random.Random) -> None:
    mask = Image.new("L", land.size, 0)
    pen = ImageDraw.Draw(mask)
    for _ in range(70):
        x, y = dice.randrange(-100, _WIDTH), dice.randrange(30, 260)
        pen.ellipse((x, y, x + dice.randrange(80, 320), y + dice.randrange(6, 24)), fill=dice.randrange(60, 150))
    land.paste((255, 214, 190), (0, 0), mask.filter(ImageFilter.GaussianBlur(12)))


def _ridge(land: Image.Image, dice: random.Random, base: int, height: int, colour: Colour) -> None:
    waves = [
        (dice.uniform(0.5, 1) / n, n * dice.uniform(0.004, 0.006), dice.uniform(0, 6.3)) for n in (1, 2, 4, 9, 21, 45)
    ]
    line = []
    for x in range(0, _WIDTH + 4, 4):
        rise = sum(size * abs(math.sin(x * pitch + phase)) for size, pitch, phase in waves)
        line.append((x, base - int(height * rise / 1.6)))
    mask = Image.new("L", land.size, 0)
    ImageDraw.Draw(mask).polygon([*line, (_WIDTH, _SHORE), (0, _SHORE)], fill=255)
    hazy = vertical_gradient(land.size, colour, (min(colour[0] + 70, 255), colour[1] + 60, colour[2] + 40))
    land.paste(hazy, (0, 0), mask)


def _reflection(land: Image.Image, dice: random.Random) -> Image.Image:
    mirrored = land.transpose(Image.Transpose.FLIP_TOP_BOTTOM).crop((0, 0, _WIDTH, _HEIGHT - _SHORE))
    water = Image.new("RGB", mirrored.size)
    for y in range(mirrored.height):
        shift = int(math.sin(y * 0.9) * (1 + y / 40) + dice.uniform(-2, 2))
        water.paste(ImageChops.offset(mirrored.crop((0, y, _WIDTH, y + 1)), shift, 0), (0, y))
    return Image.blend(water, Image.new("RGB", water.size, (30, 52, 84)), 0.38)


def _pines(picture: Image.Image, dice: random.Random) -> None:
    pen = ImageDraw.Draw(picture)
    for x in [*range(-10, 330, 16), *range(1180, _WIDTH, 18)]:
        foot, height = _SHORE + dice.randrange(4, 26), dice.randrange(70, 190)
        for part in range(9):
            y = foot - height + part * height // 9
            half = 3 + part * height // 70
            pen.polygon(
                [(x, y - 8), (x - half, y + height // 7), (x + half, y + height // 7)], fill=(16, 26 + part, 28)
            )
