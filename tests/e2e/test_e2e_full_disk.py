"""A disk that takes nothing more: uploads are refused and everybody is told why, until there is room again."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
import typer
from PIL import Image

from localmesh.records import Records
from mesh import status
from mesh.client import Api
from testkit import eventually
from testkit.operator import RunningMesh

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.integration,
    pytest.mark.usefixtures("instant"),
    pytest.mark.needs("durability", "processes"),
]


@contextmanager
def no_room(mesh: RunningMesh, limit: int) -> Iterator[None]:
    """The kernel refuses the emulator files beyond so many bytes, as a quota would."""
    record = Records(mesh.settings.paths.run).read("emulator")
    assert record is not None
    emulator = psutil.Process(record.pid)
    before = emulator.rlimit(psutil.RLIMIT_FSIZE)
    emulator.rlimit(psutil.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        emulator.rlimit(psutil.RLIMIT_FSIZE, before)


@pytest.mark.scheduled  # localstack/localmesh/tests/processes/test_durability.py has the same for the emulator alone
def test_a_full_disk_refuses_uploads_until_there_is_room(
    mesh: RunningMesh,
    alice: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(status, "MeshSettings", lambda: mesh.settings)
    picture = tmp_path / "large.png"
    Image.merge("RGB", [Image.effect_noise((1000, 800), 90) for _ in range(3)]).save(picture)
    assert picture.stat().st_size > 2_000_000
    status.show(as_json=False)
    with no_room(mesh, 1_000_000):
        refused = alice.request("POST", "/items", files={"file": ("large.png", picture.read_bytes(), "image/png")})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
        assert refused.headers["content-type"] == "application/problem+json"
        health = alice.request("GET", "/health")
        assert (health.status_code, list(health.json()["checks"])) == (503, ["images"])
        with pytest.raises(typer.Exit):
            status.show(as_json=False)
        assert "cannot be written: File too large; make room, it goes on by itself" in capsys.readouterr().out
    assert alice.json("GET", "/items")["total"] == 0
    eventually(lambda: alice.request("GET", "/health").status_code == 200, timeout_s=10)
    item = alice.upload(picture)
    assert alice.follow([item["id"]])[item["id"]]["status"] == "searchable"
    status.show(as_json=False)
