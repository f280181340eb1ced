"""Runs a job in a process of its own, which may be killed at one of its calls.

The process is forked, so that what is imported need not be imported again. It must use no connection of its parent.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from testkit.crashes.boundaries import ANSWER, Boundaries, Boundary

#: Seconds after which a process hangs.
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: killed at its boundary, or with an answer after the boundaries that it `reached`."""

    killed: bool
    answer: Any = None
    reached: tuple[Boundary, ...] = ()
    modules: frozenset[str] = frozenset()

    def import_too(self) -> None:
        """Import here what the process has imported: the next one will not have to."""
        for name in sorted(self.modules - set(sys.modules)):
            try:
                import_module(name)
            except Exception:  # whatever it lacks, a process that needs it will say
                continue


def run(job: Callable[[], Any], log: Path, *, die_at: Boundary | None = None) -> Ended:
    """The end of a new process that runs the job; what it prints goes to the log.

    Raises:
        AssertionError: the job raised, or the process hung or died of something else.
    """
    with tempfile.TemporaryFile() as result:
        sys.stdout.flush()
        sys.stderr.flush()
        gc.freeze()  # a collection in the child would touch, and so copy, all that is imported
        child = os.fork()
        if child == 0:
            _be_the_process(job, log, result.fileno(), die_at)
        _, status = os.waitpid(child, 0)
        result.seek(0)
        written = result.read()
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL and die_at is not None:
        return Ended(killed=True)
    assert status == 0, f"status {status}: {written.decode(errors='replace')}\n{log.read_text()[-4000:]}"
    ended: Ended = pickle.loads(written)
    return ended


def _be_the_process(job: Callable[[], Any], log: Path, result: int, die_at: Boundary | None) -> None:
    """Never returns: the caller's `finally` blocks are its parent's."""
    try:
        gc.disable()
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_PATIENCE_S)
        with log.open("ab", buffering=0) as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        boundaries = Boundaries(die_at)
        boundaries.watch()
        answer = job()
        boundaries.reach(ANSWER)
        ended = Ended(False, answer, tuple(boundaries.reached), frozenset(sys.modules))
        os.write(result, pickle.dumps(ended))
        os._exit(0)
    except BaseException:
        os.write(result, traceback.format_exc().encode())
        os._exit(1)
