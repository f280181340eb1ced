"""The models behind the wire formats: loaded in the background by one worker thread, which also runs them.

One worker, because the models are bound by the processor and the server must stay free to answer others. Requests
that come while the models load wait behind the loading.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from provider_emulator.errors import EmulatorError, NotReadyError
from provider_emulator.instant import canned_description
from provider_emulator.responder import Senses
from provider_emulator.text_embedding import Matrix, MiniLmEmbedder, TextEmbedder, WordHashEmbedder
from provider_emulator.vision import Eye

Mode = Literal["models", "instant"]
Progress = Literal["waiting", "loading", "ready", "failed"]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class _Loaded:
    embedder: MiniLmEmbedder
    eye: Eye


class Engine:
    """Runs requests with the real models or, in instant mode, with canned answers."""

    def __init__(self, models_dir: Path, mode: Mode) -> None:
        self._models_dir = models_dir
        self._mode: Mode = mode
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="models")
        self._progress: dict[str, Progress] = {"embedding": "waiting", "vision": "waiting"}
        self._loaded: _Loaded | None = None
        self._failure: str | None = None
        self._load_started = False
        self._load_seconds: float | None = None
        self._lock = threading.Lock()
        self._hashing = WordHashEmbedder()
        if mode == "models":
            self._start_loading()

    @property
    def mode(self) -> Mode:
        return self._mode

    def switch(self, mode: Mode) -> None:
        """Changes the mode. Vectors of the two modes do not compare: re-embed, or use separate data."""
        self._mode = mode
        if mode == "models":
            self._start_loading()

    @property
    def ready(self) -> bool:
        return self._mode == "instant" or self._loaded is not None

    def report(self) -> dict[str, Any]:
        """Mode, progress of each model, seconds of loading, and the error if loading failed."""
        return {
            "mode": self._mode,
            "models": dict(self._progress),
            "load_seconds": self._load_seconds,
            "error": self._failure,
        }

    async def embed(self, texts: Sequence[str], dimensions: int) -> Matrix:
        """Unit vectors, one row a text. Raises NotReadyError if the models could not be loaded."""
        return await self._run(lambda embedder, _: embedder.embed(texts, dimensions))

    async def think(self, work: Callable[[Senses], Result]) -> Result:
        """Runs the work with the models it needs. Raises NotReadyError if they could not be loaded."""
        return await self._run(lambda embedder, describe: work(Senses(describe, embedder.embed)))

    async def _run(self, work: Callable[[TextEmbedder, Callable[[bytes], dict[str, Any]]], Result]) -> Result:
        if self._mode == "instant":
            return work(self._hashing, canned_description)

        def with_models() -> Result:
            if self._loaded is None:
                raise NotReadyError(self._failure or "the models are not loaded")
            return work(self._loaded.embedder, self._loaded.eye.describe)

        return await asyncio.get_running_loop().run_in_executor(self._worker, with_models)

    def close(self) -> None:
        self._worker.shutdown(wait=False, cancel_futures=True)

    def _start_loading(self) -> None:
        with self._lock:
            if self._load_started:
                return
            self._load_started = True
        self._worker.submit(self._load)

    def _load(self) -> None:
        started = time.perf_counter()
        step = "embedding"
        try:
            self._progress[step] = "loading"
            embedder = MiniLmEmbedder()
            embedder.embed(["warm up"])
            self._progress[step] = "ready"
            step = "vision"
            self._progress[step] = "loading"
            eye = Eye(self._models_dir)
            self._progress[step] = "ready"
        except (EmulatorError, ImportError, OSError, RuntimeError) as error:
            # The worker's exception would vanish; it is kept for /_health and for every request that needs the models.
            self._progress[step] = "failed"
            self._failure = f"the {step} models could not be loaded: {error}"
            return
        self._loaded = _Loaded(embedder, eye)
        self._load_seconds = round(time.perf_counter() - started, 2)
