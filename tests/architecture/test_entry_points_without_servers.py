"""What every service has without servers: unit tests of each entry point."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from manifests import load_manifests
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)


def entry_points_built(source: str) -> set[str]:
    """The names with which a test module calls `ENTRY_POINTS.build`."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    return {
        str(call.args[0].value)
        for call in calls
        if ast.unparse(call.func) == "ENTRY_POINTS.build" and isinstance(call.args[0], ast.Constant)
    }


def unit_test_modules(service: str) -> Iterator[Path]:
    for path in sorted((REPOSITORY / "services" / service / "tests").rglob("test_*.py")):
        if "mark.integration" not in path.read_text(encoding="utf-8"):
            yield path


@pytest.mark.parametrize("service", sorted(MANIFESTS.services))
def test_unit_tests_build_every_entry_point(service: str) -> None:
    built = {name for path in unit_test_modules(service) for name in entry_points_built(path.read_text("utf-8"))}
    handlers = {function.handler.rpartition(".")[2] for function in MANIFESTS.services[service].functions.values()}
    assert built == handlers, "tests/test_<service>_handlers.py builds each with ENTRY_POINTS.build(name, service)"


def test_only_calls_with_a_name_count() -> None:
    source = "ENTRY_POINTS.build('http', service)\nENTRY_POINTS.names\nOTHER.build('relay', service)\n"
    assert entry_points_built(source) == {"http"}
