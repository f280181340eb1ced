"""Contents of a Lambda package, without a package registry."""

import marshal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mesh.packaging import compiler
from mesh.packaging.compiler import compiled
from mesh.packaging.compiling import compile_modules, find_python, here
from mesh.packaging.contents import add_own_code, settle_records, size_of, trim
from mesh.packaging.dependencies import Dependencies
from mesh.packaging.target import Target
from mesh.packaging.zipping import write_zip


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder like that of an installation."""
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
    size = compile_modules(package, here())
    found = sorted(package.rglob("*.pyc"))
    assert size == sum(file.stat().st_size for file in found) > 0
    # Flags of PEP 552: a hash instead of a time (1), and do not check it (no 2).
    assert {int.from_bytes(file.read_bytes()[4:8], "little") for file in found} == {1}


def test_compiled_modules_are_imported_and_know_where_they_will_lie(package: Path) -> None:
    (package / "template.py").write_text("{{ no python }}(")
    compile_modules(package, here())
    (package / "numpy/core.py").write_text("raise RuntimeError('compiled again')\n")
    script = "import sys; sys.path.insert(0, sys.argv[1]); import numpy.core as module; print(module.value)"
    printed = subprocess.run(
        [sys.executable, "-IS", "-c", script, str(package)], capture_output=True, text=True, check=True
    ).stdout
    assert printed == "1\n"
    (compiled_module,) = (package / "numpy").rglob("core.*.pyc")
    assert b"/var/task/numpy/core.py" in compiled_module.read_bytes()
    assert not (package / "__pycache__").exists()


def test_a_compiled_module_is_the_code_of_its_source() -> None:
    source = Path(__file__).read_bytes()
    assert marshal.loads(compiled(source, "x.py")[16:]) == compile(source, "x.py", "exec", dont_inherit=True)


def test_what_was_compiled_before_makes_no_difference(tmp_path: Path) -> None:
    """The bare compiler shares equal constants depending on what else is in its process."""
    script = (
        "import sys, hashlib, random; sys.path.insert(0, sys.argv[1]); import compiler; from pathlib import Path;"
        "files = sorted(Path(sys.argv[2]).rglob('*.py')); random.Random(int(sys.argv[3])).shuffle(files);"
        "print(sorted((f.name, hashlib.sha256(compiler.compiled(f.read_bytes(), f.name)).hexdigest()) for f in files))"
    )
    folder = Path(compiler.__file__).parent
    printed = [
        subprocess.run(
            [sys.executable, "-c", script, str(folder), str(folder.parent), seed],
            capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert printed[0] == printed[1] != "[]"


def test_records_list_what_is_there_and_no_program(tmp_path: Path) -> None:
    folder = tmp_path / "package"
    (folder / "some-1.dist-info").mkdir(parents=True)
    (folder / "some.py").write_text("")
    (folder / "a,b.py").write_text("")
    record = folder / "some-1.dist-info" / "RECORD"
    record.write_text(
        'some.py,sha256=x,0\nbin/some,sha256=of-a-path,10\n"a,b.py",sha256=x,0\nsome-1.dist-info/RECORD,,\n'
    )
    (tmp_path / "cached").hardlink_to(record)
    settle_records(folder)
    assert record.read_text() == '"a,b.py",sha256=x,0\nsome-1.dist-info/RECORD,,\nsome.py,sha256=x,0\n'
    assert "bin/some" in (tmp_path / "cached").read_text()


def test_the_same_files_make_the_same_zip(package: Path, tmp_path: Path) -> None:
    sizes = {write_zip(package, tmp_path / name) for name in ("one.zip", "two.zip")}
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert sizes == {(tmp_path / "one.zip").stat().st_size}
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        assert set(archive.namelist()) == files(package)


def test_a_python_is_found_by_its_minor_version() -> None:
    assert find_python(f"{sys.version_info.major}.{sys.version_info.minor}") == here()
    assert find_python("3.999") is None


def test_the_platform_of_the_managed_runtime() -> None:
    assert Target.of("arm64", "python3.13") == Target("aarch64-manylinux_2_28", "3.13")
