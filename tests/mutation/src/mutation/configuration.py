"""What `mutation.toml` says: packages, thresholds, and which mutants are equivalent to the original."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workspace import REPOSITORY, OperatorError

FILE = Path(__file__).parents[2] / "mutation.toml"
#: A trailing comma of a call, and white space: nothing that Python would notice.
_LAYOUT = re.compile(r",(?=\s*\))|\s+")


@dataclass(frozen=True, slots=True)
class Package:
    """An import package of one workspace member; paths are relative to the repository."""

    name: str
    source: Path

    @property
    def tests(self) -> Path:
        """The folder of the member's tests."""
        return self.source.parent / "tests"


@dataclass(frozen=True, slots=True)
class Equivalent:
    """One reviewed mutant that behaves as the original does."""

    module: str
    before: str
    after: str
    reason: str


@dataclass(frozen=True, slots=True)
class Configuration:
    """`mutation.toml`."""

    packages: dict[str, Package]
    minimum: dict[str, float]
    skipped_lines: tuple[str, ...]
    rules: tuple[re.Pattern[str], ...]
    equivalents: tuple[Equivalent, ...]

    def is_equivalent(self, mutant: str, before: str, after: str) -> bool:
        """Is the difference between two texts one that no test could notice?"""
        return any(_without(rule, before) == _without(rule, after) for rule in self.rules) or any(
            mutant.startswith(f"{one.module}.") and before.strip() == one.before and after.strip() == one.after
            for one in self.equivalents
        )

    def select(self, wanted: str) -> tuple[Package, str]:
        """The package of a module, and the dotted name that all its mutants begin with.

        `wanted` is dotted or a path: `chassis`, `chassis.outbox`, `services/imaging`,
        `services/imaging/src/imaging/exif.py`.
        """
        name = wanted.removesuffix("/")
        for package in self.packages.values():
            member = package.source.parent.as_posix()
            if name in (member, package.source.as_posix()):
                name = package.name
            elif name.startswith(f"{package.source.as_posix()}/"):
                name = name.removeprefix(f"{package.source.as_posix()}/").removesuffix(".py").replace("/", ".")
                name = name.removesuffix(".__init__")
        package_name, *rest = name.split(".")
        found = self.packages.get(package_name)
        path = REPOSITORY / found.source / package_name / Path(*rest) if found else None
        if found is None or path is None or not (path.is_dir() or path.with_suffix(".py").is_file()):
            raise OperatorError(f"no module {wanted}: name one of {', '.join(self.packages)}, or a module in them")
        return found, name


def load(file: Path = FILE) -> Configuration:
    """Read the configuration."""
    raw: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    folders = sorted(path for pattern in raw["covers"] for path in REPOSITORY.glob(f"{pattern}/__init__.py"))
    packages = [Package(path.parent.name, path.parents[1].relative_to(REPOSITORY)) for path in folders]
    return Configuration(
        packages={package.name: package for package in packages},
        minimum=raw["minimum"],
        skipped_lines=tuple(one["lines"] for one in raw["skip"]),
        rules=tuple(re.compile(one["ignore"]) for one in raw["rule"]),
        equivalents=tuple(Equivalent(**one) for one in raw.get("equivalent", ())),
    )


def _without(rule: re.Pattern[str], text: str) -> str:
    return _LAYOUT.sub("", rule.sub(lambda found: found.groupdict().get("keep") or "", text))
