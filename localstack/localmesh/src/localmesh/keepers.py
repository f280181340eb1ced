"""Starting keepers; and how they look after one another, so that killing one leaves no server unwatched."""

from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from localmesh.errors import MeshBusyError
from localmesh.lock import mesh_lock
from localmesh.processes import ProcessRef
from localmesh.records import Record, Records

_START_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.03
_log = logging.getLogger("keepers")


def start_keeper(
    name: str, run: Path, log_file: Path, command: Sequence[str], environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """A keeper of what the command starts; of the server that runs already, where there is a record of it."""
    with log_file.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "localmesh.keeper", name, run, log_file, *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            cwd="/",
            start_new_session=True,
        )


class Neighbours:
    """The keepers of the other servers of a mesh, seen by the keeper of one."""

    def __init__(self, name: str, run: Path, logs: Path) -> None:
        self._name, self._run, self._logs = name, run, logs
        self._records = Records(run)
        # Read while they live; it may hold what is not to be written anywhere.
        self._environments: dict[ProcessRef, dict[str, str]] = {}

    def look_after(self) -> None:
        """Replace a keeper that was killed, unless a command is starting or stopping the mesh."""
        for record in self._records.all():
            if record.name == self._name or record.keeper is None:
                continue
            try:
                if (keeper := record.keeper.find()) is None:
                    self._replace(record, record.keeper)
                elif record.keeper not in self._environments and (environment := keeper.environ()):
                    # A process that has only begun to be a program has an empty one.
                    self._environments[record.keeper] = environment
            except MeshBusyError:
                continue
            except (OSError, psutil.Error):
                _log.exception("the keeper of %s cannot be looked after", record.name)

    def _replace(self, record: Record, killed: ProcessRef) -> None:
        environment = self._environments.get(killed)
        if environment is None:  # it was killed before anybody saw it
            return
        with mesh_lock(self._run / "lock", lambda _: None, timeout_s=0):
            if not self._keeps(record.name, killed):
                return  # a neighbour was quicker
            log = self._logs / f"{record.name}.log"
            keeper = start_keeper(record.name, self._run, log, record.command, environment)
            deadline = time.monotonic() + _START_TIMEOUT_S
            while self._keeps(record.name, killed) and keeper.poll() is None and time.monotonic() < deadline:
                time.sleep(_POLL_S)
            with suppress(psutil.NoSuchProcess):
                self._environments[ProcessRef.of(keeper.pid)] = environment

    def _keeps(self, name: str, keeper: ProcessRef) -> bool:
        record = self._records.read(name)
        return record is not None and record.keeper == keeper
