"""The merged OpenAPI document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest

from manifests import Route, load_manifests
from registry.openapi import TARGET, OpenapiError, Part, merge
from testkit import documented

PROBLEMS = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ROOT = Path(__file__).parents[3]


def operation(name: str, returns: str | None = None, *path_parameters: str) -> dict[str, Any]:
    """An operation as the resolver writes it."""
    schema = {"$ref": f"#/components/schemas/{returns}"} if returns else {}
    return {
        "operationId": name,
        "parameters": [{"name": p, "in": "path", "required": True, "schema": {"title": p}} for p in path_parameters],
        "responses": {
            "422": {"description": "Validation Error"},
            "200": {"description": "ok", "content": {"application/json": {"schema": schema}}},
        },
    }


def part(service: str, paths: dict[str, Any], schemas: dict[str, Any], *routes: dict[str, str]) -> Part:
    given = tuple(Route.model_validate(route) for route in routes)
    return Part(service, f"{service}.", given, {"paths": paths, "components": {"schemas": schemas}})


def one_route(service: str, path: str, schemas: dict[str, Any]) -> Part:
    """A service with GET on the path, which returns its model Thing."""
    return part(
        service, {path: {"get": operation(f"{service}_get", "Thing")}}, schemas, {"method": "GET", "path": path}
    )


def answer_of(document: dict[str, Any], path: str) -> str:
    reference: str = document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]["$ref"]
    return reference.removeprefix("#/components/schemas/")


def test_the_committed_document_is_that_of_the_services() -> None:
    # A process of its own: the services read their environment when they are imported.
    checked = subprocess.run(
        [sys.executable, "-m", "registry.openapi", "--check", "--root", str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def test_the_committed_document_has_no_dangling_reference() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    text = json.dumps(document)
    names = set(document["components"]["schemas"])
    assert names
    for name in text.split('"#/components/schemas/')[1:]:
        assert name.split('"')[0] in names


def test_the_committed_document_is_valid_openapi() -> None:
    openapi_spec_validator.validate(json.loads((ROOT / TARGET).read_text(encoding="utf-8")))


def test_every_operation_and_path_parameter_is_described() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for parameter in operation.get("parameters", []):
                assert parameter["in"] != "path" or parameter["description"], (method, path, parameter["name"])


def test_pages_may_read_every_header_that_answers_have() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    responses = [response for operation in operations for response in operation["responses"].values()]
    responses += document["components"]["responses"].values()
    sent = {name.lower() for response in responses for name in response.get("headers", {})}
    assert {"retry-after", "location"} <= sent
    assert sent - set(load_manifests(ROOT).platform.api.cors_exposed_headers) == set(), (
        "add them in services/platform.yaml"
    )


def test_routes_declare_what_routes_of_their_kind_answer() -> None:
    asks = operation("asks") | {"requestBody": {"content": {}}}
    asks["responses"]["409"] = {"description": "Busy", "content": {}}
    asks["responses"]["422"] = {"description": "Unknown", "content": PROBLEMS}
    document = merge([part("a", {"/a": {"post": asks}}, {}, {"method": "POST", "path": "/a"})])
    responses = document["paths"]["/a"]["post"]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "409", "413", "415", "422", "429", "500", "503", "default"}
    assert "Retry-After" in responses["409"]["headers"]
    assert responses["422"]["description"] == "Unknown", "the route's own meaning goes before the common one"
    assert responses["415"] == {"$ref": "#/components/responses/UnsupportedMediaType"}
    assert "Retry-After" in document["components"]["responses"]["Unavailable"]["headers"]


def test_an_answer_that_the_document_does_not_declare_fails_the_test_that_gets_it() -> None:
    problem = json.dumps({"type": "t", "title": "t", "status": 404, "detail": "d"})
    typed = {"Content-Type": "application/problem+json"}
    documented.check("GET", "/items/x", 404, typed, problem)
    documented.check("GET", "/nothing/documented", 418, {}, "")
    for status, headers, text, reason in [
        (418, typed, problem, "declares 200"),
        (404, {"Content-Type": "text/html"}, problem, "text/html is not among"),
        (200, {"Content-Type": "application/json"}, "{}", "ETag"),
        (404, typed, "{}", "'type' is a required property"),
        (503, typed, problem, "Retry-After"),
    ]:
        with pytest.raises(AssertionError, match=reason):
            documented.check("GET", "/items/x", status, headers, text)


def test_pages_may_send_every_header_that_routes_take() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    parameters = [entry for operation in operations for entry in operation.get("parameters", [])]
    taken = {entry["name"].lower() for entry in parameters if entry["in"] == "header"}
    assert taken
    assert taken - set(load_manifests(ROOT).platform.api.cors_headers) == set(), "add them in services/platform.yaml"


def test_one_meaning_keeps_its_name_and_another_gets_a_new_one() -> None:
    same, other = {"Thing": {"type": "string"}}, {"Thing": {"type": "integer"}}
    document = merge([one_route("c", "/c", other), one_route("a", "/a", same), one_route("b", "/b", same)])
    assert [answer_of(document, path) for path in ("/a", "/b", "/c")] == ["Thing", "Thing", "CThing"]
    assert document["components"]["schemas"]["Thing"] == {"type": "string"}
    assert document["components"]["schemas"]["CThing"] == {"type": "integer"}


def test_what_refers_to_a_renamed_model_is_another_model_too() -> None:
    def schemas(kind: str) -> dict[str, Any]:
        return {"Thing": {"items": {"$ref": "#/components/schemas/Piece"}}, "Piece": {"type": kind}}

    document = merge([one_route("a", "/a", schemas("string")), one_route("b", "/b", schemas("integer"))])
    assert answer_of(document, "/b") == "BThing"
    assert document["components"]["schemas"]["BThing"] == {"items": {"$ref": "#/components/schemas/BPiece"}}
    assert set(document["components"]["schemas"]) == {"Message", "Problem", "Thing", "Piece", "BThing", "BPiece"}


def test_paths_and_authorization_come_from_the_manifest() -> None:
    document = merge(
        [
            part(
                "a",
                {
                    "/things/{thing_id}": {"get": operation("get", None, "thing_id")},
                    "/open": {"get": operation("open")},
                },
                {"Unused": {}},
                {"method": "GET", "path": "/things/{id}"},
                {"method": "GET", "path": "/open", "auth": "none"},
            )
        ]
    )
    assert list(document["paths"]) == ["/open", "/things/{id}"]
    thing = document["paths"]["/things/{id}"]["get"]
    assert [parameter["name"] for parameter in thing["parameters"]] == ["id", "If-None-Match"]
    assert thing["security"] == [{"bearer": []}]
    assert list(thing["responses"]) == ["200", "304", "401", "403", "422", "429", "500", "503", "default"]
    assert list(document["paths"]["/open"]["get"]["responses"]) == ["200", "304", "422", "429", "500", "503", "default"]
    assert document["paths"]["/open"]["get"]["security"] == []
    assert list(document["components"]["schemas"]) == ["Message", "Problem"]


@pytest.mark.parametrize(
    ("paths", "routes", "printed"),
    [
        ({"/a": {"get": operation("a")}}, [], r"GET /a \(code\)"),
        ({}, [{"method": "GET", "path": "/a"}], r"GET /a \(manifest\)"),
        ({"/a": {"post": operation("a")}}, [{"method": "GET", "path": "/a"}], r"POST /a \(code\)"),
    ],
)
def test_a_route_known_on_one_side_only_is_an_error(
    paths: dict[str, Any], routes: list[dict[str, str]], printed: str
) -> None:
    with pytest.raises(OpenapiError, match=printed):
        merge([part("a", paths, {}, *routes)])


def test_operation_ids_are_unique() -> None:
    twice = {"/a": {"get": operation("same")}, "/b": {"get": operation("same")}}
    with pytest.raises(OpenapiError, match="same"):
        merge([part("a", twice, {}, {"method": "GET", "path": "/a"}, {"method": "GET", "path": "/b"})])
