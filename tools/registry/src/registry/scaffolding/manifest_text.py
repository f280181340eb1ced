"""Additions to a manifest as text: comments and layout stay."""

from __future__ import annotations

import re

from registry.errors import ScaffoldError


def with_publication(text: str, event_type: str) -> str:
    """The manifest with the type at the end of `publishes`. Raises ScaffoldError."""
    lines = text.splitlines(keepends=True)
    if _heading(lines, "publishes") is not None:
        return _with_entry(lines, "publishes", f"  - {event_type}\n")
    head = max(place for place, line in enumerate(lines) if re.match(r"^(service|summary|database|retrieval):", line))
    return "".join([*lines[: head + 1], f"publishes:\n  - {event_type}\n", *lines[head + 1 :]])


def with_consumption(text: str, event_type: str, function: str) -> str:
    """The manifest with the type at the end of `consumes`. Raises ScaffoldError."""
    entry = f"  - {{event: {event_type}, function: {function}}}\n"
    return _with_entry(text.splitlines(keepends=True), "consumes", entry)


def with_route(text: str, function: str, entry: str) -> str:
    """The manifest with an entry at the end of the function's routes. Raises ScaffoldError."""
    lines = text.splitlines(keepends=True)
    head = next((place for place, line in enumerate(lines) if re.match(rf"^  {function}:\s*(#.*)?$", line)), len(lines))
    return "".join(lines[:head]) + _with_entry(lines[head:], "    routes", f"      - {entry}\n")


def _with_entry(lines: list[str], key: str, entry: str) -> str:
    """The lines with an entry after the last one of the block under the key."""
    head = _heading(lines, key)
    if head is None or not re.match(rf"^{key}:\s*(#.*)?$", lines[head]):
        raise ScaffoldError(f"`{key.strip()}` is not a list of lines; add {entry.strip(' -').strip()} by hand")
    depth, end = len(key) - len(key.lstrip()), head + 1
    for place in range(head + 1, len(lines)):
        if lines[place].strip():
            if len(lines[place]) - len(lines[place].lstrip()) <= depth:
                break
            end = place + 1
    return "".join([*lines[:end], entry, *lines[end:]])


def _heading(lines: list[str], key: str) -> int | None:
    return next((place for place, line in enumerate(lines) if line.startswith(f"{key}:")), None)
