"""The merged OpenAPI document."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openapi_spec_validator
import pytest
from jsonschema import Draft202012Validator

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


def fields(schema: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The properties in a schema, and in those inside it, by their places."""
    for value in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from fields(value, place)
    if isinstance(schema, dict) and isinstance(schema.get("properties"), dict):
        for name, field in schema["properties"].items():
            yield f"{place}.{name}", field


def parameters(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parameters of all operations, as fields."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            for entry in operation.get("parameters", []):
                shown = {"examples": [entry["example"]]} if "example" in entry else {}
                described = {"description": entry.get("description")}
                yield f"{method} {path} {entry['name']}", {**described, **shown, **entry["schema"]}


def options(field: dict[str, Any]) -> list[dict[str, Any]]:
    """The ways in which a field may be given, null apart; limits may stand beside them."""
    ways = [way for way in field.get("anyOf", [field]) if way.get("type") != "null"]
    beside = {name: value for name, value in field.items() if name != "anyOf"}
    return [beside | way for way in ways]


def test_every_field_is_described_and_shown() -> None:
    """Objects and lists are shown by what is in them, except those that are given as a parameter."""
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    found = list(fields(document["paths"], "paths"))
    for name, model in document["components"]["schemas"].items():
        found += fields(model, name)
    given = list(parameters(document))
    found += given
    for name, header in document["components"]["headers"].items():
        found.append((name, {"description": header["description"], **header["schema"]}))
    assert len(found) > 200
    shows = ("examples", "enum", "const", "default", "$ref")
    for place, field in found:
        assert field.get("description"), f"{place} has no description"
        is_composed = any(way.get("type") in ("array", "object") for way in options(field))
        if field.get("format") != "binary" and (not is_composed or (place, field) in given):
            assert any(way.get(key) is not None for way in options(field) for key in shows), f"{place} has no example"


def test_examples_are_valid() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    checked = 0
    models = document["components"]["schemas"].items()
    for place, field in [*(found for name, model in models for found in fields(model, name)), *parameters(document)]:
        validator = Draft202012Validator(
            {**field, "components": document["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        for example in field.get("examples", []):
            checked += 1
            assert validator.is_valid(example), f"{place}: {example}"
    assert checked > 80


def test_what_may_be_sent_has_limits() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    models = document["components"]["schemas"]
    sent: dict[str, dict[str, Any]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            sent |= {
                f"{method} {path} {entry['name']}": entry["schema"]
                for entry in operation.get("parameters", [])
                if entry["in"] == "query"
            }
            for content in operation.get("requestBody", {}).get("content", {}).values():
                for way in options(content["schema"]):
                    model = models[way["$ref"].rpartition("/")[2]] if "$ref" in way else way
                    sent |= dict(fields(model, f"{method} {path}"))
    assert len(sent) > 20
    limits = {
        "string": ({"maxLength"}, {"pattern"}, {"enum"}, {"const"}, {"format"}),
        "integer": ({"minimum", "maximum"}, {"exclusiveMinimum"}),
        "number": ({"minimum", "maximum"},),
        "array": ({"maxItems"},),
    }
    for place, field in sent.items():
        for way in options(field):
            bounded = any(limit <= way.keys() for limit in limits.get(way.get("type", ""), [set()]))
            assert bounded or place == "post /search.min_relevance_score", f"{place} has no limit: {way}"


def test_what_only_the_gateway_answers_is_marked() -> None:
    document = json.loads((ROOT / TARGET).read_text(encoding="utf-8"))
    responses = document["components"]["responses"]
    marked = {name for name, response in responses.items() if response.get("x-answered-by") == "gateway"}
    assert marked == {"Forbidden", "TooManyRequests"}
    for name, response in responses.items():
        is_services = "X-Correlation-Id" in response.get("headers", {})
        assert is_services == (name not in marked), "what a service answers has the correlation id"


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
    refused = {"400", "401", "403", "409", "410", "413", "415", "422", "429"}
    assert set(responses) == {"200", *refused, "500", "503", "default"}
    assert "Retry-After" in responses["409"]["headers"]
    assert responses["422"]["description"] == "Unknown", "the route's own meaning goes before the common one"
    assert responses["415"] == {"$ref": "#/components/responses/UnsupportedMediaType"}
    assert "Retry-After" in document["components"]["responses"]["Unavailable"]["headers"]


def test_an_answer_that_the_document_does_not_declare_fails_the_test_that_gets_it() -> None:
    problem = json.dumps({"type": "t", "title": "t", "status": 404, "detail": "d"})
    identified = {"x-correlation-id": "12345678"}
    typed = {"Content-Type": "application/problem+json", **identified}
    documented.check("GET", "/items/x", 404, typed, problem)
    documented.check("HEAD", "/items/x", 404, typed, "")
    documented.check("GET", "/nothing/documented", 418, {}, "")
    for method, status, headers, text, reason in [
        ("GET", 418, typed, problem, "declares 200"),
        ("GET", 404, {"Content-Type": "text/html", **identified}, problem, "text/html is not among"),
        ("GET", 404, {"Content-Type": "application/problem+json"}, problem, "X-Correlation-Id"),
        ("GET", 200, {"Content-Type": "application/json", **identified}, "{}", "ETag"),
        ("GET", 404, typed, "{}", "'type' is a required property"),
        ("GET", 503, typed, problem, "Retry-After"),
        ("HEAD", 404, typed, problem, "with a body"),
    ]:
        with pytest.raises(AssertionError, match=reason):
            documented.check(method, "/items/x", status, headers, text)


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
    assert list(thing["responses"]) == ["200", "304", "401", "403", "410", "422", "429", "500", "503", "default"]
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
