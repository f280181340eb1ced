"""What commands and keepers note about processes in `.mesh/run/`: those that run, and those that died."""

from __future__ import annotations

import json
from contextlib import suppress
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
    keeper: ProcessRef | None = None  # starts it again when it dies; None once it has given up

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
            keeper = fields.get("keeper") and ProcessRef(**fields["keeper"])
            return Record(name, int(fields["pid"]), float(fields["started"]), tuple(fields["command"]), keeper)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def all(self) -> list[Record]:
        """Every record that can be read."""
        names = sorted(file.stem for file in self._folder.glob("*.json"))
        return [record for name in names if (record := self.read(name)) is not None]

    def write(self, record: Record) -> None:
        fresh = self._file(record.name).with_suffix(".new")
        fresh.write_text(json.dumps(asdict(record)) + "\n", encoding="utf-8")
        fresh.replace(self._file(record.name))

    def remove(self, name: str) -> None:
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"


@dataclass(frozen=True, slots=True)
class Death:
    """A process that ended without being told to: `delay_s` until it was started again, None when it was not."""

    name: str
    time: str
    reason: str
    lived_s: float
    delay_s: float | None
    log: tuple[str, ...]  # its last lines


class Deaths:
    """The last deaths of the processes of one mesh: one file for each."""

    _KEPT = 20

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, death: Death) -> None:
        kept = [*self.of(death.name), death][-self._KEPT :]
        fresh = self._file(death.name).with_suffix(".new")
        fresh.write_text("".join(json.dumps(asdict(one)) + "\n" for one in kept), encoding="utf-8")
        fresh.replace(self._file(death.name))

    def of(self, name: str) -> list[Death]:
        """Oldest first; what cannot be read is left out."""
        found: list[Death] = []
        with suppress(FileNotFoundError):
            for line in self._file(name).read_text(encoding="utf-8").splitlines():
                with suppress(ValueError, TypeError, KeyError):
                    fields = json.loads(line)
                    found.append(Death(**{**fields, "log": tuple(fields["log"])}))
        return found

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.deaths"
