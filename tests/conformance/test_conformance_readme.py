"""localstack/README.md lists the cases that are known to differ, and no others."""

import re
from pathlib import Path

from workspace import REPOSITORY

HERE = Path(__file__).parent


def test_every_difference_is_listed() -> None:
    differing = {
        name
        for file in HERE.glob("test_conformance_*.py")
        for name in re.findall(
            r"@pytest\.mark\.differs\((?:[^@]*?)\)\ndef (test_\w+)", file.read_text(encoding="utf-8")
        )
    }
    listed = re.findall(
        r"`(test_\w+)` \|$", (REPOSITORY / "localstack/README.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len(differing) >= 7
    assert sorted(listed) == sorted(differing)
