"""localstack/README.md lists the cases that are known to differ, and no others."""

import re
from pathlib import Path

from workspace import REPOSITORY

CASE = re.compile(r"@pytest\.mark\.differs\([^@]*?\)\ndef (test_\w+)")


def test_every_difference_is_listed() -> None:
    files = [file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_conformance_*.py")]
    differing = [name for text in files for name in CASE.findall(text)]
    document = (REPOSITORY / "localstack/README.md").read_text(encoding="utf-8")
    assert len(differing) >= 7
    assert sorted(re.findall(r"`(test_\w+)` \|$", document, re.MULTILINE)) == sorted(differing)
