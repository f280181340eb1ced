"""Sentence embeddings: MiniLM int8 (384-d) through a fixed orthonormal projection, or hashed words in instant mode.

Every text is embedded alone. The int8 model scales activations over a whole batch, so a batch would make a vector
depend on its neighbours; alone, the same text always has the same vector.
"""

import functools
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import onnxruntime  # type: ignore[import-untyped]  # ships no types
from tokenizers import BertWordPieceTokenizer

from provider_emulator.weights import MINILM, VOCABULARY, verified
from provider_emulator.words import stems

Vector = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]

NATIVE_DIMENSIONS = 384
DEFAULT_DIMENSIONS = 1024
_SEED = 20240521
_LONGEST = 256  # tokens; the model was trained no longer
_CACHED_TEXTS = 4096
_CACHED_DIMENSIONS = 8


class TextEmbedder(Protocol):
    """Turns texts into unit vectors, one row a text."""

    def embed(self, texts: Sequence[str], dimensions: int = DEFAULT_DIMENSIONS) -> Matrix: ...


@functools.lru_cache(_CACHED_DIMENSIONS)
def projection(dimensions: int) -> Matrix:
    """A fixed [dimensions, 384] matrix with orthonormal columns: cosines survive it, the vector looks dense."""
    gaussian = np.random.default_rng(_SEED).standard_normal((dimensions, NATIVE_DIMENSIONS))
    q, r = np.linalg.qr(gaussian)
    # The sign of each column is left open by QR and differs between LAPACK builds: fix it.
    fixed: Matrix = (q * np.sign(np.diag(r))).astype(np.float32)
    return fixed


def resized(native: Vector, dimensions: int) -> Vector:
    """A native vector in the dimension asked for. Below 384 it is the start of the default vector, as Voyage does."""
    if dimensions >= NATIVE_DIMENSIONS:
        return projection(dimensions) @ native
    short = (projection(DEFAULT_DIMENSIONS) @ native)[:dimensions]
    length = float(np.linalg.norm(short))
    return short / length if length else short


class MiniLmEmbedder:
    """The loaded model and tokenizer. 5 ms of CPU for a short query, 17 ms for 60 tokens."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(str(verified(MINILM)), options, providers=["CPUExecutionProvider"])
        self._inputs = {each.name for each in self._session.get_inputs()}
        self._tokenizer = BertWordPieceTokenizer(str(verified(VOCABULARY)), lowercase=True)
        self._tokenizer.enable_truncation(_LONGEST)
        self._cache: OrderedDict[bytes, Vector] = OrderedDict()
        self._lock = threading.Lock()

    def embed(self, texts: Sequence[str], dimensions: int = DEFAULT_DIMENSIONS) -> Matrix:
        return np.stack([resized(self._native(text), dimensions) for text in texts])

    def _native(self, text: str) -> Vector:
        key = hashlib.sha256(text.encode()).digest()
        with self._lock:
            if key in self._cache:
                self._cache.move_to_end(key)
                return self._cache[key]
        vector = self._run(text)
        with self._lock:
            self._cache[key] = vector
            if len(self._cache) > _CACHED_TEXTS:
                self._cache.popitem(last=False)
        return vector

    def _run(self, text: str) -> Vector:
        encoded = self._tokenizer.encode(text)
        feed = {
            "input_ids": np.array([encoded.ids], np.int64),
            "attention_mask": np.array([encoded.attention_mask], np.int64),
            "token_type_ids": np.array([encoded.type_ids], np.int64),
        }
        states = self._session.run(None, {name: feed[name] for name in self._inputs})[0][0]
        mean = states.mean(axis=0)  # no padding, so every token counts
        vector: Vector = (mean / np.linalg.norm(mean)).astype(np.float32)
        return vector


class WordHashEmbedder:
    """Signed hashing of word stems: no model, microseconds, and texts that share words are still near each other."""

    def embed(self, texts: Sequence[str], dimensions: int = DEFAULT_DIMENSIONS) -> Matrix:
        return np.stack([self._one(text, dimensions) for text in texts])

    @staticmethod
    def _one(text: str, dimensions: int) -> Vector:
        vector = np.zeros(dimensions, np.float32)
        for stem in stems(text) or [text.strip().lower()]:
            spots = np.frombuffer(hashlib.blake2b(stem.encode(), digest_size=32).digest(), np.uint32)
            np.add.at(vector, spots % dimensions, np.where(spots & 0x80000000, 1.0, -1.0))
        length = float(np.linalg.norm(vector))
        if not length:  # signs may cancel in few dimensions; a zero vector has no cosine
            vector[0] = length = 1.0
        return vector / np.float32(length)
