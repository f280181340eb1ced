"""Additions to a manifest as text: comments and layout stay.

Places are those that the YAML parser names.

ScaffoldError: the manifest is not YAML, or what is added to has another shape
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

from registry.errors import ScaffoldError, in_one_line

#: What a manifest begins with; what it publishes comes next.
_HEAD = ("service", "summary", "database", "retrieval")
_NULL = "tag:yaml.org,2002:null"


def with_publication(text: str, event_type: str) -> str:
    """The manifest with the type at the end of `publishes`. Raises ScaffoldError."""
    root = _root(text)
    if _value(root, "publishes") is not None:
        return _with_entry(text, root, "publishes", event_type)
    heads = [_end(text, node) for key in _HEAD if (node := _value(root, key)) is not None]
    return _inserted(text, max(heads, default=len(text)), f"publishes:\n  - {event_type}")


def with_consumption(text: str, event_type: str, function: str | None) -> str:
    """The manifest with the type at the end of `consumes`, for a function where it has some. Raises ScaffoldError."""
    entry = f"{{event: {event_type}, function: {function}}}" if function else f"{{event: {event_type}}}"
    root = _root(text)
    if _value(root, "consumes") is None and not function:
        return _inserted(text, len(text), f"consumes:\n  - {entry}")
    return _with_entry(text, root, "consumes", entry)


def with_next_major(text: str, before: str, after: str) -> str:
    """The manifest in which the type `after` is published instead of `before`, and consumed beside it: each entry is
    repeated without its comments. Raises ScaffoldError."""
    root = _root(text)
    edits: list[tuple[int, int, str]] = []
    for node in _items(_value(root, "publishes")):
        if node.value == before:
            start, end = node.start_mark.index, node.end_mark.index
            edits.append((start, end, text[start:end].replace(before, after)))
    consumes = _value(root, "consumes")
    for node in _items(consumes):
        event = _value(node, "event") if isinstance(node, yaml.MappingNode) else node
        if event is None or event.value != before:
            continue
        if not isinstance(consumes, yaml.SequenceNode) or consumes.flow_style:
            raise ScaffoldError(f"`consumes` is not a list of lines; add {after} by hand")
        column, end = consumes.start_mark.column, _end(text, node)
        entry = _without_comments(text[_dash(text, node, column) : end])
        line_end = _line_end(text, end)
        edits.append((line_end, line_end, f"\n{' ' * column}{_renamed(entry, before, after)}"))
    for start, end, new in sorted(edits, reverse=True):
        text = f"{text[:start]}{new}{text[end:]}"
    return text


def with_line_beside(text: str, before: str, after: str) -> str:
    """Text with each line that names the type `before` repeated for `after`, unless it is a comment."""
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        lines.append(line)
        if not line.lstrip().startswith(("#", "//")) and (beside := _renamed(line, before, after)) != line:
            lines.append(beside)
    return "".join(lines)


def with_route(text: str, function: str, entry: str) -> str:
    """The manifest with an entry at the end of the function's routes. Raises ScaffoldError."""
    return _with_entry(text, _value(_value(_root(text), "functions"), function), "routes", entry)


def _root(text: str) -> yaml.Node | None:
    try:
        root: yaml.Node | None = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ScaffoldError(f"a manifest is not YAML: {in_one_line(error)}") from error
    return root


def _with_entry(text: str, mapping: yaml.Node | None, key: str, entry: str) -> str:
    """The text with an entry after the last one of the list under the key."""
    node = _value(mapping, key)
    items = list(_items(node))
    if node is None or _is_flow(mapping) or (items and _is_flow(node)):
        raise ScaffoldError(f"`{key}` is not a list of lines; add {entry} by hand")
    if items:
        return _inserted(text, _end(text, items[-1]), f"{' ' * node.start_mark.column}- {entry}")
    if not isinstance(node, yaml.SequenceNode) and node.tag != _NULL:
        raise ScaffoldError(f"`{key}` is no list; add {entry} by hand")
    head = text[: node.start_mark.index].rstrip()
    column = mapping.start_mark.column if mapping else 0
    return _inserted(head + text[node.end_mark.index :], len(head), f"{' ' * (column + 2)}- {entry}")


def _is_flow(node: yaml.Node | None) -> bool:
    return isinstance(node, yaml.CollectionNode) and bool(node.flow_style)


def _value(mapping: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(mapping, yaml.MappingNode):
        return None
    return next((value for name, value in mapping.value if name.value == key), None)


def _items(node: yaml.Node | None) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value


def _end(text: str, node: yaml.Node) -> int:
    """Where the node's own text ends: a block ends for the parser where the next one begins, after comments."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        node = node.value[-1][1] if isinstance(node, yaml.MappingNode) else node.value[-1]
    end: int = node.end_mark.index
    return len(text[:end].rstrip())


def _dash(text: str, node: yaml.Node, column: int) -> int:
    """Where the dash of a list's entry is: in the entry's line, or in one above."""
    place = node.start_mark.index
    while place > 0:
        start = text.rfind("\n", 0, place) + 1
        if text[start : start + column + 1].strip() == "-":
            return start + column
        place = start - 1
    raise ScaffoldError("an entry of `consumes` has no line of its own")


def _without_comments(text: str) -> str:
    """YAML without what stands between its tokens as a comment."""
    kept, place = "", 0
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        start, end = token.start_mark.index, token.end_mark.index
        kept += re.sub(r"\n[ \t]*#.*|[ \t]+#.*", "", text[place:start]) + text[start:end]
        place = end
    return kept


def _renamed(text: str, before: str, after: str) -> str:
    return re.sub(rf"(?<![\w.-]){re.escape(before)}(?![\w.-])", after, text)


def _line_end(text: str, place: int) -> int:
    end = text.find("\n", place)
    return len(text) if end < 0 else end


def _inserted(text: str, place: int, lines: str) -> str:
    """The text with lines below that of a place; it ends with a newline."""
    end = _line_end(text, place)
    above = text[:end]
    return f"{above}{'' if not above or above.endswith(chr(10)) else chr(10)}{lines}{text[end:] or chr(10)}"
