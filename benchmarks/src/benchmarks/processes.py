"""Memory and processor time of a mesh's processes, by role."""

from __future__ import annotations

import re
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import psutil

from localmesh.members import NAMES
from localmesh.paths import StatePaths
from localmesh.records import Records

#: MiniStack runs a worker from a temporary folder that is named after its function.
_WORKER: Final = re.compile(r"/ministack-lambda-collections-[a-z0-9]+-(?P<function>[a-z-]+)-[^/]+/_worker\.py")
_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes in memory (RSS: pages that processes share count in each) and seconds of processor time, by group.

    Groups are `postgres`, `emulator`, `providers`, and `worker <service>-<function>`.
    """

    memory: Mapping[str, int]
    cpu_s: Mapping[str, float]

    @property
    def total_memory(self) -> int:
        """Bytes of all groups."""
        return sum(self.memory.values())


def usage(paths: StatePaths) -> Usage:
    """Current usage of a mesh's processes. The time of ended processes is in their parents'."""
    memory: Counter[str] = Counter()
    cpu: defaultdict[str, float] = defaultdict(float)
    records = Records(paths.run)
    for name in NAMES:
        record = records.read(name)
        leader = record.ref.find() if record else None
        # Descendants, not the process group: Postgres' backends create their own groups.
        for process in [leader, *leader.children(recursive=True)] if leader else ():
            with suppress(psutil.NoSuchProcess):
                group = _worker_of(process) or name
                times = process.cpu_times()
                memory[group] += process.memory_info().rss
                cpu[group] += times.user + times.system + times.children_user + times.children_system
    return Usage(memory, cpu)


def _worker_of(process: psutil.Process) -> str | None:
    """The group of a worker, or of a process that a worker started."""
    for one in (process, *process.parents()[:2]):
        if found := _WORKER.search(" ".join(one.cmdline())):
            return f"worker {found['function']}"
    return None


def proportional_memory(paths: StatePaths) -> Mapping[str, int]:
    """Bytes in memory by group (PSS: a page that n processes share counts as 1/n in each; RSS where there is no PSS).

    Groups are `emulator` (with LocalStack, its companion too), `functions`, `postgres`, `providers` and `keepers`.
    """
    memory: Counter[str] = Counter()
    for record in Records(paths.run).all():
        group = "emulator" if record.name == "companion" else record.name
        leader, keeper = record.ref.find(), record.keeper.find() if record.keeper else None
        found = [(group, leader), ("keepers", keeper)]
        inner = "functions" if record.name == "emulator" else group
        found += [(inner, child) for child in (leader.children(recursive=True) if leader else ())]
        for name, process in found:
            with suppress(psutil.NoSuchProcess):
                memory[name] += _proportional(process) if process else 0
    return memory


def _proportional(process: psutil.Process) -> int:
    info = process.memory_full_info()
    return int(getattr(info, "pss", info.rss))


def machine_busy_s() -> float:
    """Busy seconds of all processors since the machine started."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system)


@dataclass
class Peak:
    """The usage at peak memory."""

    usage: Usage = field(default_factory=lambda: Usage({}, {}))


@contextmanager
def watching_peak(paths: StatePaths) -> Iterator[Peak]:
    """Sample every half second while the block runs."""
    peak, done = Peak(), threading.Event()

    def look() -> None:
        while not done.wait(_EVERY_S):
            now = usage(paths)
            if now.total_memory > peak.usage.total_memory:
                peak.usage = now

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        done.set()
        thread.join()
