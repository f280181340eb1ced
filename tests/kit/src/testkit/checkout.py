"""A copy of this repository in which its own tests run, for changes that are not to stay."""

from __future__ import annotations

import subprocess
import sysconfig
import tomllib
import venv
from dataclasses import dataclass
from pathlib import Path

from workspace import REPOSITORY


@dataclass(frozen=True)
class Checkout:
    """The folder, with an interpreter that imports the copy's packages."""

    folder: Path

    @property
    def python(self) -> str:
        """The interpreter of its environment."""
        return str(self.folder / ".venv" / "bin" / "python")

    def run(self, *module: str) -> str:
        """Run a module in the folder; returns what it printed. Fails the test where the module fails."""
        done = subprocess.run(
            [self.python, "-m", *module], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{' '.join(module)}\n{done.stdout[-20_000:]}{done.stderr[-5_000:]}"
        return done.stdout

    def changed(self) -> set[str]:
        """Files that are new or differ from the commit that the copy begins with."""
        shown = _git(self.folder, "status", "--porcelain", "--untracked-files=all")
        return {line[3:] for line in shown.splitlines()}


def copied_repository(folder: Path) -> Checkout:
    """Copy what git tracks and does not ignore, as the one commit of another repository, with its own environment."""
    files = _git(REPOSITORY, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, files):
        if (REPOSITORY / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes((REPOSITORY / name).read_bytes())
            target.chmod((REPOSITORY / name).stat().st_mode)
    _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    _git(folder, "-c", "user.name=test", "-c", "user.email=test@example.org", "commit", "--quiet", "--message=copy")
    # No subprocess can import a package of this checkout: the lines of a .pth file are not read for their own.
    environment = folder / ".venv"
    venv.create(environment, symlinks=True)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    sources = [str(folder / source) for source in project["tool"]["mypy"]["mypy_path"]]
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (packages / "copy.pth").write_text("\n".join([*sources, sysconfig.get_path("purelib")]), encoding="utf-8")
    return Checkout(folder)


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout
