"""Lambda workers: as many as a small machine can run, and started without repeating work.

AWS answers a burst with as many environments as there are calls. Here each is a process of its own, and fifty of
them at once would bring the machine to its knees, so a call waits for a free worker of its function instead. It is
refused with AWS's throttling error when none became free within the function's own time-out.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from localmesh.errors import EmulatorVersionError

# Users wait for the answers of `http` functions; messages can wait in their queue.
DEFAULT_WORKERS: Final = 2
HTTP_WORKERS: Final = 4
#: A consumer has two queues, of live and of replayed events, and two workers for each.
CONSUMER_WORKERS: Final = 4
# Imports botocore in every worker, to notice functions that call themselves in a circle; ours never do.
_DEPTH_CALL: Final = "    _ms_install_invoke_depth()\n"
_RECHECK_S: Final = 0.25


def correct(runtime: Any, service: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
    """Bound the workers of a function, share extracted code between them, and spare them an import."""
    if runtime._PYTHON_WORKER_SCRIPT.count(_DEPTH_CALL) != 1:
        raise EmulatorVersionError("the worker script of ministack is not the one our corrections were written for")
    runtime._PYTHON_WORKER_SCRIPT = runtime._PYTHON_WORKER_SCRIPT.replace(_DEPTH_CALL, "")
    acquire, release = _queueing(runtime.acquire_worker, runtime.release_worker)
    # The service imported both by name, so they live in two places.
    runtime.acquire_worker = service.acquire_worker = acquire
    runtime.release_worker = service.release_worker = release
    runtime.zipfile = SharedCode(Path(os.environ["TMPDIR"]) / "code")


def worker_limit(config: Mapping[str, Any]) -> int:
    """How many workers a function may have, from its configuration."""
    variables = (config.get("Environment") or {}).get("Variables") or {}
    return {"http": HTTP_WORKERS, "events": CONSUMER_WORKERS}.get(variables.get("FUNCTION", ""), DEFAULT_WORKERS)


def _queueing(
    acquire: Callable[..., tuple[Any, str]], release: Callable[[Any], None]
) -> tuple[Callable[..., tuple[Any, str]], Callable[[Any], None]]:
    freed = threading.Condition()

    def acquire_worker(
        func_name: str,
        config: dict[str, Any],
        code_zip: bytes,
        qualifier: str = "$LATEST",
        max_concurrency: int | None = None,
    ) -> tuple[Any, str]:
        limit = max_concurrency or worker_limit(config)
        deadline = time.monotonic() + float(config.get("Timeout", 30))
        while True:
            worker, reason = acquire(func_name, config, code_zip, qualifier=qualifier, max_concurrency=limit)
            if worker is not None or time.monotonic() > deadline:
                return worker, reason
            with freed:
                # Workers that fail disappear without a notification: look again now and then.
                freed.wait(_RECHECK_S)

    def release_worker(worker: Any) -> None:  # noqa: ANN401 - MiniStack is untyped
        release(worker)
        with freed:
            freed.notify_all()

    return acquire_worker, release_worker


class SharedCode:
    """Stands in for the `zipfile` module in MiniStack's worker: each package is extracted once.

    A worker's `code` folder becomes a link to a folder named after the package's content. The first worker's
    compiled modules then serve all later ones, which saves most of a cold start.
    """

    BadZipFile = zipfile.BadZipFile
    LargeFileError = zipfile.LargeZipFile

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._lock = threading.Lock()

    def ZipFile(self, file: str) -> _SharedZip:  # noqa: N802 - the name MiniStack calls
        return _SharedZip(Path(file), self._cache, self._lock)


class _SharedZip(zipfile.ZipFile):
    def __init__(self, file: Path, cache: Path, lock: threading.Lock) -> None:
        super().__init__(file)
        self._package = file
        self._cache = cache
        self._one_at_a_time = lock

    def extractall(self, path: Any = None, members: Any = None, pwd: bytes | None = None) -> None:  # noqa: ANN401
        """Extract into the cache unless it is there, and put a link to it at the (empty) folder `path`."""
        target = Path(path)
        if target.name != "code":
            super().extractall(path, members, pwd)
            return
        shared = self._cache / hashlib.sha256(self._package.read_bytes()).hexdigest()
        with self._one_at_a_time:
            if not shared.is_dir():
                fresh = shared.with_suffix(".new")
                fresh.mkdir(parents=True, exist_ok=True)
                super().extractall(fresh)
                fresh.rename(shared)
        target.rmdir()
        target.symlink_to(shared, target_is_directory=True)
