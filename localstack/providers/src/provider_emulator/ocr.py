"""Reads text in pictures with RapidOCR (PP-OCR, ONNX). 1 to 2 s of CPU for a full-HD page, 0.5 s for a photo.

The model paths are given explicitly: RapidOCR would otherwise offer to download what it does not find.
"""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from provider_emulator.weights import OCR_DETECTION, OCR_ORIENTATION, OCR_RECOGNITION, verified

_THREADS = 1  # two read a page little sooner and, on a busy machine, spin away a third more CPU
_LONGEST_EDGE = 1600  # larger pictures cost time and read no better
_LARGEST_RATIO = 4  # of the edges: the detector enlarges the shorter one to some hundred pixels, and the longer with it
_LEAST_SCORE = 0.8
_LEAST_CHARACTERS = 3  # textures read as "AAA" or a lone letter


@dataclass(frozen=True, slots=True)
class TextLine:
    """One read line: score 0..1; position and height as shares of the picture's height, width of its width.

    Lines that stand side by side share a `row`, counted from 0.
    """

    text: str
    score: float
    top: float
    left: float
    height: float
    width: float
    row: int = 0


class TextReader:
    """The loaded detector, orientation and recognition models."""

    def __init__(self) -> None:
        from rapidocr import RapidOCR  # imported here: OpenCV and the rest cost 1 to 2 s, and instant mode needs none

        self._engine = RapidOCR(
            params={
                "Global.log_level": "error",
                "Det.model_path": str(verified(OCR_DETECTION)),
                "Cls.model_path": str(verified(OCR_ORIENTATION)),
                "Rec.model_path": str(verified(OCR_RECOGNITION)),
                "EngineConfig.onnxruntime.intra_op_num_threads": _THREADS,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def read(self, image: Image.Image) -> tuple[TextLine, ...]:
        """The lines of an RGB image from top to bottom, without those that are probably texture."""
        small = image
        if max(image.size) > _LONGEST_EDGE:
            small = image.copy()
            small.thumbnail((_LONGEST_EDGE, _LONGEST_EDGE), Image.Resampling.BICUBIC)
        result = self._engine(np.ascontiguousarray(np.asarray(_padded(small))[:, :, ::-1]))  # the engine expects BGR
        boxes, texts, scores = result.boxes, result.txts, result.scores  # type: ignore[union-attr]  # a full run gives RapidOCROutput
        if boxes is None or texts is None or scores is None:
            return ()
        lines = []
        for box, text, score in zip(boxes, texts, scores, strict=True):
            words = " ".join(text.split())
            if score < _LEAST_SCORE or len(words) < _LEAST_CHARACTERS:
                continue
            (left, top), (right, bottom) = box.min(axis=0), box.max(axis=0)
            width, height = small.size
            lines.append(
                TextLine(
                    words,
                    round(float(score), 3),
                    round(float(top / height), 4),
                    round(float(left / width), 4),
                    round(float((bottom - top) / height), 4),
                    round(float((right - left) / width), 4),
                )
            )
        return _in_reading_order(lines)


def _padded(image: Image.Image) -> Image.Image:
    """The image with white to its right or below it, so that no edge is longer than four times the other."""
    least = -(-max(image.size) // _LARGEST_RATIO)
    if min(image.size) >= least:
        return image
    wide = Image.new("RGB", (max(image.width, least), max(image.height, least)), "white")
    wide.paste(image, (0, 0))
    return wide


def _in_reading_order(lines: list[TextLine]) -> tuple[TextLine, ...]:
    """Rows from top to bottom, each from left to right: boxes of one printed row differ by a few pixels."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=lambda each: (each.top + each.height / 2, each.left)):
        if rows and _same_row(rows[-1][-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return tuple(
        replace(line, row=number) for number, row in enumerate(rows) for line in sorted(row, key=lambda each: each.left)
    )


def _same_row(one: TextLine, other: TextLine) -> bool:
    return abs((one.top + one.height / 2) - (other.top + other.height / 2)) < 0.4 * min(one.height, other.height)
