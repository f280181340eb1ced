"""Reads a legacy PyTorch checkpoint into numpy arrays without PyTorch.

Only tensors in an ordered dictionary are understood; anything else the pickle names is refused, so a checkpoint cannot
run code. Tensors of convolutions are not contiguous in the file: the stored strides are honoured.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from provider_emulator.errors import ModelFileError

_MAGIC = 0x1950A86A20F9469CFC6C
_TYPES: dict[str, npt.DTypeLike] = {"FloatStorage": np.float32, "LongStorage": np.int64}


def _tensor(storage: tuple[str, str], offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Any:  # noqa: ANN401 # the pickle's own shape
    return storage, offset, size, stride


class _Reader(pickle.Unpickler):
    """An unpickler that knows ordered dictionaries, tensors and two storage types, and nothing else."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401 # the signature of pickle.Unpickler
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _TYPES:
            return name
        raise ModelFileError(f"the checkpoint names {module}.{name}, which is not a tensor")

    def persistent_load(self, pid: Any) -> tuple[str, str]:  # noqa: ANN401 # the signature of pickle.Unpickler
        return pid[1], pid[2]


def _storages(file: BinaryIO, kinds: dict[str, str]) -> dict[str, npt.NDArray[Any]]:
    found: dict[str, npt.NDArray[Any]] = {}
    for key in pickle.load(file):  # noqa: S301 # the file's hash is pinned (weights.py); this is a list of names
        dtype = np.dtype(_TYPES[kinds[key]])
        count = int(np.frombuffer(file.read(8), np.int64)[0])
        found[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return found


def read_checkpoint(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Parameter name -> array, in the order of the file. Raises ModelFileError if it is no legacy checkpoint."""
    with path.open("rb") as file:
        if pickle.load(file) != _MAGIC:  # noqa: S301 # an integer; the file's hash is pinned
            raise ModelFileError(f"{path} is not a legacy PyTorch checkpoint")
        pickle.load(file)  # noqa: S301 # protocol version
        pickle.load(file)  # noqa: S301 # byte order and sizes of the writer
        tensors = _Reader(file).load()
        kinds = {storage[1]: storage[0] for storage, *_ in tensors.values()}
        storages = _storages(file, kinds)
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, ((_, key), offset, size, stride) in tensors.items():
        flat = storages[key]
        strides = [step * flat.itemsize for step in stride]
        arrays[name] = np.lib.stride_tricks.as_strided(flat[offset:], size, strides).copy()
    return arrays
