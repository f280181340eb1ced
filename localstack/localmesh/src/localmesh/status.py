"""What a mesh looks like from outside: processes, functions, queues, recent errors."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

import psutil
from pydantic import BaseModel, ConfigDict

from localmesh.config import MeshSettings
from localmesh.members import Member, members_of
from localmesh.records import Records

_STOPPED: Final = "stopped"


class ProcessStatus(BaseModel):
    """One process of the mesh with its descendants; sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str  # running, silent (alive but not answering), stopped
    port: int
    pid: int | None = None
    uptime_s: float | None = None
    memory_bytes: int | None = None
    children: int = 0


class FunctionStatus(BaseModel):
    """One function; counts are of the last hour, None when the emulator keeps none."""

    model_config = ConfigDict(frozen=True)

    name: str
    short_name: str  # without what all names of the mesh start with
    state: str
    last_modified: str
    invocations: int | None = None
    errors: int | None = None


class QueueStatus(BaseModel):
    """A queue beside its dead-letter queue."""

    model_config = ConfigDict(frozen=True)

    name: str
    short_name: str
    waiting: int
    in_flight: int
    delayed: int
    dead_letters: int


class ErrorLine(BaseModel):
    """One line of a log that tells of an error."""

    model_config = ConfigDict(frozen=True)

    time: str
    source: str
    message: str


class MeshStatus(BaseModel):
    """Everything at one moment; functions and queues are None when the emulator does not answer."""

    model_config = ConfigDict(frozen=True)

    state_dir: str
    api_url: str
    processes: tuple[ProcessStatus, ...]
    functions: tuple[FunctionStatus, ...] | None = None
    queues: tuple[QueueStatus, ...] | None = None
    errors: tuple[ErrorLine, ...] = ()

    @property
    def is_up(self) -> bool:
        return all(process.state == "running" for process in self.processes)


def read_status(settings: MeshSettings) -> MeshStatus:
    """Ask everything that can be asked now."""
    processes = tuple(_process(settings, member) for member in members_of(settings))
    answers = {process.name for process in processes if process.state == "running"}
    base = MeshStatus(state_dir=str(settings.state_dir), api_url=settings.api_url, processes=processes)
    if "emulator" not in answers:
        return base
    from localmesh import inventory  # boto3 takes a while, and is not needed for a mesh that is down

    clients = inventory.clients_of(settings)
    return base.model_copy(
        update={
            "functions": inventory.read_functions(clients, settings),
            "queues": inventory.read_queues(clients, settings),
            "errors": inventory.read_errors(clients, settings),
        }
    )


def _process(settings: MeshSettings, member: Member) -> ProcessStatus:
    record = Records(settings.paths.run).read(member.name)
    process = record.ref.find() if record is not None else None
    if process is None:
        return ProcessStatus(name=member.name, state=_STOPPED, port=member.port)
    children = process.children(recursive=True)
    return ProcessStatus(
        name=member.name,
        state="running" if member.is_ready() else "silent",
        port=member.port,
        pid=process.pid,
        uptime_s=round(time.time() - process.create_time(), 1),
        memory_bytes=sum(map(_resident, [process, *children])),
        children=len(children),
    )


def _resident(process: psutil.Process) -> int:
    """Resident memory; where the system tells (Linux), pages shared by several processes count in parts only."""
    with suppress(psutil.Error):
        memory = process.memory_full_info()
        return int(getattr(memory, "pss", memory.rss))
    return 0
