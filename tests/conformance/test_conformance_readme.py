"""localstack/README.md lists every case beside what relies on it, and once more those that are known to differ."""

import re
from pathlib import Path

from workspace import REPOSITORY

CASE = re.compile(r"^def (test_\w+)\(aws: Aws", re.MULTILINE)
DIFFERING = re.compile(r"@pytest\.mark\.differs\([^@]*?\)\ndef (test_\w+)")
FILES = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_conformance_*.py")]
DOCUMENT = (REPOSITORY / "localstack/README.md").read_text(encoding="utf-8")


def listed(heading: str) -> list[str]:
    """The cases in the tables of a section."""
    section = re.split(r"^## ", DOCUMENT.split(f"\n## {heading}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
    return sorted(re.findall(r"`(test_\w+)`", section))


def test_every_case_is_listed_with_the_fact_that_it_holds() -> None:
    cases = [name for text in FILES for name in CASE.findall(text)]
    assert len(cases) >= 30
    assert listed("What the mesh relies on") == sorted(cases)


def test_every_difference_is_listed() -> None:
    differing = [name for text in FILES for name in DIFFERING.findall(text)]
    assert len(differing) >= 7
    assert listed("What differs from AWS") == sorted(differing)
