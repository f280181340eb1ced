"""Additions to Python modules, found by their syntax; the formatter puts lines and imports in order afterwards."""

from __future__ import annotations

import ast

from registry.errors import ScaffoldError


def with_import(source: str, module: str, name: str) -> str:
    """The source with `from module import name` before its other imports, or after the docstring where it has none."""
    tree = ast.parse(source)
    first = next((node.lineno for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)), None)
    if first is None:
        first = 1 if ast.get_docstring(tree) is None else (tree.body[0].end_lineno or 0) + 1
    return with_lines(source, first, f"from {module} import {name}\n")


def with_class_before(source: str, function: str, text: str) -> str:
    """The source with a class before a function. Raises ScaffoldError: there is no such function."""
    return with_lines(source, _function(source, function).lineno, f"{text}\n\n")


def with_statement_before_return(source: str, function: str, text: str) -> str:
    """The source with a statement before the function's last one, which returns. Raises ScaffoldError."""
    last = _function(source, function).body[-1]
    if not isinstance(last, ast.Return):
        raise ScaffoldError(f"{function} does not end with a return")
    return with_lines(source, last.lineno, f"{text}\n")


def with_element(source: str, function: str, call: str, text: str) -> str:
    """The source with an element at the end of the list that the function gives to a call as its second argument.

    Raises:
        ScaffoldError: there is no such function, call or list.
    """
    for node in ast.walk(_function(source, function)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call and len(node.args) == 2:
            elements = node.args[1]
            if isinstance(elements, ast.List) and elements.elts:
                last = elements.elts[-1]
                return _spliced(source, last.end_lineno or 0, last.end_col_offset or 0, f", {text}")
    raise ScaffoldError(f"{function} gives no list to {call}(…): add {text} by hand")


def names_defined(source: str) -> set[str]:
    """Names that the module defines or assigns, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def with_lines(source: str, line: int, text: str) -> str:
    """The source with text before the line of that number, from 1."""
    lines = source.splitlines(keepends=True)
    return "".join([*lines[: line - 1], text, *lines[line - 1 :]])


def _spliced(source: str, line: int, column: int, text: str) -> str:
    """Columns count bytes, as in `ast`."""
    lines = source.splitlines(keepends=True)
    encoded = lines[line - 1].encode()
    lines[line - 1] = (encoded[:column] + text.encode() + encoded[column:]).decode()
    return "".join(lines)


def _function(source: str, name: str) -> ast.FunctionDef:
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise ScaffoldError(f"there is no function {name}")
