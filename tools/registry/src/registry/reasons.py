"""Why a version is as it is: the paragraphs of `contracts/CHANGELOG.md`, by fact and version.

## sessions.session-expired

**3.0** replaces `reason` and `limit` by `cause` …
"""

import re
from collections.abc import Mapping

from registry.catalogue import read_bytes
from registry.layout import Layout

_FILE = "CHANGELOG.md"
_FACT = re.compile(r"^## +(?P<fact>\S+) *$", re.MULTILINE)
_VERSION = re.compile(r"^\*\*(?P<version>[0-9]+\.[0-9]+)\*\*", re.MULTILINE)

#: (fact, version) -> its paragraphs, each on one line.
Reasons = Mapping[tuple[str, str], tuple[str, ...]]


def tree_reasons(layout: Layout) -> Reasons:
    """The reasons in the working tree, beside the schemas' folder; none without the file."""
    file = (layout.root / layout.schemas).with_name(_FILE)
    return reasons(read_bytes(file).decode("utf-8", errors="replace")) if file.exists() else {}


def reasons(text: str) -> Reasons:
    """The reasons in a changelog."""
    _, *sections = _FACT.split(text)
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    for fact, section in zip(sections[::2], sections[1::2], strict=True):
        _, *entries = _VERSION.split(section)
        for version, entry in zip(entries[::2], entries[1::2], strict=True):
            words = (" ".join(paragraph.split()) for paragraph in entry.split("\n\n"))
            found[fact, version] = tuple(paragraph for paragraph in words if paragraph)
    return found
