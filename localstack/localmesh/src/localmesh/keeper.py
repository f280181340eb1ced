"""Keeps one server of the mesh running: its parent, which notes why it died and starts it again.

`python -m localmesh.keeper NAME RUN_FOLDER LOG COMMAND…`. SIGUSR1 says that the server has become ready: only then is
it started again when it dies. SIGTERM ends the keeper alone, so that others can end the server.

Keepers look after one another: one that is killed is replaced by another's, which finds the record of the server and
takes it over. Only when all are killed at once is nobody left (`make status` says so).
"""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from localmesh.keepers import Neighbours
from localmesh.processes import ProcessRef, kill_group, tail
from localmesh.records import Death, Deaths, Record, Records

#: Deaths in a row after which it gives up: a quarter of an hour, in which a full disk or a stolen port may be noticed.
LIMIT: Final = 34
FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
#: A server that lived so long had recovered from its last death.
RECOVERED_S: Final = 60.0
_LOG_LINES: Final = 5
#: How often a keeper looks after itself and others.
_ROUND_S: Final = 1.0
#: Exit code of a server that was not the keeper's child; processes end with 255 at most.
_UNKNOWN: Final = 256
_log = logging.getLogger("keeper")


def delay_s(deaths: int) -> float | None:
    """How long to wait after so many deaths in a row; None to give up."""
    return None if deaths > LIMIT else min(FIRST_DELAY_S * 2 ** (deaths - 1), LONGEST_DELAY_S)


def reason_of(code: int) -> str:
    """Why a process ended, from `Popen.returncode`."""
    if code == _UNKNOWN:
        return "ended after its keeper had been killed, so that nobody knows how"
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name
    kernel = ", by somebody or by the kernel for want of memory" if name == "SIGKILL" else ""
    return f"killed by {name}{kernel}"


@dataclass(frozen=True, slots=True)
class _Adopted:
    """A server whose first keeper was killed: somebody else's child."""

    ref: ProcessRef

    def poll(self) -> int | None:
        return _UNKNOWN if self.ref.find() is None else None


class Keeper:
    """One server and the signals that concern it."""

    def __init__(self, name: str, run: Path, log: Path, command: list[str]) -> None:
        self._name, self._log, self._command = name, log, command
        self._records, self._deaths = Records(run), Deaths(run)
        self._neighbours = Neighbours(name, run, log.parent)
        self._received: set[int] = set()
        # Not an Event: setting one in a handler that interrupts its own `wait` may wait for ever.
        self._woken, wakes = socket.socketpair()
        self._wakes = wakes  # kept open
        for end in (self._woken, wakes):
            end.setblocking(False)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGUSR1, signal.SIGTERM):
            signal.signal(number, self._receive)

    def keep(self) -> None:
        """Until told to end, or until the server has died too often."""
        deaths = 0
        server: subprocess.Popen[bytes] | _Adopted | None = self._adopt()
        while True:
            server = server or self._start()
            if server is None:
                deaths = min(deaths + 1, LIMIT)  # nobody can be told that it is given up either
                if self._told_to_end(delay_s(deaths) or LONGEST_DELAY_S):
                    return
                continue
            code = self._wait(server)
            if code is None:
                return
            record, server = self._record, None
            if not record.ref.is_recycled():
                kill_group(record.pid)  # workers outlive it
            lived = time.time() - record.started
            deaths = 1 if lived >= RECOVERED_S else deaths + 1
            if signal.SIGUSR1 not in self._received:
                return
            delay = delay_s(deaths)
            self._note(code, lived, delay)
            if delay is None:
                with suppress(OSError):  # then another keeper begins again
                    self._write(replace(record, keeper=None))  # no other keeper shall begin again
                return
            if self._told_to_end(delay):
                return

    def _receive(self, number: int, _: object) -> None:
        self._received.add(number)

    def _pause(self, seconds: float = _ROUND_S) -> None:
        """Until a signal comes, or came since the last pause; for a round at most."""
        if select.select([self._woken], [], [], min(seconds, _ROUND_S))[0]:
            with suppress(BlockingIOError):
                self._woken.recv(4096)
        if signal.SIGTERM not in self._received:
            self._neighbours.look_after()

    def _adopt(self) -> _Adopted | None:
        """The server of a keeper that was killed."""
        if (record := self._records.read(self._name)) is None:
            return None
        self._received.add(signal.SIGUSR1)
        self._write(replace(record, keeper=ProcessRef.current()))
        return _Adopted(record.ref)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """The server; None where nobody could be told of it, as on a full disk."""
        with self._log.open("ab") as log:
            child = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        started = ProcessRef.of(child.pid).started
        try:
            self._write(Record(self._name, child.pid, started, tuple(self._command), ProcessRef.current()))
        except OSError:
            _log.exception("%s cannot be recorded, and is tried again", self._name)
            kill_group(child.pid)
            child.wait()
            return None
        return child

    def _write(self, record: Record) -> None:
        self._record = record
        self._records.write(record)

    def _wait(self, server: subprocess.Popen[bytes] | _Adopted) -> int | None:
        """The server's exit code; None when the keeper shall end."""
        while (code := server.poll()) is None:
            if signal.SIGTERM in self._received:
                return None
            self._pause()
        return None if signal.SIGTERM in self._received else code

    def _told_to_end(self, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        while signal.SIGTERM not in self._received and (left := deadline - time.monotonic()) > 0:
            self._pause(left)
        return signal.SIGTERM in self._received

    def _note(self, code: int, lived_s: float, delay: float | None) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        last = tuple(line[:300] for line in tail(self._log, _LOG_LINES).splitlines())
        try:
            self._deaths.add(Death(self._name, now, reason_of(code), round(lived_s, 1), delay, last))
        except OSError:  # a full disk, of which the server may have died
            _log.exception("the death of %s cannot be noted", self._name)


def main() -> None:
    """Keep what the arguments name."""
    name, run, log, *command = sys.argv[1:]
    Keeper(name, Path(run), Path(log), command).keep()


if __name__ == "__main__":
    main()
