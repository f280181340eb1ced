"""One running mesh for all end-to-end tests: own ports, own state, IAM enforced, so that it proves that the manifests
grant enough. `MESH_BACKEND=localstack` runs the same tests on LocalStack (which enforces no IAM policies), and
`MODE=containers` the services without Lambda (docs/containers.md)."""

import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from localmesh.config import MeshSettings, Mode
from localmesh.lifecycle import down, up
from localmesh.processes import free_port, free_ports
from manifests import load_manifests
from mesh.client import Api
from testkit import control
from testkit.operator import RunningMesh
from workspace import REPOSITORY


@pytest.fixture(scope="session")
def mesh() -> Iterator[RunningMesh]:
    """Started once, with real IAM checks; ended with the session."""
    with tempfile.TemporaryDirectory(prefix="collections-mesh-") as folder:
        ports = free_ports(2 + len(load_manifests(REPOSITORY).services))
        settings = MeshSettings(
            _env_file=None,  # tests never read a developer's keys
            state_dir=Path(folder),
            emulator_port=free_port(),
            postgres_port=free_port(),
            providers_port=free_port(),
            mode=Mode(os.environ.get("MODE", Mode.LAMBDA)),
            web_port=ports,
            management_port=ports + 1,
            companion_port=free_port(),
            iam=True,
            anthropic_api_key=None,
            openai_api_key=None,
            voyage_api_key=None,
            tavily_api_key=None,
            langsmith_api_key=None,
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
    """Leave out what the back end cannot do; localstack/README.md lists it."""
    backend = MeshSettings(_env_file=None).backend
    for marker in request.node.iter_markers("needs"):
        if missing := set(marker.args) - backend.capabilities:
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
