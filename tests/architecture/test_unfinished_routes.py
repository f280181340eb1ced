"""A route that is documented to answer 501 refuses every request and does nothing else: the tests of isolation between
users leave it out."""

import ast

import pytest

from manifests import load_manifests
from workspace import REPOSITORY

SERVICES = sorted(load_manifests(REPOSITORY).services)
REFUSAL = "raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "
UNFINISHED = """
def routes(service):
    @api.get("/hints", responses=documented((HTTPStatus.NOT_IMPLEMENTED, "It does nothing yet")))
    def get_hints(caller):
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "not-implemented", "this route does nothing yet")
"""


def claimants(source: str) -> dict[str, bool]:
    """Handlers that are documented to answer 501, and whether that is all they do."""
    functions = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
    return {
        handler.name: ast.unparse(handler.body[0]).startswith(REFUSAL)
        for handler in functions
        if any("NOT_IMPLEMENTED" in ast.unparse(decorator) for decorator in handler.decorator_list)
    }


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_said_to_do_nothing_does_nothing(service: str) -> None:
    source = (REPOSITORY / "services" / service / "src" / service / "api.py").read_text(encoding="utf-8")
    assert [name for name, refuses in claimants(source).items() if not refuses] == []


def test_a_handler_that_does_something_is_found() -> None:
    assert claimants(UNFINISHED) == {"get_hints": True}
    assert claimants(UNFINISHED.replace("        raise", "        hints(caller)\n        raise")) == {
        "get_hints": False
    }
    assert claimants(UNFINISHED.replace('(HTTPStatus.NOT_IMPLEMENTED, "It', '(HTTPStatus.NOT_FOUND, "It')) == {}
