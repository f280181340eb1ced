"""Where the files of one mesh are.

Everything a mesh keeps is below one state folder, so that `mesh reset` can delete it and two meshes can
run side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StatePaths:
    """The folders and files below one state folder; nothing is created by naming it."""

    root: Path

    @property
    def postgres(self) -> Path:
        """Holds the cluster (`data/`) and the superuser's password (`password`, mode 0600)."""
        return self.root / "postgres"

    @property
    def emulator(self) -> Path:
        """What the AWS emulator writes when it stops: everything but the objects of S3."""
        return self.root / "ministack"

    @property
    def objects(self) -> Path:
        """The objects of S3, written as they arrive."""
        return self.root / "s3"

    @property
    def localstack(self) -> Path:
        """What LocalStack works with while it runs; emptied with each start, because it cannot read it again."""
        return self.root / "localstack"

    @property
    def backend(self) -> str | None:
        """The name of what emulates AWS over this state; None before the first start."""
        try:
            return (self.root / "backend").read_text(encoding="ascii").strip()
        except FileNotFoundError:
            return None

    @property
    def is_up(self) -> bool:
        """Whether commands have started a mesh here and not stopped it."""
        return any(self.run.glob("*.json"))

    @property
    def models(self) -> Path:
        """Model weights that the AI provider emulator has unpacked and checked."""
        return self.root / "models"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Process records and the lock of the command that is starting or stopping the mesh."""
        return self.root / "run"

    @property
    def ready(self) -> Path:
        """Touched when the processes have been started and provisioned; errors before that are part of starting."""
        return self.run / "ready"

    @property
    def provisioned(self) -> Path:
        """Addresses and names of what was provisioned, for clients of the mesh."""
        return self.root / "provisioned.json"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def log(self, process: str) -> Path:
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Create every folder; only their owner may look inside, because passwords and pictures are in them."""
        for folder in (
            self.root,
            self.emulator,
            self.localstack,
            self.objects,
            self.models,
            self.logs,
            self.run,
            self.temporary,
        ):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
