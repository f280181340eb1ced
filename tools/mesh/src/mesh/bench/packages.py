"""The size of every service's Lambda package, for the platform that platform.yaml names."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from localmesh.paths import REPOSITORY
from manifests import load_manifests
from mesh.bench.figures import Figure, Section
from mesh.packages import (
    LIMIT_BYTES,
    Target,
    add_own_code,
    compile_modules,
    dependencies_of,
    find_python,
    install,
    size_of,
    trim,
    write_zip,
)

_MIB = 1024 * 1024


def measure_packages(report: Callable[[str], None], root: Path = REPOSITORY, *, zipped: bool = True) -> Section:
    """Build the package of every service in a temporary folder. Raises PackagingError."""
    manifests = load_manifests(root)
    target = Target.of(manifests.platform.architecture, manifests.platform.runtime)
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="collections-packages-") as folder:
        for name, service in manifests.services.items():
            report(f"package of {name}")
            figures += _measure(name, ", ".join(service.functions), Path(folder) / name, target, root, zipped=zipped)
    notes = [
        f"for {target.platform}, Python {target.python}; one package a service, which all its functions share",
        "boto3 is in it, with the descriptions of the AWS services we call; tests, *.pyi and hf_xet are not",
    ]
    if find_python(target.python) is None:
        notes.append(f"THE .pyc SHARE IS AN ESTIMATE: this machine has no Python {target.python} to compile with")
    return Section("Lambda packages", tuple(figures), notes=tuple(notes))


def _measure(name: str, functions: str, folder: Path, target: Target, root: Path, *, zipped: bool) -> list[Figure]:
    dependencies = dependencies_of(name, root)
    install(dependencies, folder, target)
    add_own_code(dependencies, folder)
    removed = trim(folder)
    sources = size_of(folder)
    compiled = compile_modules(folder, target)
    figures = [
        Figure(
            name,
            "unzipped, with .pyc",
            (sources + compiled.size) / _MIB,
            "MiB",
            limit=LIMIT_BYTES / _MIB,
            note=f"{functions}; trimmed by {removed / _MIB:.0f} MiB",
        ),
        Figure(name, "unzipped, without .pyc", sources / _MIB, "MiB"),
    ]
    if zipped:
        figures.append(Figure(name, "zip", write_zip(folder, folder.with_suffix(".zip")) / _MIB, "MiB"))
    return figures
