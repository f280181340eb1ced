"""What a mesh looks like from outside: processes, functions, queues, recent errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class ProcessStatus(BaseModel):
    """One process of the mesh with its descendants; sizes in bytes, times in seconds."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: str  # running, silent (alive but not answering), restarting (its keeper is about to), stopped
    port: int
    pid: int | None = None
    uptime_s: float | None = None
    memory_bytes: int | None = None
    children: int = 0
    is_watched: bool = True  # whether anything starts it again when it dies


class FunctionStatus(BaseModel):
    """One function; counts are of the last hour, None when the emulator keeps none."""

    model_config = ConfigDict(frozen=True)

    name: str
    short_name: str  # without the prefix of the mesh
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
    """One line of a log that reports an error."""

    model_config = ConfigDict(frozen=True)

    time: str
    source: str
    message: str


class ProcessDeath(BaseModel):
    """A process that ended without being told to; `delay_s` until it was started again, None when it was not."""

    model_config = ConfigDict(frozen=True)

    name: str
    time: str
    reason: str
    lived_s: float
    delay_s: float | None
    log_file: str
    log: tuple[str, ...]


class MeshStatus(BaseModel):
    """Everything at one moment; functions and queues are None when the emulator does not answer."""

    model_config = ConfigDict(frozen=True)

    state_dir: str
    api_url: str
    processes: tuple[ProcessStatus, ...]
    functions: tuple[FunctionStatus, ...] | None = None
    queues: tuple[QueueStatus, ...] | None = None
    parked: dict[str, int] | None = None  # events that the bus has refused, by service; None: unknown
    errors: tuple[ErrorLine, ...] = ()
    deaths: tuple[ProcessDeath, ...] = ()  # of the last hour
    storage_fault: str | None = None  # why nothing can be stored

    @property
    def is_up(self) -> bool:
        return self.storage_fault is None and all(process.state == "running" for process in self.processes)
