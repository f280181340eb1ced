"""The command `mesh package`.

Exit codes: 0 built or unchanged, 1 a package is too large or could not be built, 2 wrong usage.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from manifests import Manifests
    from mesh.packaging.building import BuiltPackage

_MIB = 1024 * 1024


def package(
    services: Annotated[
        list[str] | None, typer.Argument(metavar="[SERVICE]...", help="Only these services.", show_default=False)
    ] = None,
    env: Annotated[
        str | None,
        typer.Option("--env", help="`local`: our own code alone, as the mesh on this machine uses it."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Default: build/packages, build/packages-local for `local`.", file_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The contents of packages.json, as one JSON object.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Rebuild unchanged packages too.")] = False,
) -> None:
    """Build the functions' zip files (only those that have changed) and packages.json."""
    from mesh.run import guarded

    guarded(lambda: run(services or [], env, output, as_json=as_json, force=force))


def run(services: Sequence[str], env: str | None, output: Path | None, *, as_json: bool, force: bool) -> None:
    """Build the packages, report, and exit with code 1 when one of them is too large."""
    import json

    from manifests import load_manifests
    from mesh.packaging.index import index_packages
    from workspace import REPOSITORY

    def report(line: str) -> None:
        typer.echo(line, err=True)

    manifests = load_manifests(REPOSITORY)
    folder = output or default_output(env, REPOSITORY)
    built = make_packages(manifests, services, env, folder, report, force=force)
    index = index_packages(manifests, built, folder)
    if as_json:
        noted = json.loads(index.read_text(encoding="utf-8"))
        typer.echo(json.dumps({key: noted[key] for package in built for key in package.planned.keys}, indent=1))
    else:
        _show(built)
        typer.echo(f"written: {index}")
    if not all(package.fits for package in built):
        raise typer.Exit(1)


def default_output(env: str | None, root: Path) -> Path:
    """The default folder of packages for an environment."""
    from mesh.environments import LOCAL

    return root / "build" / ("packages-local" if env == LOCAL else "packages")


def make_packages(
    manifests: Manifests,
    services: Sequence[str],
    env: str | None,
    output: Path,
    report: Callable[[str], None],
    *,
    force: bool = False,
) -> tuple[BuiltPackage, ...]:
    """Build the packages of these services, or of all, for an environment. Raises PackagingError."""
    from mesh.environments import LOCAL
    from mesh.packaging.building import BuildSettings, build_packages
    from mesh.packaging.code_only import build_code_only
    from mesh.packaging.compiling import obtain_python
    from mesh.packaging.planning import plan_code_only, plan_packages
    from mesh.packaging.target import Target

    if env == LOCAL:
        return build_code_only(manifests, plan_code_only(manifests, services), output)
    planned = plan_packages(manifests, services)
    target = Target.of(manifests.platform.architecture, manifests.platform.runtime)
    python = obtain_python(target.python)
    if python is None:
        report(
            f"NO COMPILED MODULES: Python {target.python} is not installed here and cannot be fetched. The packages "
            "work, but every cold start compiles what it imports, which costs seconds with the large SDKs"
        )
    return build_packages(BuildSettings(output, target, python, manifests.root), planned, report, force=force)


def _show(built: Sequence[BuiltPackage]) -> None:
    from mesh.packaging.target import LIMIT_BYTES
    from mesh.tables import print_table

    limit = LIMIT_BYTES / _MIB
    rows = [
        (
            key,
            f"{package.planned.name}.zip",
            f"{package.size / _MIB:.1f}",
            f"{package.unzipped / _MIB:.1f}",
            f"{100 * package.unzipped / LIMIT_BYTES:.0f} %" if package.fits else "TOO LARGE",
            package.compiled_by or "no",
            f"built in {package.seconds:.1f} s" if package.is_new else "unchanged",
        )
        for package in built
        for key in package.planned.keys
    ]
    print_table(
        ("function", "package", "zip, MiB", "unzipped, MiB", f"of {limit:.0f} MiB", "compiled by", "result"), rows
    )
