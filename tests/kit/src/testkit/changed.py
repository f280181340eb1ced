"""Print the tests that can notice what changed: `python -m testkit.changed`, as arguments for pytest.

A changed test file is run itself; where one is gone, its folder is, because others may have to do now what it did. A
changed member of the workspace (a service, a library, a tool) is noticed by its own tests, by those of all members that
import it, directly or not, and by the folders that read or run it. What belongs to no member (the lock file), and this
kit with the provider emulator that it starts, can be noticed by every test: then all folders are printed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from workspace import REPOSITORY, OperatorError

_MANIFESTS: Final = ("services/*.yaml", "services/*/pyproject.toml")
_CODE: Final = (
    *("contracts/*.py", "contracts/*.json", *_MANIFESTS),
    *("services/*.py", "services/*.json", "services/*.txt", "services/*.sql"),
)
#: What a folder of tests reads or runs without importing it; `*` crosses folders.
_READ: Final[Mapping[str, tuple[str, ...]]] = {
    "contracts/tests": ("contracts/*",),
    "libraries/manifests/tests": _MANIFESTS,
    "localstack/localmesh/tests": ("contracts/*", *_MANIFESTS, "services/*.sql", ".env.example"),
    "services/ingest/tests": _MANIFESTS,
    "tests/architecture": ("*.py", "*.md", "*.toml", "*.yaml", "services/*.json"),
    "tests/contracts": _CODE,
    "tests/docs": ("*",),
    "tests/e2e": (*_CODE, "localstack/*", "libraries/*"),
    "tests/imports": (*_CODE, "*/pyproject.toml"),
    "tests/infrastructure": ("terraform/*", "services/*.tf", "services/*.hcl", *_MANIFESTS, ".gitignore"),
    "tests/mutation/tests": ("contracts/src/*.py", "services/*/src/*.py", *_MANIFESTS),
    "tests/policy_checks/tests": _MANIFESTS,
    "tools/mesh/tests": ("terraform/*", "services/*.tf", *_CODE, "tools/*"),
    "tools/registry/tests": _CODE,
}
# What only looks like an import, as in a template, makes a run wider, never narrower; parsing takes ten times as long.
_IMPORT: Final = re.compile(r"^\s*(?:from|import)\s+([\w.]+)", re.MULTILINE)
#: Folders whose tests read other tests: which entry points these build, and whether they are where documents say.
_READ_TESTS: Final = frozenset({"tests/architecture", "tests/docs"})
#: Packages that stand under the tests of all members.
_UNDER_TESTS: Final = frozenset({"testkit", "provider_emulator"})
#: What reaches no test but those of `_READ`.
_NOBODYS: Final = ("*.md", ".github/*", ".gitignore", "LICENSE", "docs/*", "terraform/*", ".env.example")


@dataclass(frozen=True)
class Member:
    """A member of the workspace: its folder, its packages, and which members its sources and its tests import."""

    folder: str
    packages: frozenset[str]
    sources: frozenset[str]
    tests: frozenset[str]


def main() -> None:
    """Print the folders and files for pytest, one a line; nothing when no test can notice the change."""
    parser = argparse.ArgumentParser(prog="python -m testkit.changed", description=__doc__)
    parser.add_argument("--base", default="main", help="the revision to compare with (default: main)")
    try:
        changed = changed_files(REPOSITORY, parser.parse_args().base)
    except OperatorError as error:
        sys.exit(f"changed: {error}")
    sys.stdout.writelines(f"{path}\n" for path in tests_for(REPOSITORY, changed))


def changed_files(root: Path, base: str) -> list[str]:
    """Files that differ from where this branch left the base, committed or not, new ones too.

    Raises:
        OperatorError: git does not know the base.
    """

    def git(*arguments: str) -> list[str]:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise OperatorError(done.stderr.strip() or f"git {arguments[0]} failed")
        return [line for line in done.stdout.split("\0") if line]

    [since] = (line.strip() for line in git("merge-base", base, "HEAD"))
    # Without renames, so that both the old and the new place count.
    changed = git("diff", "--no-renames", "--name-only", "-z", since)
    return sorted({*changed, *git("ls-files", "--others", "--exclude-standard", "-z")})


def tests_for(root: Path, changed: Iterable[str]) -> list[str]:
    """The folders and files of tests that can notice the changes, none inside another."""
    members = read_members(root)
    everything = _test_folders(root, members)
    found: set[str] = set()
    for path in changed:
        tests = _tests_for_one(root, path, members, everything)
        if tests is None:
            return sorted(everything)
        found |= tests
    return sorted(path for path in found if not any(_is_below(path, other) for other in found))


def _tests_for_one(
    root: Path, path: str, members: list[Member], everything: Mapping[str, frozenset[str]]
) -> set[str] | None:
    if inside := next((folder for folder in everything if _is_below(path, folder)), None):
        is_test = fnmatch(Path(path).name, "test_*.py") and (root / path).exists()
        return {path if is_test else inside} | _READ_TESTS
    found = {folder for folder, patterns in _READ.items() if any(fnmatch(path, pattern) for pattern in patterns)}
    member = next((member for member in members if _is_below(path, member.folder)), None)
    if member is None:
        return found if any(fnmatch(path, pattern) for pattern in _NOBODYS) else None
    if member.packages & _UNDER_TESTS:
        return None
    if path.endswith(".md"):
        return found | ({f"{member.folder}/tests"} & set(everything))
    reached = _importers(member, members)
    return found | {folder for folder, imported in everything.items() if imported & reached}


def _importers(member: Member, members: list[Member]) -> frozenset[str]:
    """The member's packages, and all packages that import them, directly or not."""
    reached = set(member.packages)
    while more := {name for other in members if other.sources & reached for name in other.packages} - reached:
        reached |= more
    return frozenset(reached)


def read_members(root: Path) -> list[Member]:
    """All members of the workspace."""
    workspace = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]["workspace"]
    folders = [
        folder
        for pattern in workspace["members"]
        for folder in sorted(root.glob(pattern))
        if (folder / "pyproject.toml").exists()
    ]
    packages = {folder: frozenset(path.parent.name for path in folder.glob("src/*/__init__.py")) for folder in folders}
    ours = frozenset().union(*packages.values())
    return [
        Member(
            folder.relative_to(root).as_posix(),
            packages[folder],
            _imports(folder / "src", leave_out="testkit/operator") & ours,
            packages[folder] | (_imports(folder / "tests") & ours),
        )
        for folder in folders
    ]


def _test_folders(root: Path, members: list[Member]) -> dict[str, frozenset[str]]:
    """Every folder of tests, and the packages that its tests import."""
    ours = frozenset().union(*(member.packages for member in members))
    found = {f"{member.folder}/tests": member.tests for member in members if (root / member.folder / "tests").is_dir()}
    for folder in sorted((root / "tests").iterdir()):
        if any(folder.glob("test_*.py")):
            found[f"tests/{folder.name}"] = _imports(folder) & ours
    return found


def _imports(folder: Path, *, leave_out: str = "") -> frozenset[str]:
    paths = [path for path in folder.rglob("*.py") if not leave_out or leave_out not in path.as_posix()]
    return frozenset(name for path in paths for name in _imports_of(path))


def _imports_of(path: Path) -> Iterator[str]:
    for module in _IMPORT.findall(path.read_text(encoding="utf-8")):
        yield module.partition(".")[0]
        # The one part of a package that brings imports which the rest has not.
        if module.startswith("testkit.operator"):
            yield "mesh"


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")


if __name__ == "__main__":
    main()
