"""Queries to git, and the files of a revision without checking it out.

GitError: git is missing, failed, or this is not a checkout
UnknownRevisionError: git has no such revision
"""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from registry.errors import GitError, UnknownRevisionError

_TIMEOUT_S = 30


class Repository:
    """A checkout; `root` may be a folder inside it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._git("rev-parse", "--show-toplevel")

    def commit(self, revision: str) -> str:
        """The commit that a revision names.

        Raises:
            UnknownRevisionError: none.
        """
        found = self.find(revision)
        if found is None:
            shallow = " (this clone is shallow: git fetch --unshallow)" if self.is_shallow() else ""
            raise UnknownRevisionError(f"git has no revision {revision!r} here{shallow}")
        return found

    def find(self, revision: str) -> str | None:
        """The commit that a revision names, if any."""
        if revision.startswith("-"):
            return None
        return self._maybe("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")

    def merge_base(self, one: str, other: str) -> str | None:
        """The merge base; None where the histories (as far as they are cloned) have none."""
        return self._maybe("merge-base", one, other)

    def is_shallow(self) -> bool:
        """Whether part of the history is missing."""
        return self._git("rev-parse", "--is-shallow-repository").strip() == b"true"

    def is_dirty(self, *paths: str) -> bool:
        """Whether files below the paths are new or differ from HEAD."""
        return bool(self._git("status", "--porcelain", "--", *paths).strip())

    def describe(self, commit: str) -> str:
        """Short hash and subject."""
        return self._git("log", "-1", "--format=%h %s", commit).decode("utf-8", "replace").strip()

    def files(self, commit: str, *folders: str) -> Mapping[str, bytes]:
        """Path (relative to the root) -> contents, of a commit's files below the folders."""
        listed = self._git("ls-tree", "-r", "-z", commit, "--", *folders)
        entries = [entry.split(b"\t", 1) for entry in listed.split(b"\0") if entry]
        blobs = [(path.decode("utf-8"), meta.split()[2]) for meta, path in entries if meta.split()[1] == b"blob"]
        answer = self._git("cat-file", "--batch", stdin=b"\n".join(blob for _, blob in blobs) + b"\n" if blobs else b"")
        contents: dict[str, bytes] = {}
        position = 0
        for path, _ in blobs:
            # "<hash> blob <size>\n<contents>\n"
            end = answer.index(b"\n", position)
            size = int(answer[position:end].split()[2])
            contents[path] = answer[end + 1 : end + 1 + size]
            position = end + size + 2
        return contents

    def _maybe(self, *arguments: str) -> str | None:
        try:
            return self._git(*arguments).decode("ascii").strip() or None
        except GitError:
            return None

    def _git(self, *arguments: str, stdin: bytes = b"") -> bytes:
        try:
            done = subprocess.run(
                ["git", "-C", str(self._root), *arguments],  # the user's own git
                input=stdin,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as error:
            raise GitError("git is not installed") from error
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {arguments[0]} did not end within {_TIMEOUT_S} s") from error
        if done.returncode:
            errors = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise GitError(f"git {arguments[0]}: {errors[0] if errors else f'exit code {done.returncode}'}")
        return done.stdout
