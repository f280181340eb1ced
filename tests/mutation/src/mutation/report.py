"""What became of the mutants: a table per package, the survivors, and whether the thresholds are met."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mutation.project import Mutant

#: `segfault`: a signal ended the tests' process; the mutant made it crash.
_NOTICED = ("killed", "timeout", "segfault", "caught by type check")
_UNNOTICED = ("survived", "no tests")


@dataclass(frozen=True, slots=True)
class Result:
    """One package's mutants: verdicts, how many were equivalent, and those that no test noticed."""

    package: str
    verdicts: Mapping[str, int]
    equivalent: int
    survivors: tuple[Mutant, ...]

    @property
    def tested(self) -> int:
        return sum(self.verdicts.values())

    @property
    def noticed(self) -> int:
        return sum(self.verdicts.get(verdict, 0) for verdict in _NOTICED)

    @property
    def undecided(self) -> int:
        """Without a verdict, or with one that says nothing about the tests: the run is not a measurement."""
        return self.tested - self.noticed - sum(self.verdicts.get(verdict, 0) for verdict in _UNNOTICED)

    @classmethod
    def of(cls, package: str, mutants: Mapping[str, Mutant], verdicts: Mapping[str, str], equivalent: int) -> Result:
        """From each mutant's verdict."""
        survivors = tuple(mutants[name] for name, verdict in verdicts.items() if verdict in _UNNOTICED)
        ordered = sorted(survivors, key=lambda mutant: (mutant.path, mutant.line, mutant.name))
        return cls(package, dict(Counter(verdicts.values())), equivalent, tuple(ordered))


def score(results: Iterable[Result]) -> float:
    """Per cent of mutants that tests noticed; 100 when there was none."""
    results = list(results)
    noticed, tested = sum(one.noticed for one in results), sum(one.tested for one in results)
    return 100 * noticed / tested if tested else 100.0


def table(results: Iterable[Result]) -> str:
    """A Markdown table, one line a package and one for all."""
    results = list(results)
    rows = [(one.package, [one]) for one in results] + [("all", results)] * (len(results) > 1)
    lines = ["| package | mutants | killed | timeouts | crashes | survived | no tests | equivalent | score |"]
    lines.append("| --- " + "| ---: " * 8 + "|")
    for name, members in rows:
        counts: Counter[str] = Counter()
        for one in members:
            counts.update(one.verdicts)
        tested = sum(one.tested for one in members)
        figures = [
            tested,
            sum(one.noticed for one in members) - counts["timeout"] - counts["segfault"],
            counts["timeout"],
            counts["segfault"],
            counts["survived"],
            counts["no tests"],
            sum(one.equivalent for one in members),
        ]
        lines.append(f"| {name} | " + " | ".join(map(str, figures)) + f" | {score(members):.1f} % |")
    return "\n".join(lines)


def survivors(results: Iterable[Result]) -> str:
    """Each mutant that no test noticed: where it is and what it changes."""
    return "\n".join(
        f"{mutant.path}:{mutant.line}  {mutant.name}\n{_prefixed('-', mutant.before)}\n{_prefixed('+', mutant.after)}"
        for one in results
        for mutant in one.survivors
    )


def shortfalls(results: Iterable[Result], minimum: Mapping[str, float]) -> list[str]:
    """Why the run fails; empty when it does not."""
    results = list(results)
    found = [f"{one.package}: {one.undecided} mutants were not tested to the end" for one in results if one.undecided]
    for name, needed in minimum.items():
        members = [one for one in results if name in ("overall", one.package)]
        if members and score(members) < needed:
            found.append(f"{name}: tests notice {score(members):.1f} % of mutants, {needed} % are required")
    return found


def dump(results: Iterable[Result]) -> str:
    """As JSON, for `read`."""
    return json.dumps([asdict(one) for one in results], indent=2)


def read(files: Iterable[Path]) -> list[Result]:
    """The results of several runs."""
    documents: list[dict[str, Any]] = [one for file in files for one in json.loads(file.read_text(encoding="utf-8"))]
    return [Result(**one | {"survivors": tuple(Mutant(**mutant) for mutant in one["survivors"])}) for one in documents]


def _prefixed(sign: str, text: str) -> str:
    return "\n".join(f"    {sign} {line.strip()}" for line in text.splitlines())
