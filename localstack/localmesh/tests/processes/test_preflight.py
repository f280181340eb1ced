"""What the mesh finds missing before it starts anything."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from localmesh import preflight
from localmesh.config import MeshSettings
from localmesh.errors import LocalMeshError, PortInUseError, PreflightError
from localmesh.lifecycle import make_state, reset
from localmesh.preflight import check_machine, check_port


def settings(root: Path) -> MeshSettings:
    return MeshSettings(_env_file=None, state_dir=root)


def test_this_machine_will_do(tmp_path: Path) -> None:
    check_machine(settings(tmp_path / "not" / "yet"))


def test_a_full_disk_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", ["total", "used", "free"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10, 9, 1_000_000))
    with pytest.raises(PreflightError, match="only 1 MB are free"):
        check_machine(settings(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_reported(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(PreflightError, match="MESH_STATE_DIR"):
        check_machine(settings(tmp_path / "mesh"))


def test_state_is_for_its_owner_only(tmp_path: Path) -> None:
    paths = make_state(settings(tmp_path / "mesh"))
    assert paths.root.stat().st_mode & 0o077 == 0


def test_reset_empties_only_what_a_mesh_created(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "letter.txt").write_text("dear")
    with pytest.raises(LocalMeshError, match="not created by a mesh"):
        reset(settings(home), print)
    assert (home / "letter.txt").exists()


def test_reset_forgets_all_but_the_models(tmp_path: Path) -> None:
    paths = make_state(settings(tmp_path))
    (paths.models / "model.onnx").write_text("weights")
    (paths.root / "provisioned.json").write_text("{}")
    reset(settings(tmp_path), print)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["CACHEDIR.TAG", "models"]
    assert (paths.models / "model.onnx").exists()


@pytest.mark.integration
def test_a_port_that_a_killed_process_still_holds_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens, and the system names nobody: so does a process whose threads are ending."""
    with closing(socket.socket()) as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        with monkeypatch.context() as hurried, pytest.raises(PortInUseError, match="by another process"):
            hurried.setattr(preflight, "_RELEASE_S", 0.1)
            check_port("one", "127.0.0.1", port, "MESH_ONE_PORT")
        releasing = threading.Timer(0.2, held.close)
        releasing.start()
        check_port("one", "127.0.0.1", port, "MESH_ONE_PORT")
        releasing.join()
