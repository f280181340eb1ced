"""Preparing a checkout: the required Python, the accepted uv, and the messages when something is missing."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with its tools in a folder of this test."""
    spec = importlib.util.spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "TOOLS", tmp_path / "tools")
    return module


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_an_old_python_is_reported_in_one_line(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap.platform, "python_version", lambda: "3.9.2")
    with pytest.raises(bootstrap.SetupError, match=r"Python 3\.11 or newer is needed.*3\.9\.2"):
        bootstrap.hand_over_to_newer_python()


def test_a_newer_python_on_the_path_takes_over(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = program(tmp_path / "python3.12", "")
    started: list[str] = []
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: str(newer) if name == "python3.12" else None)
    monkeypatch.setattr(bootstrap.os, "execv", lambda path, arguments: started.append(path))
    with pytest.raises(bootstrap.SetupError):  # only because execv came back
        bootstrap.hand_over_to_newer_python()
    assert started[0] == str(newer)


def test_a_changed_project_file_is_noticed(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("services/lib/chassis", "services/imaging", "tools/mesh", "contracts"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "uv.lock").write_text("one")
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    seen = {bootstrap.fingerprint()}
    (tmp_path / "uv.lock").write_text("two")
    seen.add(bootstrap.fingerprint())
    (tmp_path / "services/lib/chassis/pyproject.toml").write_text("three")
    seen.add(bootstrap.fingerprint())
    assert len(seen) == 3
    assert bootstrap.fingerprint() in seen


@pytest.mark.parametrize(("says", "taken"), [("uv 0.8.22", False), ("uv 0.9.0 (x)", True), ("uv 1.0.0", True)])
def test_only_a_uv_that_reads_our_lock_file_is_taken(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, says: str, taken: bool
) -> None:
    uv = program(tmp_path / "bin" / "uv", says)
    monkeypatch.setenv("PATH", f"{uv.parent}:{os.defpath}")
    assert bootstrap.find_uv() == (str(uv) if taken else "")


class Registry(ThreadingHTTPServer):
    """A package registry with one wheel."""

    def __init__(self, wheel: bytes, listed_sha256: str) -> None:
        outer = self
        self.wheel = wheel

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = f"http://127.0.0.1:{outer.server_port}/files/uv.whl"
                listing = {"files": [{"url": url, "hashes": {"sha256": listed_sha256}}]}
                body = outer.wheel if self.path == "/files/uv.whl" else json.dumps(listing).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:
                """Log nothing."""

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def wheel(bootstrap: ModuleType) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(f"uv-{bootstrap.UV_VERSION}.data/scripts/uv", "#!/bin/sh\necho 'uv 9.9.9'\n")
    return packed.getvalue()


@pytest.fixture
def registry(bootstrap: ModuleType, wheel: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    digest = hashlib.sha256(wheel).hexdigest()
    monkeypatch.setattr(bootstrap, "UV_SHA256", dict.fromkeys(bootstrap.UV_SHA256, digest))
    server = Registry(wheel, digest)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(bootstrap, "INDEX", f"http://127.0.0.1:{server.server_port}/simple")
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.integration
def test_without_pip_the_wheel_is_fetched_checked_and_unpacked(bootstrap: ModuleType, registry: Registry) -> None:
    bootstrap.install_by_hand(bootstrap.TOOLS / "uv")
    printed = subprocess.check_output([bootstrap.TOOLS / "uv" / "bin" / "uv", "--version"], text=True)
    assert printed == "uv 9.9.9\n"
    assert bootstrap.find_uv() == str(bootstrap.TOOLS / "uv" / "bin" / "uv")


@pytest.mark.integration
def test_a_wheel_that_is_not_the_pinned_one_is_refused(bootstrap: ModuleType, registry: Registry) -> None:
    registry.wheel += b"tampered"
    with pytest.raises(bootstrap.SetupError, match="has the wrong sha256"):
        bootstrap.install_by_hand(bootstrap.TOOLS / "uv")
    assert not (bootstrap.TOOLS / "uv" / "bin" / "uv").exists()


@pytest.mark.integration
def test_no_network_is_reported_in_one_line(bootstrap: ModuleType, registry: Registry) -> None:
    registry.shutdown()
    registry.server_close()
    with pytest.raises(bootstrap.SetupError, match="cannot reach the package registry") as refused:
        bootstrap.install_by_hand(bootstrap.TOOLS / "uv")
    assert "\n" not in str(refused.value)


def test_the_script_needs_nothing_but_the_standard_library() -> None:
    listed = [sys.executable, "-ISc", f"import runpy, sys; runpy.run_path({str(SCRIPT)!r}); print(*sys.modules)"]
    modules = subprocess.check_output(listed, text=True).split()
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"__main__", "__mp_main__"}
    assert {name for name in foreign if not name.startswith(("_", "sitecustomize"))} == set()
