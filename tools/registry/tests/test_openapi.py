"""The merged OpenAPI document."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from manifests import Route, load_manifests
from registry.openapi import TARGET, OpenapiError, Part, merge

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
    assert set(document["components"]["schemas"]) == {"Problem", "Thing", "Piece", "BThing", "BPiece"}


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
    assert [parameter["name"] for parameter in thing["parameters"]] == ["id"]
    assert thing["security"] == [{"bearer": []}]
    assert list(thing["responses"]) == ["200", "default"]
    assert document["paths"]["/open"]["get"]["security"] == []
    assert list(document["components"]["schemas"]) == ["Problem"]


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
