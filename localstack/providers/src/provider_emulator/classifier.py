"""ImageNet-1k classification with EfficientNet-Lite0. About 11 ms of CPU an image."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from PIL import Image

from provider_emulator.weights import CLASS_DESCRIPTIONS, CLASS_NAMES, verified

_SIDE = 224
_CROP = 0.875  # the share of the shorter edge that the model saw in training


@dataclass(frozen=True, slots=True)
class Label:
    """One ImageNet class: its index (0..999), plain name, written description and probability (0..1)."""

    index: int
    name: str
    description: str
    probability: float


class Classifier:
    """The loaded model. Raises ModelFileError when class names are not the pinned ones."""

    def __init__(self, onnx_file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(onnx_file), options, providers=["CPUExecutionProvider"])
        self._names: list[str] = json.loads(verified(CLASS_NAMES).read_text(encoding="utf-8"))
        texts = json.loads(verified(CLASS_DESCRIPTIONS).read_text(encoding="utf-8"))
        self._descriptions = [
            str(texts.get(str(index), {}).get("description", "")) for index in range(len(self._names))
        ]

    def classify(self, image: Image.Image, top: int = 5) -> tuple[Label, ...]:
        """The most probable classes of an RGB image, best first."""
        probabilities = self._session.run(None, {"image": _prepared(image)})[0][0]
        best = np.argsort(-probabilities, kind="stable")[:top]
        return tuple(
            Label(int(i), self._names[i], self._descriptions[i], round(float(probabilities[i]), 4)) for i in best
        )


def _prepared(image: Image.Image) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    width, height = image.size
    side = min(width, height) * _CROP
    box = ((width - side) / 2, (height - side) / 2, (width + side) / 2, (height + side) / 2)
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC, box=box)
    pixels = (np.asarray(small, np.float32) - 127) / 128
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])
