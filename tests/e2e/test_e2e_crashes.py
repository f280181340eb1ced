"""Whatever is killed while pictures are being uploaded: each that was accepted ends, once, without anybody's help."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from localmesh.lifecycle import down, up
from localmesh.records import Records
from mesh.client import Api, ApiError
from testkit import eventually
from testkit.operator import PASSWORD, RunningMesh

pytestmark = [
    pytest.mark.e2e, pytest.mark.integration, pytest.mark.usefixtures("instant"), pytest.mark.timeout(900),
    pytest.mark.needs("processes"),
]  # fmt: skip

Draw = Callable[..., Path]
#: A machine that does much else at the same time takes ten times as long.
PATIENCE_S = 240
#: Longer than anything takes here with instant AI providers.
VISIBILITY_S = 30
UPLOADS = 100
SERVERS = ("postgres", "emulator", "providers")
durable = pytest.mark.needs("durability")


def kill(mesh: RunningMesh, victim: str) -> None:
    """As `kill -9` would: one server, the workers of all functions, the keepers, or everything (a power cut)."""
    records = Records(mesh.settings.paths.run).all()
    servers = {record.name: server for record in records if (server := record.ref.find()) is not None}
    keepers = [keeper for record in records if record.keeper is not None and (keeper := record.keeper.find())]
    assert servers.keys() >= set(SERVERS)
    assert len(servers) == len(keepers)
    # Of the emulator's Lambda, or of containers.
    running = [server for name, server in servers.items() if name not in {"postgres", "providers"}]
    workers = [worker for server in running for worker in server.children(recursive=True)]
    victims = {
        **{name: [server] for name, server in servers.items()},
        "workers": workers,
        "keepers": keepers,
        "everything": [*keepers, *servers.values(), *workers],
    }[victim]
    assert victims
    for process in victims:
        with suppress(psutil.NoSuchProcess):
            process.kill()


@dataclass(frozen=True)
class Sent:
    """An upload that was accepted: its item, and the status in which it must end."""

    item_id: str
    ends: str


def send(api: Api, number: int, picture: Path) -> Sent:
    """Some through the API and some straight to the bucket; some of each are no pictures that can be decoded."""
    direct, whole = number % 3 == 0, number % 4 != 0
    content = picture.read_bytes()
    if not whole:
        content = b"no picture, just words" if direct else content[: len(content) // 3]
    ends = "searchable" if whole else "rejected"
    if not direct:
        return Sent(api.json("POST", "/items", files={"file": ("a.png", content, "image/png")})["id"], ends)
    asked = {"filename": "a.png", "media_type": "image/png", "bytes": len(content)}
    form = api.json("POST", "/items/uploads", json=asked)
    httpx.post(form["url"], data=form["fields"], files={"file": content}, timeout=30).raise_for_status()
    return Sent(form["item_id"], ends)


def send_all(api: Api, pictures: list[Path], accepted: list[Sent], kill_now: threading.Event) -> None:
    """Four at a time; what was accepted goes to `accepted`, and `kill_now` is set in the middle."""

    def one(numbered: tuple[int, Path]) -> None:
        with suppress(ApiError, httpx.HTTPError):
            accepted.append(send(api, *numbered))
        if len(accepted) >= len(pictures) // 2:
            kill_now.set()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, enumerate(pictures)))
    kill_now.set()


def check(victim: str, count: int, mesh: RunningMesh, draw: Draw, restart: Callable[[], object]) -> None:
    """Upload, kill in the middle, restart; then everything that was accepted is there once, and as it should be."""
    email = f"{secrets.token_hex(6)}@example.com"
    pictures = [draw(f"picture {number}") for number in range(count)]
    mesh.identity.ensure_user(email, PASSWORD)
    accepted: list[Sent] = []
    kill_now = threading.Event()
    api = Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD), timeout_s=30)
    with api, ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send_all, api, pictures, accepted, kill_now)
        assert kill_now.wait(PATIENCE_S)
        kill(mesh, victim)
        sending.result(PATIENCE_S)
    restart()
    mesh.providers.mode("instant")
    with Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD)) as again:
        assert len(accepted) >= count // 2
        assert {sent.ends for sent in accepted} == {"searchable", "rejected"}
        ids = [sent.item_id for sent in accepted]
        eventually(lambda: set(ids) <= {item["id"] for item in again.items()}, timeout_s=PATIENCE_S, every_s=0.5)
        final = again.follow(ids, timeout_s=PATIENCE_S)
        assert {item_id: item["status"] for item_id, item in final.items()} == {
            sent.item_id: sent.ends for sent in accepted
        }
        listed = [item["id"] for item in again.items()]
        assert len(listed) == len(set(listed))
        eventually(mesh.is_idle)
        assert mesh.dead_letters() == {}
        searchable = sorted(sent.item_id for sent in accepted if sent.ends == "searchable")
        for table, column in (("search.documents", "item_id"), ("analysis.events", "stream_id")):
            found = mesh.rows(f"SELECT {column}::text AS id FROM {table} WHERE {column}::text = ANY(%s)", ids)
            assert sorted(row["id"] for row in found) == searchable, table


@contextmanager
def brief_visibility(mesh: RunningMesh) -> Iterator[None]:
    """What a killed function had in hand is visible again after half a minute.

    On AWS and on LocalStack it is after six times the function's timeout; MiniStack, as the mesh corrects it, does not
    wait. The next `up` provisions the timeouts of the manifests again.
    """
    for function in mesh.provisioned.functions.values():
        if function.queue_url:
            mesh.aws("sqs").set_queue_attributes(
                QueueUrl=function.queue_url, Attributes={"VisibilityTimeout": str(VISIBILITY_S)}
            )
    try:
        yield
    finally:
        start(mesh)


@pytest.mark.scheduled
@pytest.mark.parametrize(
    "victim",
    [
        "postgres", "providers", "workers", "keepers",
        pytest.param("companion", marks=pytest.mark.needs("companion")),
        # Of LocalStack's community edition nothing is left then: see below.
        pytest.param("emulator", marks=durable), pytest.param("everything", marks=durable),
    ],
)  # fmt: skip
def test_no_kill_loses_what_was_accepted(victim: str, mesh: RunningMesh, picture: Draw) -> None:
    if "companion" in mesh.settings.backend.capabilities and victim == "workers":
        with brief_visibility(mesh):
            check(victim, UPLOADS, mesh, picture, lambda: None)
    else:
        check(victim, UPLOADS, mesh, picture, lambda: start(mesh))


@pytest.mark.scheduled
@pytest.mark.needs("companion")
def test_a_killed_localstack_has_lost_its_pictures_and_nothing_else(mesh: RunningMesh, picture: Draw) -> None:
    email = f"{secrets.token_hex(6)}@example.com"
    mesh.identity.ensure_user(email, PASSWORD)
    with Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD)) as api:
        item = str(api.upload(picture("before"))["id"])
        assert api.follow([item], timeout_s=PATIENCE_S)[item]["status"] == "searchable"
        eventually(mesh.is_idle)
    kill(mesh, "emulator")
    start(mesh)
    mesh.providers.mode("instant")
    assert not mesh.keys(item), "the community edition keeps nothing"
    with Api(mesh.provisioned.api_url, mesh.identity.sign_in(email, PASSWORD)) as again:
        headline = again.item(item)["latest_analysis"]["raw_response"]["headline"]
        assert item in {found["item_id"] for found in again.search(headline, search_type="bm25")["results"]}
        later = str(again.upload(picture("after"))["id"])
        assert again.follow([later], timeout_s=PATIENCE_S)[later]["status"] == "searchable"
        assert {entry["id"] for entry in again.items()} == {item, later}


@pytest.mark.scheduled
@durable
def test_a_dead_server_comes_back_by_itself_with_what_it_had(mesh: RunningMesh, picture: Draw) -> None:
    check("emulator", 6, mesh, picture, lambda: eventually(lambda: mesh_answers(mesh), timeout_s=PATIENCE_S))


@pytest.mark.scheduled
@durable
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
