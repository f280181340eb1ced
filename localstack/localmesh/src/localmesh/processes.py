"""Starting, finding and ending operating-system processes, without ever touching one that is not ours.

A process is known by its id and its start time together: ids are used again, the pair is not. Whole process groups
are ended, because workers outlive a parent that is killed.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

# psutil reads start times in ticks of 10 ms from a boot time that may be corrected by a second.
_START_TOLERANCE_S = 2.0
_POLL_S = 0.02
_FIRST_PORT = 20_000
# Of Linux; macOS begins at 49152.
_FIRST_OUTGOING_PORT = 32_768


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """A process that we started: `started` is its start time in seconds since the epoch."""

    pid: int
    started: float

    @classmethod
    def of(cls, pid: int) -> ProcessRef:
        """Record a process that runs now; `psutil.NoSuchProcess` if it does not."""
        return cls(pid, psutil.Process(pid).create_time())

    @classmethod
    def current(cls) -> ProcessRef:
        """This process."""
        return cls.of(os.getpid())

    def is_recycled(self) -> bool:
        """Whether the id belongs to another process by now."""
        try:
            return abs(psutil.Process(self.pid).create_time() - self.started) > _START_TOLERANCE_S
        except psutil.NoSuchProcess:
            return False

    def find(self) -> psutil.Process | None:
        """The process if it still runs; None when it ended or the id now belongs to another one."""
        try:
            process = psutil.Process(self.pid)
            return None if self.is_recycled() or process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None


def group_members(leader: int) -> list[psutil.Process]:
    """Live processes of the group that `leader` founded (each mesh process founds its own session and group)."""
    members: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, ProcessLookupError, PermissionError):
            if os.getpgid(process.pid) == leader and process.status() != psutil.STATUS_ZOMBIE:
                members.append(process)
    return members


def end_group(ref: ProcessRef, *, first: signal.Signals, grace_s: float) -> bool:
    """Ask the leader with `first`, wait up to `grace_s` seconds, then SIGKILL whatever is left of its group.

    Returns whether force was needed on the leader. Workers that outlive a leader which ended by itself are ended
    without being counted. Nothing happens when the leader's id belongs to another process by now.
    """
    leader = ref.find()
    if leader is None:
        # A leader that was killed from outside leaves workers behind; the group's id is not reused while they live.
        if not ref.is_recycled():
            kill_group(ref.pid)
        return False
    # Children in sessions of their own are no members of the group: record them while the leader lives.
    family = leader.children(recursive=True)
    with suppress(psutil.NoSuchProcess):
        leader.send_signal(first)
    forced = not wait_gone(ref, grace_s)
    kill_group(ref.pid)
    for child in family:
        with suppress(psutil.NoSuchProcess):
            child.kill()
    wait_gone(ref, 5.0)
    return forced


def kill_group(group: int, timeout_s: float = 5.0) -> None:
    """SIGKILL every live member of a process group and wait until they are gone; nothing if there is none."""
    deadline = time.monotonic() + timeout_s
    while group_members(group) and time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        time.sleep(_POLL_S)


def wait_gone(ref: ProcessRef, timeout_s: float) -> bool:
    """Wait until the process has ended; False when it still runs after `timeout_s` seconds."""
    deadline = time.monotonic() + timeout_s
    while ref.find() is not None:
        with suppress(ChildProcessError):
            os.waitpid(ref.pid, os.WNOHANG)
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free at this moment; another process may take it before you do."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def free_ports(count: int, host: str = "127.0.0.1") -> int:
    """The first of so many ports in a row that are free at this moment; none that a system gives to outgoing
    connections, one of which would soon take one of so many. Raises OSError where none were found.
    """
    for _ in range(50):
        first = random.randrange(_FIRST_PORT, _FIRST_OUTGOING_PORT - count)  # noqa: S311 - no secret
        try:
            with ExitStack() as stack:
                for port in range(first, first + count):
                    stack.enter_context(closing(socket.create_server((host, port))))
                return first
        except OSError:
            continue
    raise OSError(f"no {count} free ports in a row")


def is_listening(host: str, port: int, timeout_s: float = 0.25) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.settimeout(timeout_s)
        return probe.connect_ex((host, port)) == 0


def tail(path: Path, lines: int = 20) -> str:
    """The last lines of a log (at most 64 KB of it), empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(0, os.SEEK_END)
        log.seek(max(0, log.tell() - 65536))
        return "\n".join(log.read().decode("utf-8", errors="replace").splitlines()[-lines:])
