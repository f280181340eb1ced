"""Whatever is killed while pictures are being uploaded: each that was accepted ends, once, without anybody's help."""

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import psutil
import pytest

from localmesh.lifecycle import down, up
from localmesh.records import Records
from mesh.client import Api, ApiError
from testkit import eventually
from testkit.operator import PASSWORD, RunningMesh

pytestmark = [pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant")]

Draw = Callable[..., Path]
SERVERS = ("postgres", "emulator", "providers")


def kill(mesh: RunningMesh, victim: str) -> None:
    """As `kill -9` would: one server, the workers of all functions, or everything (a power cut)."""
    records = [Records(mesh.settings.paths.run).read(name) for name in SERVERS]
    found = {record.name: record for record in records if record is not None}
    victims: list[psutil.Process] = []
    for name in SERVERS if victim == "everything" else ("emulator",) if victim == "workers" else (victim,):
        server, keeper = found[name].ref.find(), found[name].keeper
        assert server is not None
        workers = server.children(recursive=True)
        parents = [watching] if keeper is not None and (watching := keeper.find()) is not None else []
        victims += {"workers": workers, "everything": [*parents, server, *workers]}.get(victim, [server])
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    assert victims


def upload_all(api: Api, pictures: list[Path], accepted: list[str], kill_now: threading.Event) -> None:
    """Four at a time; ids of what was accepted go to `accepted`, and `kill_now` is set in the middle."""

    def upload(picture: Path) -> None:
        with suppress(ApiError, httpx.HTTPError):
            accepted.append(api.upload(picture)["id"])
        if len(accepted) >= len(pictures) // 2:
            kill_now.set()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(upload, pictures))
    kill_now.set()


def check(victim: str, count: int, mesh: RunningMesh, draw: Draw, restart: Callable[[], object]) -> None:
    """Upload, kill in the middle, restart; then everything that was accepted is there once, and searchable."""
    email = f"{secrets.token_hex(6)}@example.com"
    pictures = [draw(f"picture {number}") for number in range(count)]
    mesh.identity.ensure_user(email, PASSWORD)
    accepted: list[str] = []
    kill_now = threading.Event()
    api = Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD), timeout_s=30)
    with api, ThreadPoolExecutor(1) as pool:
        uploading = pool.submit(upload_all, api, pictures, accepted, kill_now)
        assert kill_now.wait(60)
        kill(mesh, victim)
        uploading.result(60)
    restart()
    mesh.providers.mode("instant")
    with Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD)) as again:
        assert len(accepted) >= count // 2
        final = again.follow(accepted, timeout_s=150)
        assert {item["status"] for item in final.values()} == {"searchable"}
        listed = [item["id"] for item in again.items()]
        assert len(listed) == len(set(listed))
        assert set(accepted) <= set(listed)
        eventually(mesh.is_idle)
        for item_id in accepted:
            found = mesh.rows("SELECT 1 FROM search.documents WHERE item_id = %s", item_id)
            assert len(found) == 1, item_id
            analyses = mesh.rows("SELECT 1 FROM analysis.events WHERE stream_id = %s", item_id)
            assert len(analyses) == 1, item_id


def test_a_power_cut_loses_nothing_that_was_accepted(mesh: RunningMesh, picture: Draw) -> None:
    check("everything", 12, mesh, picture, lambda: start(mesh))


@pytest.mark.scheduled
@pytest.mark.parametrize("victim", [*SERVERS, "workers", "everything"])
def test_no_kill_loses_what_was_accepted(victim: str, mesh: RunningMesh, picture: Draw) -> None:
    check(victim, 60, mesh, picture, lambda: start(mesh))


@pytest.mark.scheduled
def test_a_dead_server_comes_back_by_itself_with_what_it_had(mesh: RunningMesh, picture: Draw) -> None:
    check("emulator", 6, mesh, picture, lambda: eventually(lambda: mesh_answers(mesh)))


@pytest.mark.scheduled
def test_a_stop_in_the_middle_of_work_delays_nothing(mesh: RunningMesh, picture: Draw) -> None:
    with mesh.new_user() as api:
        items = [api.upload(picture(f"picture {number}"))["id"] for number in range(6)]
        down(mesh.settings, report=lambda line: None)
        start(mesh)
        mesh.providers.mode("instant")
        final = api.follow(items, timeout_s=120)  # cold starts; every visibility time-out is longer
    assert {item["status"] for item in final.values()} == {"searchable"}


def start(mesh: RunningMesh) -> None:
    up(mesh.settings, report=lambda line: None)


def mesh_answers(mesh: RunningMesh) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{mesh.provisioned.api_url}/health", timeout=10).status_code == 200
    return False
