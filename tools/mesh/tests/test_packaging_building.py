"""Packages are reproducible, and rebuilt only when their inputs change; without a package registry."""

import json
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from manifests import Manifests, load_manifests
from mesh.packaging import commands
from mesh.packaging.building import BuildSettings, BuiltPackage, build_packages
from mesh.packaging.compiling import here
from mesh.packaging.dependencies import Dependencies
from mesh.packaging.errors import CompilationError, ServiceUnknownError
from mesh.packaging.index import index_packages
from mesh.packaging.planning import PlannedPackage, plan_packages
from mesh.packaging.target import LIMIT_BYTES, Target
from workspace import REPOSITORY

Make = Callable[..., BuildSettings]


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return load_manifests(REPOSITORY)


@pytest.fixture
def chat(manifests: Manifests) -> tuple[PlannedPackage, ...]:
    return plan_packages(manifests, ["chat"])


@dataclass
class Registry:
    """A fake lock file and registry: a service's dependencies, and an installation like uv's."""

    own: Path
    requirements: str = "some==1\n"

    def resolve(self, service: str, extras: Sequence[str], root: Path) -> Dependencies:
        return Dependencies((self.own,), self.requirements + "".join(f"{extra}==1\n" for extra in extras))

    def install(self, dependencies: Dependencies, folder: Path, target: Target) -> None:
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "some").write_text(f"#!{folder}/python\n")
        for line in dependencies.requirements.splitlines():
            name = line.partition("=")[0]
            (folder / f"{name}-1.dist-info").mkdir()
            (folder / f"{name}-1.dist-info" / "RECORD").write_text(f"{name}.py,,\nbin/some,sha256={hash(folder)},9\n")
            (folder / f"{name}.py").write_text("def answer():\n    return 42\n")


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    own = tmp_path / "src"
    (own / "chat").mkdir(parents=True)
    (own / "chat" / "handler.py").write_text("import some\n")
    return Registry(own)


@pytest.fixture
def settings(registry: Registry, tmp_path: Path) -> Make:
    def make(output: str = "packages", **changes: object) -> BuildSettings:
        python = here()
        made = BuildSettings(
            tmp_path / output, Target("any", "3"), python, resolve=registry.resolve, install=registry.install
        )
        return replace(made, **changes)  # type: ignore[arg-type]

    return make


def build(
    settings: BuildSettings, planned: Sequence[PlannedPackage], *, force: bool = False
) -> tuple[BuiltPackage, ...]:
    return build_packages(settings, planned, lambda line: None, force=force)


def test_functions_with_the_same_needs_share_a_package(manifests: Manifests) -> None:
    found = {package.name: package.keys for package in plan_packages(manifests, ["chat", "ingest"])}
    assert found == {
        "chat": ("chat.events", "chat.replays", "chat.relay", "chat.maintenance"),
        "chat-agent": ("chat.http",),
        "ingest": ("ingest.http", "ingest.events", "ingest.uploads", "ingest.sweep", "ingest.replays", "ingest.relay"),
    }
    everything = [key for package in plan_packages(manifests) for key in package.keys]
    assert sorted(everything) == sorted(f"{ref.service.service}.{ref.name}" for ref in manifests.functions)


def test_an_unknown_service_is_an_error(manifests: Manifests) -> None:
    with pytest.raises(ServiceUnknownError, match="no service nobody; choose from analysis, chat"):
        plan_packages(manifests, ["nobody"])


def test_the_same_inputs_make_the_same_bytes_anywhere(settings: Make, chat: tuple[PlannedPackage, ...]) -> None:
    one, two = build(settings("here"), chat), build(settings("some/where/else"), chat)
    assert [package.sha256_hex for package in one] == [package.sha256_hex for package in two]
    assert one[0].sha256_hex != one[1].sha256_hex
    with zipfile.ZipFile(one[1].file) as archive:
        entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        names = [entry.filename for entry in entries]
        assert archive.read("some-1.dist-info/RECORD") == b"some.py,,\n"
    tag = here().version.rpartition(".")[0].replace(".", "")
    assert names == sorted(names)
    assert {"chat/handler.py", f"chat/__pycache__/handler.cpython-{tag}.pyc", "agent.py"} <= set(names)
    assert not [name for name in names if name.startswith(("/", "bin"))]


def test_an_unchanged_package_is_not_rebuilt(settings: Make, chat: tuple[PlannedPackage, ...]) -> None:
    first = build(settings(), chat)
    before = [package.file.stat().st_ino for package in first]
    second = build(settings(), chat)
    assert [package.is_new for package in first + second] == [True, True, False, False]
    assert [package.file.stat().st_ino for package in second] == before
    assert [replace(package, is_new=True, seconds=0) for package in second] == [
        replace(package, seconds=0) for package in first
    ]
    assert all(package.is_new for package in build(settings(), chat, force=True))


def test_every_input_counts(settings: Make, registry: Registry, chat: tuple[PlannedPackage, ...]) -> None:
    seen = {build(settings(), chat)[0].sha256_hex}

    def is_rebuilt(made: BuildSettings) -> bool:
        built = build(made, chat)[0]
        seen.add(built.sha256_hex)
        return built.is_new

    (registry.own / "chat" / "handler.py").write_text("import some as other\n")
    assert is_rebuilt(settings())
    (registry.own / "chat" / "new.json").write_text("{}")
    assert is_rebuilt(settings())
    registry.requirements += "more==1\n"
    assert is_rebuilt(settings())
    assert is_rebuilt(settings(python=None))
    assert len(seen) == 5
    assert is_rebuilt(settings(target=Target("other", "3")))
    assert not is_rebuilt(settings(target=Target("other", "3")))


