"""Function packages: deterministic, our code only."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from localmesh.provision.errors import PackageError
from localmesh.provision.packages import build_package
from manifests import load_manifests


def write(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {name}\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    workspace = Path(__file__).parent / "workspace/services"
    write(tmp_path, "contracts/src/contracts/__init__.py", "services/lib/chassis/src/chassis/__init__.py")
    write(tmp_path, "services/alpha/src/alpha/handler.py", "services/alpha/src/alpha/data/table.json")
    write(tmp_path, "services/alpha/src/alpha/__pycache__/handler.cpython-313.pyc")
    write(tmp_path, "services/lib/retrieval/src/retrieval/__init__.py", "services/beta/src/beta/__init__.py")
    (tmp_path / "services/platform.yaml").write_text((workspace / "platform.yaml").read_text())
    (tmp_path / "services/alpha/service.yaml").write_text((workspace / "alpha/service.yaml").read_text())
    beta = (workspace / "beta/service.yaml").read_text() + "retrieval: true\n"
    (tmp_path / "services/beta/service.yaml").write_text(beta)
    return tmp_path


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def test_a_package_contains_the_service_and_its_libraries(root: Path) -> None:
    services = load_manifests(root).services
    alpha = build_package(root, services["alpha"])
    assert names(alpha.content) == [
        "alpha/data/table.json",
        "alpha/handler.py",
        "contracts/__init__.py",
        "chassis/__init__.py",
    ]
    assert "retrieval/__init__.py" in names(build_package(root, services["beta"]).content)


def test_builds_are_reproducible(root: Path) -> None:
    service = load_manifests(root).services["alpha"]
    first = build_package(root, service)
    os.utime(root / "services/alpha/src/alpha/handler.py", (1, 1))
    (root / "services/alpha/src/alpha/handler.py").chmod(0o600)
    assert build_package(root, service) == first
    (root / "services/alpha/src/alpha/handler.py").write_text("# other\n")
    assert build_package(root, service).code_sha256 != first.code_sha256


def test_a_missing_folder_is_named(root: Path) -> None:
    service = load_manifests(root).services["alpha"]
    (root / "contracts/src/contracts/__init__.py").unlink()
    (root / "contracts/src/contracts").rmdir()
    (root / "contracts/src").rmdir()
    with pytest.raises(PackageError, match="contracts/src"):
        build_package(root, service)
