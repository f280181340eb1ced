"""What a Lambda package is made of, without any registry."""

import sys
import zipfile
from pathlib import Path

import pytest

from mesh.packages import Dependencies, Target, add_own_code, compile_modules, find_python, size_of, trim, write_zip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder as an installation leaves it."""
    folder = tmp_path / "package"
    for name in (
        "numpy/core.py",
        "numpy/core.pyi",
        "numpy/tests/test_core.py",
        "hf_xet/xet.so",
        "bin/tool",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/braket/2019-09-01/service-2.json.gz",
        "botocore/data/endpoints.json",
        "testsuite/keep.py",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("value = 1\n")
    return folder


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_trimming_removes_what_no_function_uses_and_nothing_else(package: Path) -> None:
    before = size_of(package)
    removed = trim(package)
    assert files(package) == {
        "numpy/core.py",
        "botocore/data/s3/2006-03-01/service-2.json.gz",
        "botocore/data/endpoints.json",
        "testsuite/keep.py",
    }
    assert size_of(package) == before - removed > 0


def test_own_code_is_copied_without_leftovers(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "ours" / "__pycache__").mkdir(parents=True)
    (source / "ours" / "module.py").write_text("value = 1\n")
    (source / "ours" / "__pycache__" / "module.pyc").write_bytes(b"x")
    add_own_code(Dependencies((source,), ""), tmp_path / "package")
    assert files(tmp_path / "package") == {"ours/module.py"}


def test_compiled_modules_are_never_checked_against_their_sources(package: Path) -> None:
    here = Target("any", f"{sys.version_info.major}.{sys.version_info.minor}")
    compiled = compile_modules(package, here)
    found = sorted(package.rglob("*.pyc"))
    assert compiled.python == sys.executable
    assert compiled.size == sum(file.stat().st_size for file in found) > 0
    # Flags of PEP 552: a hash instead of a time (1), and do not check it (no 2).
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in found} == {1}


def test_the_same_files_make_the_same_zip(package: Path, tmp_path: Path) -> None:
    sizes = {write_zip(package, tmp_path / name) for name in ("one.zip", "two.zip")}
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert sizes == {(tmp_path / "one.zip").stat().st_size}
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert set(archive.namelist()) == files(package)


def test_a_python_is_found_by_its_minor_version() -> None:
    assert find_python(f"{sys.version_info.major}.{sys.version_info.minor}") == sys.executable
    assert find_python("3.999") is None


def test_the_platform_of_the_managed_runtime() -> None:
    assert Target.of("arm64", "python3.13") == Target("aarch64-manylinux_2_28", "3.13")
