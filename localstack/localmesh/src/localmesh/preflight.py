"""What this machine must have before anything is started; each missing piece is one line that says what to do."""

from __future__ import annotations

import ctypes
import os
import shutil
import socket
import sys
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

import psutil

from localmesh.config import MeshSettings
from localmesh.errors import PortInUseError, PreflightError
from localmesh.processes import is_listening

_MIN_FREE_BYTES: Final = 500_000_000
# A process that was killed is gone for us, and holds its port until the last of its threads has ended.
_RELEASE_S: Final = 3.0
_POLL_S: Final = 0.05


def check_machine(settings: MeshSettings) -> None:
    """Raise `PreflightError` for the first thing that is missing."""
    if sys.platform == "win32":
        raise PreflightError("Windows is not supported: use WSL, which is an ordinary Linux")
    folder = _existing(settings.state_dir)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PreflightError(f"{folder} is not writable for you: set MESH_STATE_DIR to a folder that is")
    free = shutil.disk_usage(folder).free
    if free < _MIN_FREE_BYTES:
        raise PreflightError(f"only {free // 1_000_000} MB are free in {folder}: the mesh needs 500 MB")
    if sys.platform == "linux":
        try:
            ctypes.CDLL("libz.so.1")
        except OSError as error:
            raise PreflightError("Postgres needs the library libz.so.1: `apt-get install zlib1g`") from error


def check_port(process: str, host: str, port: int, setting: str) -> None:
    """Raise `PortInUseError` when the port is in use, naming the process if the system reports it."""
    deadline = time.monotonic() + _RELEASE_S
    while is_listening(host, port) or not _can_bind(host, port):
        owner = _owner(port)
        if owner or time.monotonic() > deadline:
            by = f" by {owner}" if owner else " by another process"
            raise PortInUseError(
                f"port {port} for {process} is in use{by}: stop that, or set {setting} to another port"
            )
        time.sleep(_POLL_S)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def _can_bind(host: str, port: int) -> bool:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        # Connections of a server that has just ended linger; they do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise PreflightError(f"port {port} may not be opened by you: choose one above 1023") from error
        except OSError:
            return False
    return True


def _owner(port: int) -> str:
    """Name and id of the process that listens on the port; empty when the system does not report it."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port
            if listens and connection.pid:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""
