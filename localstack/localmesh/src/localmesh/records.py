"""Records of running processes, kept between commands: one small file each in `.mesh/run/`."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from localmesh.processes import ProcessRef


@dataclass(frozen=True, slots=True)
class Record:
    """A process that a command started: its id, and the command (to notice changed settings)."""

    name: str
    pid: int
    started: float
    command: tuple[str, ...]

    @property
    def ref(self) -> ProcessRef:
        return ProcessRef(self.pid, self.started)


class Records:
    """The records in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, name: str) -> Record | None:
        """The record of a process; None if there is none, or if what is there cannot be read as one."""
        try:
            fields = json.loads(self._file(name).read_text(encoding="utf-8"))
            return Record(name, int(fields["pid"]), float(fields["started"]), tuple(fields["command"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def write(self, record: Record) -> None:
        fresh = self._file(record.name).with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
        fresh.replace(self._file(record.name))

    def remove(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"