def test_without_the_right_python_nothing_is_compiled(settings: Make, chat: tuple[PlannedPackage, ...]) -> None:
    (built, _) = build(settings(python=None), chat)
    assert built.compiled_by is None
    with zipfile.ZipFile(built.file) as archive:
        assert not [name for name in archive.namelist() if name.endswith(".pyc")]
    assert build(settings(), chat)[0].compiled_by == here().version


def test_a_damaged_package_is_rebuilt(settings: Make, chat: tuple[PlannedPackage, ...]) -> None:
    (built, _) = build(settings(), chat)
    built.file.write_bytes(built.file.read_bytes()[:-1])
    again = build(settings(), chat)
    assert [package.is_new for package in again] == [True, False]
    assert again[0].sha256_hex == built.sha256_hex
    assert not list(built.file.parent.glob(".work-*"))


def test_invalid_code_is_not_shipped(settings: Make, registry: Registry, chat: tuple[PlannedPackage, ...]) -> None:
    (built, _) = build(settings(), chat)
    before = built.file.read_bytes()
    (registry.own / "chat" / "handler.py").write_text("def (:\n")
    with pytest.raises(CompilationError, match=r"handler\.py could not be compiled"):
        build(settings(), chat)
    assert built.file.read_bytes() == before
    assert not list(built.file.parent.glob(".work-*"))


def test_the_index_names_the_zip_of_each_function(
    settings: Make, manifests: Manifests, chat: tuple[PlannedPackage, ...]
) -> None:
    made = settings()
    built = build(made, chat)
    path = index_packages(manifests, built, made.output)
    index = json.loads(path.read_text())
    assert list(index) == ["chat.events", "chat.http", "chat.maintenance", "chat.relay", "chat.replays"]
    assert index["chat.events"] == index["chat.relay"] != index["chat.http"]
    assert index["chat.http"] == {
        "file": str(built[1].file),
        "sha256": built[1].code_sha256,
        "size": built[1].file.stat().st_size,
        "package": "chat-agent",
        "unzipped": built[1].unzipped,
        "compiled_by": here().version,
    }


def test_the_index_keeps_entries_that_are_still_valid(
    settings: Make, manifests: Manifests, chat: tuple[PlannedPackage, ...]
) -> None:
    made = settings()
    built = build(made, [*chat, *plan_packages(manifests, ["search"])])
    path = index_packages(manifests, built, made.output)
    document = json.loads(path.read_text())
    path.write_text(json.dumps(document | {"chat.gone": document["chat.http"]}))
    (made.output / "search-answers.zip").write_bytes(b"another")
    index = json.loads(index_packages(manifests, built[:2], made.output).read_text())
    assert sorted(set(document) - set(index)) == ["search.http"]
    assert "chat.gone" not in index
    path.write_text("{")
    assert len(json.loads(index_packages(manifests, built[:2], made.output).read_text())) == 5


@pytest.fixture
def cli() -> typer.Typer:
    app = typer.Typer()
    app.command()(commands.package)
    return app


def test_packages_of_the_local_mesh_hold_our_own_code_alone(cli: typer.Typer, tmp_path: Path) -> None:
    arguments = ["chat", "imaging", "--env", "local", "--output", str(tmp_path / "local")]
    first = CliRunner().invoke(cli, arguments)
    assert first.exit_code == 0, first.output
    assert "built" in first.stdout
    assert "unchanged" not in first.stdout
    reported = CliRunner().invoke(cli, [*arguments, "--json"])
    index = json.loads((tmp_path / "local" / "packages.json").read_text())
    assert json.loads(reported.stdout) == index
    assert len(index) == 9
    with zipfile.ZipFile(index["chat.http"]["file"]) as archive:
        assert {name.partition("/")[0] for name in archive.namelist()} == {"chassis", "chat", "contracts", "retrieval"}
    assert "unchanged" in CliRunner().invoke(cli, arguments).stdout


def test_a_package_that_lambda_would_not_take_is_an_error(
    cli: typer.Typer,
    settings: Make,
    chat: tuple[PlannedPackage, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (fits, _) = build(settings(), chat)
    large = replace(fits, unzipped=LIMIT_BYTES + 1)
    monkeypatch.setattr(commands, "make_packages", lambda *arguments, **options: (large,))
    result = CliRunner().invoke(cli, ["chat", "--output", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stdout.count("TOO LARGE") == 4


def test_a_missing_target_python_is_reported(
    manifests: Manifests, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def build_nothing(settings: BuildSettings, *arguments: object, **options: object) -> tuple[BuiltPackage, ...]:
        assert settings.python is None
        return ()

    monkeypatch.setattr("mesh.packaging.compiling.obtain_python", lambda version: None)
    monkeypatch.setattr("mesh.packaging.building.build_packages", build_nothing)
    printed: list[str] = []
    commands.make_packages(manifests, ["chat"], None, tmp_path, printed.append)
    assert "NO COMPILED MODULES: Python 3.13 is not installed here" in printed[0]
