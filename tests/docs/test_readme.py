"""The README does not lie: its picture is the manifests', its commands and links exist."""

import re
from pathlib import Path

import pytest

from localmesh.paths import REPOSITORY
from manifests import load_manifests
from manifests.picture import in_document

README = REPOSITORY / "README.md"
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "contracts/*.md", "services/**/*.md", "localstack/*.md", "tools/**/*.md")
    for path in REPOSITORY.glob(pattern)
    if ".venv" not in path.parts
)


def test_the_picture_is_the_manifests() -> None:
    text = README.read_text(encoding="utf-8")
    assert in_document(text, load_manifests(REPOSITORY)) == text, "run: python -m manifests.picture README.md"


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z%-]*):", makefile, flags=re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", README.read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"demo", "test", "up", "down", "status", "logs", "reset"} <= named
    assert named <= targets, f"no such target: {named - targets}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (document.parent / link).exists()]
    assert missing == []
