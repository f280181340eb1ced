"""The size of every Lambda package, for the platform that platform.yaml names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Section
from manifests import load_manifests
from mesh.packaging.compiling import Interpreter, compile_modules, find_python, here
from mesh.packaging.contents import add_own_code, size_of, trim
from mesh.packaging.dependencies import dependencies_of, install
from mesh.packaging.planning import PlannedPackage, plan_packages
from mesh.packaging.target import LIMIT_BYTES, Target
from mesh.packaging.zipping import write_zip
from workspace import REPOSITORY

_MIB = 1024 * 1024


def measure_packages(report: Callable[[str], None], root: Path = REPOSITORY, *, zipped: bool = True) -> Section:
    """Build every package in a temporary folder. Raises PackagingError."""
    manifests = load_manifests(root)
    target = Target.of(manifests.platform.architecture, manifests.platform.runtime)
    python = find_python(target.python)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="collections-packages-") as folder:
        for package in plan_packages(manifests):
            report(f"package {package.name}")
            figures += _measure(package, Path(folder) / package.name, target, python or here(), root, zipped=zipped)
    notes = [
        f"for {target.platform}, Python {target.python}; functions with the same dependencies share a package",
        "with boto3 and its descriptions of the AWS services we call; without tests, *.pyi and hf_xet",
    ]
    if python is None:
        notes.append(f"THE .pyc SHARE IS AN ESTIMATE: this machine has no Python {target.python} to compile with")
    return Section("Lambda packages", tuple(figures), notes=tuple(notes))


def _measure(
    package: PlannedPackage, folder: Path, target: Target, python: Interpreter, root: Path, *, zipped: bool
) -> list[Figure]:
    dependencies = dependencies_of(package.service, package.extras, root)
    install(dependencies, folder, target)
    add_own_code(dependencies, folder)
    removed = trim(folder)
    sources = size_of(folder)
    compiled = compile_modules(folder, python)
    functions = ", ".join(ref.name for ref in package.functions)
    figures = [
        Figure(
            package.name,
            "unzipped, with .pyc",
            (sources + compiled) / _MIB,
            "MiB",
            limit=LIMIT_BYTES / _MIB,
            note=f"{functions}; trimmed by {removed / _MIB:.0f} MiB",
        ),
        Figure(package.name, "unzipped, without .pyc", sources / _MIB, "MiB"),
    ]
    if zipped:
        figures.append(Figure(package.name, "zip", write_zip(folder, folder.with_suffix(".zip")) / _MIB, "MiB"))
    return figures
