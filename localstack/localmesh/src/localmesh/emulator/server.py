"""An emulator started and ended by this process, for tests; the mesh's own is run by the supervisor."""

from __future__ import annotations

import subprocess
import time
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM
from types import TracebackType
from typing import TYPE_CHECKING, Self

from localmesh.emulator.launch import EmulatorOptions, command, is_ready
from localmesh.errors import ProcessStartError
from localmesh.processes import ProcessRef, end_group, free_port, tail

if TYPE_CHECKING:
    from localstack_client.session import Session

_START_TIMEOUT_S = 60.0
_STOP_GRACE_S = 20.0


class Emulator:
    """The AWS emulator with its state below `folder`; `port=0` takes a free one."""

    def __init__(self, folder: Path, port: int = 0, *, iam: bool = False, snapshot_s: float = 15.0) -> None:
        self.log = folder / "emulator.log"
        self.options = EmulatorOptions(
            port=port or free_port(),
            state_dir=folder / "state",
            objects_dir=folder / "s3",
            temporary_dir=folder / "tmp",
            iam=iam,
            snapshot_s=snapshot_s,
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self.options.url

    @property
    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process else None

    @property
    def session(self) -> Session:
        """Makes clients with the emulator's root credentials."""
        from localmesh.aws import open_session  # boto3 takes a while, and is not needed to start the mesh's own

        return open_session(self.url, self.options.region)

    def start(self, *, iam: bool | None = None) -> Self:
        """Start it and wait until it answers; `ProcessStartError` with the end of its log when it does not."""
        if iam is not None:
            self.options = replace(self.options, iam=iam)
        for folder in (self.options.state_dir, self.options.objects_dir, self.options.temporary_dir):
            folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command(self.options), "--die-with-parent"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not is_ready(self.url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ProcessStartError(f"the AWS emulator did not start; the end of its log:\n{tail(self.log)}")
            time.sleep(0.05)
        return self

    def stop(self) -> None:
        """End it and its workers; it writes its state first. Harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            end_group(ProcessRef.of(process.pid), first=SIGTERM, grace_s=_STOP_GRACE_S)
        process.wait(timeout=5)

    def kill(self) -> None:
        """Kill it, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()
