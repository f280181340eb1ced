"""The routes of the HTTP API as the manifests declare them, and what the OpenAPI document says about their requests."""

import json
import re
from collections.abc import Mapping
from typing import Any

from manifests import Route, RouteAuth, load_manifests
from manifests.model import Method
from registry.openapi import TARGET
from workspace import REPOSITORY

_PARAMETER = re.compile(r"\{[^}]+\}")


def routes_with_token() -> list[Route]:
    """Every route at the gateway that asks for a token, sorted; without those that no document shows for a slash."""
    functions = load_manifests(REPOSITORY).functions
    routes = [route for ref in functions for route in ref.function.gateway_routes if not route.is_greedy]
    routes = [route for route in routes if route.auth is RouteAuth.JWT]
    return sorted(routes, key=lambda route: (route.path, route.method))


def named_by(route: Route) -> list[str]:
    """What each parameter of the path names: the path up to it, as `/items/{id}` in `/items/{id}/events`."""
    return [route.path[: found.end()] for found in _PARAMETER.finditer(route.path)]


def path_of(route: Route, ids: Mapping[str, str]) -> str:
    """The route's path with these ids, by what they name.

    Raises:
        KeyError: there is none for a parameter.
    """
    path = route.path
    for resource in reversed(named_by(route)):
        parameter = _PARAMETER.findall(resource)[-1]
        path = ids[resource].join(path.rsplit(parameter, 1))
    return path


def needs_declaration(route: Route) -> bool:
    """Whether a valid request has more than its path: a body, or a parameter of the query."""
    operation = _operation(route)
    required = [entry for entry in operation.get("parameters", []) if entry["in"] != "path" and entry.get("required")]
    return bool(required) or bool(operation.get("requestBody", {}).get("required"))


def example_body(route: Route) -> dict[str, Any] | None:
    """A body of the examples of the fields that it must have; None where the route takes no JSON, or may do without."""
    content = _operation(route).get("requestBody", {}).get("content", {}).get("application/json", {"schema": {}})
    model = _document()["components"]["schemas"].get(content["schema"].get("$ref", "").rpartition("/")[2])
    return {name: model["properties"][name]["examples"][0] for name in model.get("required", [])} if model else None


def does_nothing_yet(route: Route) -> bool:
    """Whether the route is documented to answer 501: it was scaffolded, and its handler refuses every request."""
    return "501" in _operation(route)["responses"]


def query_choices(route: Route) -> list[dict[str, str]]:
    """Of a route that reads: every value of every parameter of the query that has a closed set of them."""
    if route.method not in (Method.GET, Method.HEAD):
        return []
    return [
        {entry["name"]: str(value)}
        for entry in _operation(route).get("parameters", [])
        if entry["in"] == "query"
        for value in _values(entry["schema"])
    ]


def _values(schema: Mapping[str, Any]) -> list[object]:
    if "$ref" in schema:
        schema = _document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    found = [value for option in schema.get("anyOf", []) for value in _values(option)]
    return [*schema.get("enum", []), *found]


def _operation(route: Route) -> dict[str, Any]:
    # HEAD is documented with GET.
    method = Method.GET if route.method is Method.HEAD else route.method
    operation: dict[str, Any] = _document()["paths"][route.path][method.lower()]
    return operation


def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads((REPOSITORY / TARGET).read_text(encoding="utf-8"))
    return document
