"""The copy of the repository in which a scaffold is generated and checked."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import typer

from manifests import Manifests, ManifestsInvalidError, load_manifests, readme
from registry.errors import ScaffoldError, UnusableFileError

COPIED = ("contracts", "services", "README.md", "pyproject.toml")
_IGNORED = shutil.ignore_patterns("__pycache__", ".*_cache", ".terraform", "*.pyc")
_QUIETLY = ("--no-cache", "--quiet")
_TIMEOUT_S = 120


class Draft:
    """A copy of what scaffolds read and change; paths are relative to the repository's root."""

    def __init__(self, root: Path, copy: Path, copied: Sequence[str]) -> None:
        self._root, self._copy = root, copy
        for name in copied:
            if (root / name).is_dir():
                shutil.copytree(root / name, copy / name, ignore=_IGNORED)
            elif (root / name).exists():
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(root / name, copy / name)

    def read(self, path: str) -> str:
        """The text of a file. Raises UnusableFileError."""
        try:
            return (self._copy / path).read_text(encoding="utf-8")
        except OSError as error:
            raise UnusableFileError(f"{path}: {error.strerror or error}") from error

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        return (self._copy / path).exists()

    def files(self, *patterns: str) -> list[str]:
        """Paths of the files that match one of the patterns."""
        found = {path for pattern in patterns for path in self._copy.glob(pattern)}
        return sorted(path.relative_to(self._copy).as_posix() for path in found)

    def write(self, path: str, text: str) -> None:
        """Write a file, new or not; one that there is keeps its ends of lines."""
        file = self._copy / path
        file.parent.mkdir(parents=True, exist_ok=True)
        newline = "\r\n" if file.exists() and b"\r\n" in file.read_bytes() else "\n"
        file.write_text(text, encoding="utf-8", newline=newline)

    def create(self, path: str, text: str) -> None:
        """Write a new file. Raises ScaffoldError where there is one."""
        if self.exists(path):
            raise ScaffoldError(f"{path} exists")
        self.write(path, text)

    def manifests(self) -> Manifests:
        """The manifests as they are now. Raises ScaffoldError: they would be wrong."""
        try:
            return load_manifests(self._copy)
        except ManifestsInvalidError as error:
            raise ScaffoldError(f"the manifests would be wrong: {error}") from error

    def run(self, purpose: str, *module: str) -> None:
        """Run a module with the copy's packages. Raises ScaffoldError with its last line."""
        sources = [str(path) for path in sorted(self._copy.glob("**/src"))]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", *module]
        done = subprocess.run(
            command, cwd=self._copy, env=environment, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
        if done.returncode:
            *_, last = (done.stderr or done.stdout).strip().splitlines() or [f"exit code {done.returncode}"]
            raise ScaffoldError(f"{purpose}: {last}")

    def describe(self) -> None:
        """Regenerate what READMEs repeat of the manifests."""
        readme.rewrite(self.manifests())

    def format(self) -> None:
        """Sort the imports of the changed Python files and format them."""
        files = [path for path in self.changes() if path.endswith(".py")]
        if files:
            self.run("imports cannot be sorted", "ruff", "check", *_QUIETLY, "--select", "I", "--fix", *files)
            self.run("code cannot be formatted", "ruff", "format", *_QUIETLY, *files)

    def changes(self) -> dict[str, bytes]:
        """Path -> contents of what differs from the repository."""
        files = (path for path in sorted(self._copy.rglob("*")) if path.is_file())
        contents = {path.relative_to(self._copy).as_posix(): path.read_bytes() for path in files}
        return {
            path: content
            for path, content in contents.items()
            if not (self._root / path).exists() or (self._root / path).read_bytes() != content
        }

    def publish(self) -> None:
        """Write the changes to the repository; when one cannot be written, those before it are undone."""
        before: dict[Path, bytes | None] = {}
        try:
            for path, content in self.changes().items():
                file = self._root / path
                before[file] = file.read_bytes() if file.exists() else None
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        except OSError as error:
            for file, content_before in before.items():
                if content_before is None:
                    file.unlink(missing_ok=True)
                else:
                    file.write_bytes(content_before)
            raise UnusableFileError(f"{error.filename}: {error.strerror or error}") from error


@contextmanager
def drafted(
    root: Path, *, dry_run: bool, as_json: bool, following: str, copied: Sequence[str] = COPIED
) -> Iterator[Draft]:
    """A draft of which the block makes the change; afterwards it is formatted, written (unless `dry_run`) and listed.

    `following` is the line about what is left to do; `copied` are the files and folders that the draft begins with.
    """
    with TemporaryDirectory(prefix="scaffold-") as folder:
        draft = Draft(root, Path(folder), copied)
        yield draft
        draft.format()
        paths = list(draft.changes())
        if not dry_run:
            draft.publish()
    if as_json:
        typer.echo(json.dumps({"written": not dry_run, "files": paths, "next": following}))
        return
    for path in paths:
        typer.echo(f"{'would write' if dry_run else 'wrote'} {path}")
    typer.echo(f"next: {following}")
