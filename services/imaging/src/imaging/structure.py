"""What a file's structure shows without decoding it: whether its end is missing, how many frames a GIF has."""

from collections.abc import Callable, Mapping

from chassis.media_type import AVIF, GIF, HEIC, HEIF, JPEG, PNG, WEBP, FileType

_JPEG_END = b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"
_GIF_EXTENSION, _GIF_IMAGE = 0x21, 0x2C


def is_cut_off(original: bytes, image_format: FileType) -> bool:
    """Whether the end that the format demands is missing: distinguishes a cut-off upload from other damage."""
    check = _CUT_OFF.get(image_format)
    return check is not None and check(original)


def _box_runs_over(original: bytes) -> bool:
    at = 0
    while at < len(original):
        size = int.from_bytes(original[at : at + 4], "big")
        if size == 0:  # the box reaches to the end of the file
            return False
        if size == 1:
            size = int.from_bytes(original[at + 8 : at + 16], "big")
        if size < 8:
            return False  # damaged rather than cut
        at += size
    return at > len(original)


_CUT_OFF: Mapping[FileType, Callable[[bytes], bool]] = {
    # Cameras append previews and videos to JPEGs, so the end marker may be anywhere.
    JPEG: lambda original: _JPEG_END not in original,
    PNG: lambda original: _PNG_END not in original,
    GIF: lambda original: not original.rstrip(b"\x00").endswith(b";"),
    WEBP: lambda original: int.from_bytes(original[4:8], "little") + 8 > len(original),
    AVIF: _box_runs_over,
    HEIC: _box_runs_over,
    HEIF: _box_runs_over,
}


def count_gif_frames(original: bytes, at_most: int) -> int:
    """Number of image blocks of a GIF; counting stops at `at_most` + 1 and at the first block that makes no sense.

    Decoders count frames by decoding them; walking the blocks costs microseconds a frame.
    """
    if len(original) < 13:
        return 0
    at = 13 + _colour_table_bytes(original[10])
    frames = 0
    while at < len(original) and frames <= at_most:
        introducer = original[at]
        if introducer == _GIF_IMAGE and at + 9 < len(original):
            frames += 1
            at += 10 + _colour_table_bytes(original[at + 9]) + 1
        elif introducer == _GIF_EXTENSION:
            at += 2
        else:  # the trailer, or no block of a GIF
            break
        at = _skip_sub_blocks(original, at)
    return frames


def _colour_table_bytes(flags: int) -> int:
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _skip_sub_blocks(original: bytes, at: int) -> int:
    while at < len(original) and original[at]:
        at += 1 + original[at]
    return at + 1
