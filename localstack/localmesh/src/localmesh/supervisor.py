"""Starting and ending the processes of a mesh, which live on after the command that started them.

Each has a keeper (`localmesh.keeper`), its parent, which starts it again when it dies.
Each is the leader of a session and process group of its own, so that Ctrl-C at the keyboard does not reach it and
nothing of it is left when it is ended.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localmesh.errors import LocalMeshError, ProcessStartError
from localmesh.keepers import start_keeper
from localmesh.members import Member
from localmesh.paths import StatePaths
from localmesh.preflight import check_port
from localmesh.processes import end_group, tail, wait_gone
from localmesh.records import Record, Records

Report = Callable[[str], None]
KEPT_LOGS: Final = 3
_POLL_S: Final = 0.03
_KEEPER_GRACE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Started:
    """One process after a start: `seconds` is None when it ran before."""

    member: Member
    record: Record
    seconds: float | None


class Supervisor:
    """The processes of one mesh, below one state folder."""

    def __init__(self, paths: StatePaths, report: Report) -> None:
        self._paths = paths
        self._report = report
        self._records = Records(paths.run)

    def start(self, members: Sequence[Member]) -> tuple[Started, ...]:
        """Start what does not run, all at once, and wait until each is ready.

        When one fails, those that this call started are ended again and its error is raised: a `PortInUseError`,
        or a `ProcessStartError` with the last lines of its log.
        """
        if not members:
            return ()
        with ThreadPoolExecutor(len(members)) as pool:
            outcomes = [pool.submit(self._start_one, member) for member in members]
        failures = [error for outcome in outcomes if (error := outcome.exception()) is not None]
        started = tuple(outcome.result() for outcome in outcomes if outcome.exception() is None)
        if failures:
            self.undo(started)
            for other in failures[1:]:
                self._report(str(other))
            raise failures[0]
        return started

    def check_ports(self, members: Sequence[Member]) -> None:
        """Raise `PortInUseError` before anything is started, so that nothing has to be undone."""
        for member in members:
            record = self._records.read(member.name)
            if record is None or record.ref.find() is None:
                # What a killed process left behind is not another process.
                self._end([member])
                check_port(member.name, member.host, member.port, member.port_setting)

    def undo(self, started: Sequence[Started]) -> None:
        """End those that did not run before."""
        self._end([one.member for one in started if one.seconds is not None])

    def stop(self, members: Sequence[Member]) -> bool:
        """End what runs, the database last; returns whether anything ran."""
        first = [member for member in members if member.name != "postgres"]
        last = [member for member in members if member.name == "postgres"]
        return self._end(first) | self._end(last)

    def _start_one(self, member: Member) -> Started:
        begun = time.monotonic()
        record = self._records.read(member.name)
        if record is not None:
            running = record.ref.find() is not None
            if running and self._is_as_wanted(member, record):
                self._wait_ready(member, record)
                record = self._watched(member, record)
                self._report(f"{member.name} is already running (port {member.port}, process {record.pid})")
                return Started(member, record, None)
            if running:
                self._report(f"{member.name} is restarted: its settings changed, or it does not answer")
            self._end([member])
        check_port(member.name, member.host, member.port, member.port_setting)
        self._report(f"{member.name} is starting on port {member.port}")
        record = self._spawn(member)
        self._wait_ready(member, record)
        self._keep(record)
        seconds = time.monotonic() - begun
        self._report(f"{member.name} is ready after {seconds:.1f} s (port {member.port}, process {record.pid})")
        return Started(member, record, seconds)

    def _is_as_wanted(self, member: Member, record: Record) -> bool:
        """Whether a living process was started with today's settings, and answers within seconds."""
        if record.command != tuple(member.command()):
            return False
        deadline = time.monotonic() + 10.0
        while not member.is_ready():
            if time.monotonic() > deadline or record.ref.find() is None:
                return False
            time.sleep(_POLL_S)
        return record.ref.find() is not None  # it may have answered just before it ended

    def _watched(self, member: Member, record: Record) -> Record:
        """The record of a running process with its keeper: a new one where that was killed.

        The process runs on, because LocalStack's community edition has lost everything after a restart.
        """
        if record.keeper is not None and record.keeper.find() is not None:
            return record
        self._report(f"{member.name} gets a new keeper: its own was killed")
        return self._start_keeper(member, record)

    def _spawn(self, member: Member) -> Record:
        member.prepare()
        rotate(self._paths.log(member.name))
        self._records.remove(member.name)
        return self._start_keeper(member, None)

    def _start_keeper(self, member: Member, before: Record | None) -> Record:
        """What the keeper has noted: of the process that it starts, or of the running one that it takes over."""
        log = self._paths.log(member.name)
        keeper = start_keeper(member.name, self._paths.run, log, member.command(), member.environment)
        while (record := self._records.read(member.name)) is None or record == before:
            if keeper.poll() is not None:
                raise self._died(member)
            time.sleep(_POLL_S)
        return record

    def _wait_ready(self, member: Member, record: Record) -> None:
        deadline = time.monotonic() + member.start_timeout_s
        while not member.is_ready():
            if record.ref.find() is None:
                self._records.remove(member.name)
                raise self._died(member)
            if time.monotonic() > deadline:
                self._end([member])
                raise ProcessStartError(
                    f"{member.name} did not answer within {member.start_timeout_s:.0f} s; the end of its log:\n"
                    + tail(self._paths.log(member.name))
                )
            time.sleep(_POLL_S)

    def _keep(self, record: Record) -> None:
        """From now on it is started again when it dies."""
        if record.keeper is not None and (keeper := record.keeper.find()) is not None:
            keeper.send_signal(signal.SIGUSR1)

    def _died(self, member: Member) -> LocalMeshError:
        log = self._paths.log(member.name)
        return ProcessStartError(f"{member.name} ended while it was starting; the end of its log ({log}):\n{tail(log)}")

    def _end(self, members: Sequence[Member]) -> bool:
        if not members:
            return False
        with ThreadPoolExecutor(len(members)) as pool:
            return any(list(pool.map(self._end_one, members)))

    def _end_one(self, member: Member) -> bool:
        record = self._records.read(member.name)
        if record is None:
            return False
        if record.keeper is not None and (keeper := record.keeper.find()) is not None:
            keeper.terminate()
            if not wait_gone(record.keeper, _KEEPER_GRACE_S):
                keeper.kill()
            record = self._records.read(member.name) or record  # it may have started it again just before
        ran = record.ref.find() is not None
        begun = time.monotonic()
        forced = end_group(record.ref, first=member.stop_signal, grace_s=member.stop_grace_s)
        self._records.remove(member.name)
        if forced:
            self._report(f"{member.name} did not end within {member.stop_grace_s:.0f} s and was killed")
        elif ran:
            self._report(f"{member.name} ended after {time.monotonic() - begun:.1f} s")
        return ran


def rotate(log: Path) -> None:
    """Keep the last logs as `<name>.log.1` (newest) to `<name>.log.3`."""
    if not log.exists() or log.stat().st_size == 0:
        return
    for age in range(KEPT_LOGS, 0, -1):
        older = log.with_name(f"{log.name}.{age}")
        newer = log.with_name(f"{log.name}.{age - 1}") if age > 1 else log
        if newer.exists():
            newer.replace(older)
