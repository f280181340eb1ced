"""Additions to a manifest as text: comments and layout stay."""

from __future__ import annotations

import re

from registry.errors import ScaffoldError


def with_publication(text: str, event_type: str) -> str:
    """The manifest with the type at the end of `publishes`. Raises ScaffoldError."""
    lines = text.splitlines(keepends=True)
    if _heading(lines, "publishes") is not None:
        return _with_entry(lines, "publishes", f"  - {event_type}\n")
    heads = [place for place, line in enumerate(lines) if re.match(r"^(service|summary|database|retrieval):", line)]
    head = heads[-1] + 1 if heads else 0
    return "".join([*lines[:head], f"publishes:\n  - {event_type}\n", *lines[head:]])


def with_consumption(text: str, event_type: str, function: str | None) -> str:
    """The manifest with the type at the end of `consumes`, for a function where it has some. Raises ScaffoldError."""
    entry = f"  - {{event: {event_type}, function: {function}}}\n" if function else f"  - {{event: {event_type}}}\n"
    lines = text.splitlines(keepends=True)
    if _heading(lines, "consumes") is None and not function:
        return "".join([*lines, "" if not lines or lines[-1].endswith("\n") else "\n", "consumes:\n", entry])
    return _with_entry(lines, "consumes", entry)


def with_next_major(text: str, before: str, after: str) -> str:
    """Text in which the type `after` is published instead of `before`, and consumed beside it.

    Raises:
        ScaffoldError: what is consumed is not a list of lines.
    """
    lines: list[str] = []
    key = ""
    for line in text.splitlines(keepends=True):
        key = line.partition(":")[0] if re.match(r"[a-z]", line) else key
        if re.search(rf"{re.escape(before)}(?![\w.-])", line) is None:
            lines.append(line)
        elif key == "publishes":
            lines.append(line.replace(before, after))
        elif line.startswith(f"{key}:") and key:
            raise ScaffoldError(f"`{key}` is not a list of lines; add {after} by hand")
        else:
            lines += [line, line.replace(before, after)]
    return "".join(lines)


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
