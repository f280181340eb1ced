"""A 64-bit perceptual hash (difference hash), so that near-duplicates can be found by Hamming distance.

The upright sRGB picture is turned grey (ITU-R 601: 0.299 R + 0.587 G + 0.114 B) and shrunk to 9 x 8 with a box filter.
Bit number 8 * row + column, counted from the most significant bit, is 1 when pixel (column, row) is darker than
its right neighbour (column + 1, row). Written as 16 lower-case hexadecimal digits; one plain colour is all zeros.
Hashes that differ in at most about 10 bits usually show one picture, scaled, recompressed or slightly recoloured.
"""

from PIL import Image

_COLUMNS, _ROWS = 8, 8


def difference_hash(picture: Image.Image) -> str:
    """The hash of an upright picture in mode RGB or L, as 16 hexadecimal digits."""
    grey = picture.convert("L").resize((_COLUMNS + 1, _ROWS), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(_ROWS):
        start = row * (_COLUMNS + 1)
        for left, right in zip(grey[start : start + _COLUMNS], grey[start + 1 : start + _COLUMNS + 1], strict=True):
            bits = bits << 1 | (left < right)
    return f"{bits:016x}"


def hamming_distance(one: str, other: str) -> int:
    """Number of differing bits (0..64) between two hashes."""
    return (int(one, 16) ^ int(other, 16)).bit_count()
