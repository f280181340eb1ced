"""Model files are used only if they are the pinned ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provider_emulator import weights
from provider_emulator.checkpoint import read_checkpoint
from provider_emulator.efficientnet import converted
from provider_emulator.errors import ModelFileError

PINNED = [value for value in vars(weights).values() if isinstance(value, weights.WeightFile)]


@pytest.mark.parametrize("file", PINNED, ids=lambda file: file.name)
def test_installed_files_are_the_pinned_ones(file: weights.WeightFile) -> None:
    assert weights.verified(file).is_file()


def test_other_content_is_refused_by_name_and_hash() -> None:
    changed = replace(weights.VOCABULARY, sha256="0" * 64)
    with pytest.raises(ModelFileError, match=r"bert-uncased-vocab\.txt is not the pinned file.*07eced37.*0000"):
        weights.verified(changed)


def test_missing_file_and_missing_package_are_named() -> None:
    with pytest.raises(ModelFileError, match=r"nothing\.bin is missing"):
        weights.verified(replace(weights.VOCABULARY, name="nothing.bin"))
    with pytest.raises(ModelFileError, match="no_such_package is not installed"):
        weights.verified(replace(weights.VOCABULARY, package="no_such_package"))


def test_checkpoint_is_read_without_torch() -> None:
    tensors = read_checkpoint(weights.verified(weights.EFFICIENTNET))
    assert tensors["_conv_stem.weight"].shape == (32, 3, 3, 3)
    assert tensors["_fc.weight"].shape == (1000, 1280)
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())


def test_other_pickles_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "other.pth"
    file.write_bytes(b"\x80\x02K\x01.")  # the pickled number 1
    with pytest.raises(ModelFileError, match="not a legacy PyTorch checkpoint"):
        read_checkpoint(file)


def test_conversion_is_kept_and_a_damaged_file_is_replaced(tmp_path: Path) -> None:
    first = converted(tmp_path)
    made = first.stat().st_mtime_ns
    good = first.read_bytes()
    assert converted(tmp_path).stat().st_mtime_ns == made
    first.write_bytes(good[:1000])
    assert converted(tmp_path).read_bytes() == good
