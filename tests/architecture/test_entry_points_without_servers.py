"""What every service has without servers: unit tests of each entry point, and routes that answer nobody unknown."""

import ast
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chassis.settings import Settings
from manifests import Route, RouteAuth, load_manifests
from registry.openapi import TARGET
from testkit import Fakes, call
from testkit.fakes import SETTINGS
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
CLOSED_ROUTES = [
    (name, route)
    for name, service in MANIFESTS.services.items()
    for function in service.functions.values()
    for route in function.gateway_routes
    if route.auth is RouteAuth.JWT and not route.is_greedy
]


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


#: Of routes that look at the body before they look at the token: one that they accept, where the model has no example.
BODIES: dict[str, dict[str, Any]] = {
    "POST /items/uploads": {"filename": "a.png", "media_type": "image/png", "bytes": 1},
    "POST /chat": {"message": "Hello", "session_id": "00000000-0000-0000-0000-000000000001"},
    "POST /search": {"query": "ramen"},
}


def body_of(route: Route) -> object:
    """A valid body: the one above, or the first example of its model in the OpenAPI document."""
    if route.key in BODIES:
        return BODIES[route.key]
    document = json.loads((REPOSITORY / TARGET).read_text(encoding="utf-8"))
    operation = document["paths"][route.path].get(route.method.lower(), {})
    contents = operation.get("requestBody", {}).get("content", {})
    reference = contents.get("application/json", {}).get("schema", {}).get("$ref", "")
    model = document["components"]["schemas"].get(reference.rpartition("/")[2], {})
    return next(iter(model.get("examples", [])), None)


@pytest.mark.parametrize(("service", "route"), CLOSED_ROUTES, ids=[route.key for _, route in CLOSED_ROUTES])
def test_a_route_answers_nobody_without_a_token(service: str, route: Route, fakes: Fakes) -> None:
    """Behind the gateway, which checks tokens first: a route that was opened by mistake answers nobody either."""
    kinds = [each for each in vars(importlib.import_module(f"{service}.settings")).values() if isinstance(each, type)]
    (settings,) = [each for each in kinds if issubclass(each, Settings) and each is not Settings]
    bootstrap = importlib.import_module(f"{service}.bootstrap").bootstrap
    entry_points = importlib.import_module(f"{service}.handler").ENTRY_POINTS
    entry = entry_points.build("http", fakes.under(bootstrap(settings(**SETTINGS), fakes.aws)))
    path = route.path.replace("{", "").replace("}", "")
    assert call(entry, route.method, path, body=body_of(route)).status == 401
    assert fakes.store.locks == []
