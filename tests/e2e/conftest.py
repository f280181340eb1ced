"""One running mesh for all end-to-end tests: own ports, own state, IAM enforced, so that it proves that the manifests
grant enough. `MESH_BACKEND=localstack` runs the same tests on LocalStack (which enforces no IAM policies),
`MODE=containers` the services without Lambda (docs/containers.md), and `ATTACH=folder` against a mesh that is up, as
`docker compose up` starts it: the folder holds what it keeps for its clients (tests/README.md)."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from localmesh.config import MeshSettings, Mode
from localmesh.lifecycle import down, up
from localmesh.processes import free_port, free_ports
from localmesh.provision import load_provisioned
from manifests import load_manifests
from mesh.client import Api
from testkit import control
from testkit.operator import RunningMesh
from workspace import REPOSITORY

#: Tests never use a developer's keys.
NO_KEYS: dict[str, Any] = dict.fromkeys(
    ("anthropic_api_key", "openai_api_key", "voyage_api_key", "tavily_api_key", "langsmith_api_key")
)


@pytest.fixture(scope="session")
def mesh() -> Iterator[RunningMesh]:
    """Started once, with real IAM checks, and ended with the session; or one that was up before and stays so."""
    yield from _running()


@pytest.fixture(scope="module")
def mesh_alone() -> Iterator[RunningMesh]:
    """One in which no other module published events that stand in no store."""
    yield from _running()


def _running() -> Iterator[RunningMesh]:
    if folder := os.environ.get("ATTACH"):
        settings = MeshSettings(_env_file=None, state_dir=Path(folder).resolve(), **NO_KEYS).as_running()
        with control(settings.providers_url) as providers:
            yield RunningMesh(settings, load_provisioned(settings), providers)
        return
    with tempfile.TemporaryDirectory(prefix="collections-mesh-") as folder:
        ports = free_ports(2 + len(load_manifests(REPOSITORY).services))
        settings = MeshSettings(
            _env_file=None,
            state_dir=Path(folder),
            emulator_port=free_port(),
            postgres_port=free_port(),
            providers_port=free_port(),
            mode=Mode(os.environ.get("MODE", Mode.LAMBDA)),
            web_port=ports,
            management_port=ports + 1,
            companion_port=free_port(),
            iam=True,
            **NO_KEYS,
        )
        try:
            provisioned = up(settings, report=lambda line: None).provisioned
            assert provisioned is not None
            with control(settings.providers_url) as providers:
                yield RunningMesh(settings, provisioned, providers)
        finally:
            down(settings, report=lambda line: None)


@pytest.fixture(autouse=True)
def _able(request: pytest.FixtureRequest) -> None:
    """Leave out what the mesh cannot do; localstack/README.md lists it. `processes`: it was started here, so that they
    can be killed."""
    if folder := os.environ.get("ATTACH"):
        backend, more = MeshSettings(_env_file=None, state_dir=Path(folder).resolve()).backend, set[str]()
    else:
        backend, more = MeshSettings(_env_file=None).backend, {"processes"}
    for marker in request.node.iter_markers("needs"):
        if missing := set(marker.args) - backend.capabilities - more:
            pytest.skip(f"{backend} lacks {', '.join(sorted(missing))}")


@pytest.fixture
def instant(mesh: RunningMesh) -> Iterator[None]:
    """The AI providers answer at once with canned descriptions: for tests that are not about descriptions."""
    mesh.providers.mode("instant")
    yield
    mesh.providers.mode("models")


@pytest.fixture
def alice(mesh: RunningMesh) -> Iterator[Api]:
    """A user with an empty collection."""
    with mesh.new_user() as api:
        yield api


@pytest.fixture
def bob(mesh: RunningMesh) -> Iterator[Api]:
    """Another one."""
    with mesh.new_user() as api:
        yield api


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., Path]:
    """Draws small pictures, each different from the others, with the words given."""
    return _drawing_in(tmp_path)


@pytest.fixture(scope="module")
def draw(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """As `picture`, for fixtures of a module."""
    return _drawing_in(tmp_path_factory.mktemp("pictures"))


def _drawing_in(folder: Path) -> Callable[..., Path]:
    from PIL import Image, ImageDraw, ImageFont

    def draw(words: str = "hello", *, name: str = "picture.png") -> Path:
        image = Image.effect_noise((480, 320), 8).convert("RGB")
        image.paste((250, 250, 245), (20, 20, 460, 300))
        ImageDraw.Draw(image).multiline_text((40, 60), words, fill=(20, 20, 20), font=ImageFont.load_default(28))
        path = folder / f"{secrets.token_hex(4)}-{name}"
        image.save(path)
        return path

    return draw
