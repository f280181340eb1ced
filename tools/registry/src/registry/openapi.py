"""One OpenAPI document for all services, merged from the documents of the services' resolvers.

`python -m registry.openapi` writes it to where the ingest service serves it from; `--check` only compares (exit code 1:
it is out of date); `--allow-missing` skips services whose HTTP function cannot be imported yet.

The manifests are authoritative on routes: a route that only the code or only a manifest has is an error; names of path
parameters and authorization come from the manifest.

OpenapiError: the services' documents do not fit the manifests, or each other
"""

import argparse
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests import FunctionRef, Manifests, Route, RouteAuth, Service, load_manifests
from registry.errors import RegistryError

Json = dict[str, Any]

TARGET = Path("services/ingest/src/ingest/openapi.json")
_SCHEMAS = "#/components/schemas/"
_RESPONSES = "#/components/responses/"
_PARAMETER = re.compile(r"\{([^}]+)\}")
# The resolver's error responses are not ours: see `_PROBLEM`.
_RESOLVER_FAULT = "422"
_PROBLEM: Json = {
    "title": "Problem",
    "description": "Problem details (RFC 9457); `type` ends with a stable code.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {
            "type": "string",
            "format": "uri",
            "description": "What is wrong, for programs.",
            "examples": ["urn:collections:problem:not-found"],
        },
        "title": {"type": "string", "description": "The status in words.", "examples": ["Not Found"]},
        "status": {
            "type": "integer",
            "minimum": 400,
            "maximum": 599,
            "description": "The status again.",
            "examples": [404],
        },
        "detail": {"type": "string", "description": "What is wrong, for people.", "examples": ["item 7 not found"]},
    },
    "additionalProperties": True,
}
_DESCRIPTION = """Keep pictures, find them, talk about them.

Routes with `bearer` security want the access token of a signed-in user and show that user's data alone; what is
another user's is answered like what does not exist, with 404. Errors are problem details (RFC 9457): decide by the
end of `type`, which is stable, and show `detail`. After 409, 429 and 503 try again, not before `Retry-After` where
there is one. Fields of a request that are not described are ignored; answers may have more fields than described.
Times are ISO 8601 in UTC. A request's `X-Correlation-Id` (8 to 64 of `A-Z a-z 0-9 . _ -`) is kept in everything that
follows, and is in the answer; without one it is made.

Where there is GET there is HEAD, which answers the same without the body. Bodies may be sent with `Content-Encoding:
gzip`, up to 6 MB when they are decompressed; longer answers are compressed for those who ask with `Accept-Encoding`.

The gateway in front answers `{"message": …}` as `application/json` itself: 401 and 403 without a valid token, 404 for
a path or method that is not here, 413, 429, 500 and 503. Those have no `X-Correlation-Id`, and in AWS CORS headers only
where the environment has a distribution: to a page in a browser they look like a network that is down without one.
Responses that the gateway alone gives are marked `x-answered-by: gateway`.
"""
_MESSAGE: Json = {
    "title": "Message",
    "description": "What the gateway answers itself, before or instead of a service.",
    "type": "object",
    "required": ["message"],
    "properties": {
        "message": {"type": "string", "description": "What is wrong, for people.", "examples": ["Unauthorized"]}
    },
    "additionalProperties": True,
}
_BY_SERVICE: Json = {"application/problem+json": {"schema": {"$ref": f"{_SCHEMAS}Problem"}}}
_BY_GATEWAY: Json = {"application/json": {"schema": {"$ref": f"{_SCHEMAS}Message"}}}
_CORRELATION_ID = "X-Correlation-Id"
#: Headers of answers, by name. Where one is `required`, every such answer has it.
_HEADERS: Mapping[str, Json] = {
    _CORRELATION_ID: {
        "description": "By which all that the request causes can be found.",
        "required": True,
        "schema": {"type": "string", "minLength": 8, "maxLength": 64, "examples": ["0d8f0a3f-7e21"]},
    },
    "Retry-After": {
        "description": "Seconds after which to try again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0, "examples": [5]},
    },
    "ETag": {
        "description": "Tag of exactly this answer.",
        "required": True,
        "schema": {"type": "string", "examples": ['"9f86d081884c7d659a2feaa0c55ad015"']},
    },
    "WWW-Authenticate": {
        "description": "How to authenticate.",
        "required": True,
        "schema": {"type": "string", "examples": ["Bearer"]},
    },
    "Accept-Encoding": {
        "description": "The codings that are taken, where it is the body's coding that is not.",
        "schema": {"type": "string", "examples": ["gzip, identity"]},
    },
}


def _headers(*names: str) -> Json:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


_RETRY_AFTER = _headers("Retry-After")
_ETAG = _headers("ETag")
_IF_NONE_MATCH: Json = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "description": "Tags of answers that the caller has; 304 where one of them is still right.",
    "schema": {"type": "string", "examples": ['"9f86d081884c7d659a2feaa0c55ad015"']},
}
#: Who is forgotten may send it again: the first may not have reached the user pool.
_OPEN_TO_FORGOTTEN = ("DELETE", "/me")
#: What routes answer beside what they declare: name -> status, and the response.
_COMMON: Mapping[str, tuple[str, Json]] = {
    "NotModified": ("304", {"description": "What the caller has is still right", "headers": _ETAG}),
    "BadRequest": ("400", {"description": "The request cannot be read", "content": _BY_SERVICE}),
    "Unauthorized": (
        "401",
        {
            "description": "No valid token; mostly answered by the gateway",
            "headers": _headers("WWW-Authenticate"),
            "content": _BY_GATEWAY | _BY_SERVICE,
        },
    ),
    "Forbidden": ("403", {"description": "The token may not do this", "content": _BY_GATEWAY}),
    "Conflict": (
        "409",
        {
            "description": "The first request with this Idempotency-Key is still under way",
            "headers": _RETRY_AFTER,
            "content": _BY_SERVICE,
        },
    ),
    "Gone": (
        "410",
        {"description": "The account is deleted, or what this Idempotency-Key made", "content": _BY_SERVICE},
    ),
    "TooLarge": ("413", {"description": "The body is too large", "content": _BY_GATEWAY | _BY_SERVICE}),
    "UnsupportedMediaType": (
        "415",
        {
            "description": "The body is of another media type, or compressed in another way",
            "headers": _headers("Accept-Encoding"),
            "content": _BY_SERVICE,
        },
    ),
    "InvalidRequest": (
        "422",
        {
            "description": "A parameter or the body is not as described; `errors` names the places",
            "content": _BY_SERVICE,
        },
    ),
    "TooManyRequests": ("429", {"description": "Slow down", "content": _BY_GATEWAY}),
    "Fault": ("500", {"description": "A defect; it has been logged", "content": _BY_GATEWAY | _BY_SERVICE}),
    "Unavailable": (
        "503",
        {
            "description": "A dependency, or the service itself, does not answer; try again",
            "headers": _RETRY_AFTER,
            "content": _BY_GATEWAY | _BY_SERVICE,
        },
    ),
}
#: What any other status is.
_FAULT: Json = {"description": "A problem", "content": _BY_SERVICE | _BY_GATEWAY}
#: Descriptions, examples and limits of parameters in paths.
_PATH_PARAMETERS: Mapping[str, Json] = {
    "id": {
        "description": "The id that an earlier answer gave.",
        "example": "0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10",
        "schema": {"format": "uuid"},
    },
    "session_id": {
        "description": "The client's own id of the conversation.",
        "example": "6f1d2c1e-4a54-4d5b-8c1c-0d8f0a3f7e21",
        "schema": {"minLength": 1, "maxLength": 128},
    },
    "filename": {
        "description": "`filename` of an item.",
        "example": "0b8f5f3c-7a55-4a53-9d57-9f4f3a1d3f10.png",
    },
    "asset": {"description": "A name in the page.", "example": "swagger-ui.css"},
}


#: What fields of the contracts' models mean: their own published schemas stay as they are.
_FIELDS: Mapping[str, Mapping[str, Json]] = {
    "ChatMessage": {
        "role": {"description": "Who says it."},
        "content": {"description": "What is said.", "examples": ["You saved two ramen places."]},
        "timestamp": {"description": "When.", "examples": ["2026-11-30T09:15:00Z"]},
        "search_results": {"description": "What the turn's searches found, as in an answer of `POST /chat`."},
        "tools_used": {"description": "Each call of a tool in the turn."},
    },
    "Description": {
        "category": {"description": "The kind of picture, in a word or two.", "examples": ["Food"]},
        "subcategories": {"description": "Two or three kinds within it."},
        "headline": {"description": "At most 140 characters.", "examples": ["Ramen with an egg"]},
        "summary": {"description": "Two or three sentences.", "examples": ["A bowl of ramen with an egg."]},
        "media_metadata": {"description": "Who posted it, and what it is tagged with."},
        "image_details": {"description": "What is seen and read in it."},
    },
    "MediaMetadata": {
        "original_poster": {"description": "The account that posted it.", "examples": ["@noodles"]},
        "tagged_accounts": {"description": "Accounts that it names."},
        "location_tags": {"description": "Places that it names."},
        "audio_source": {"description": "The sound that it names.", "examples": ["City lights"]},
        "hashtags": {"description": "With their #."},
    },
    "ImageDetails": {
        "extracted_text": {"description": "Text in the picture."},
        "objects": {"description": "Things in it."},
        "themes": {"description": "What it is about."},
        "emotions": {"description": "What it shows or stirs."},
        "vibes": {"description": "Its mood."},
        "visual_hierarchy": {"description": "What catches the eye, the first first."},
        "key_interest": {"description": "Why somebody keeps it.", "examples": ["A place to eat"]},
        "likely_source": {"description": "Where it comes from.", "examples": ["Instagram"]},
    },
}


class OpenapiError(RegistryError):
    """The services' documents do not fit the manifests, or each other."""


@dataclass(frozen=True, slots=True)
class Part:
    """One service's document, and the routes in its manifest."""

    service: str
    summary: str
    routes: tuple[Route, ...]
    document: Json


def build_openapi(root: Path, *, allow_missing: bool = False) -> Json:
    """The document of all services below that root.

    Imports the services, each with an environment in which it starts; best run in a separate process.

    Raises:
        OpenapiError: a service cannot be imported (unless `allow_missing`), or its routes are not its manifest's.
        manifests.ManifestsInvalidError: the manifests are wrong.
    """
    manifests = load_manifests(root)
    parts = [
        Part(ref.service.service, ref.service.summary, ref.function.routes, document)
        for ref in _http_functions(manifests)
        if (document := _document_of(ref, allow_missing)) is not None
    ]
    return merge(parts)


def merge(parts: Sequence[Part]) -> Json:
    """The parts as one document, the same for the same parts.

    A model keeps its name where all services that use the name mean the same; where they differ, the later service's is
    prefixed with the service.

    Raises:
        OpenapiError: routes of a part are not its manifest's, or two operations have one id.
    """
    paths: dict[str, Json] = {}
    schemas: Json = {"Problem": _PROBLEM, "Message": _MESSAGE}
    for part in sorted(parts, key=lambda part: part.service):
        document = _renamed(part, schemas)
        for path, method, operation in _operations(part, document):
            paths.setdefault(path, {})[method] = operation
        schemas |= document.get("components", {}).get("schemas", {})
    _check_operation_ids(paths)
    responses = {name: _finished_response(status, response) for name, (status, response) in _COMMON.items()}
    responses["Default"] = _finished_response("default", _FAULT)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Collections", "version": "1", "description": _DESCRIPTION},
        # Relative to this document: the API may live below a path of its host.
        "servers": [{"url": "./"}],
        "tags": [
            {"name": part.service, "description": part.summary} for part in sorted(parts, key=lambda part: part.service)
        ],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": _annotated(_used(schemas, {**paths, "": responses})),
            "responses": responses,
            "headers": _HEADERS,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _http_functions(manifests: Manifests) -> Iterator[FunctionRef]:
    return (ref for ref in manifests.functions if ref.function.routes)


def _document_of(ref: FunctionRef, allow_missing: bool) -> Json | None:
    module_name, _, attribute = ref.function.handler.rpartition(".")
    with _environment(ref.service, ref.function.configuration):
        try:
            entry = getattr(importlib.import_module(module_name), attribute)
        except (ImportError, AttributeError, ValueError) as error:  # ValueError: settings that it does not start with
            if allow_missing:
                return None
            raise OpenapiError(f"{ref.function.handler} cannot be imported: {error}") from error
    # The entry point wraps the resolver, in an attribute of any name.
    resolvers = [value for value in vars(entry).values() if hasattr(value, "get_openapi_json_schema")]
    if len(resolvers) != 1:
        raise OpenapiError(f"{ref.function.handler} has {len(resolvers)} resolvers, not one")
    document: Json = json.loads(resolvers[0].get_openapi_json_schema())
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            operation["description"] = _described(resolvers[0], method, path)
    return document


def _described(resolver: Any, method: str, path: str) -> str:  # noqa: ANN401  # of powertools, not imported here
    """What the route's function says of itself."""
    routes = resolver._static_routes + resolver._dynamic_routes
    (route,) = (r for r in routes if (r.method.lower(), r.openapi_path) == (method, path))
    return inspect.getdoc(route.func) or route.summary or ""


@contextmanager
def _environment(service: Service, configuration: Mapping[str, str]) -> Iterator[None]:
    """Enough environment for a service's modules to be imported."""
    before = dict(os.environ)
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    os.environ |= {"SERVICE": service.service, "FUNCTION": "http", **configuration}
    os.environ |= {f"TABLE_{name.upper().replace('-', '_')}": name for name in service.tables}
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _renamed(part: Part, taken: Mapping[str, Json]) -> Json:
    """The part's document, with models renamed whose names are taken by different models."""
    schemas: Json = part.document.get("components", {}).get("schemas", {})
    names: dict[str, str] = {}
    while True:
        # A renamed model changes those that refer to it, so that they may have to be renamed too.
        clashing = [
            name
            for name, schema in schemas.items()
            if name not in names and name in taken and _with_references(schema, names) != taken[name]
        ]
        if not clashing:
            break
        names |= {name: f"{part.service.capitalize()}{name}" for name in clashing}
    document: Json = _with_references(part.document, names)
    if schemas:
        document["components"]["schemas"] = {
            names.get(name, name): _with_references(schema, names) for name, schema in schemas.items()
        }
    return document


def _with_references(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401  # any JSON
    if isinstance(value, dict):
        return {key: _with_references(entry, names) for key, entry in value.items()}
    if isinstance(value, list):
        return [_with_references(entry, names) for entry in value]
    if isinstance(value, str) and value.startswith(_SCHEMAS):
        name = value.removeprefix(_SCHEMAS)
        return f"{_SCHEMAS}{names.get(name, name)}"
    return value


def _operations(part: Part, document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation of every route, as the manifest writes the path."""
    routes = {(route.method.value.lower(), _shape(route.path)): route for route in part.routes if not route.is_greedy}
    documented = {
        (method, _shape(path)): (path, operation)
        for path, operations in document.get("paths", {}).items()
        for method, operation in operations.items()
    }
    if differing := sorted(routes.keys() ^ documented.keys()):
        only = [f"{key[0].upper()} {key[1]} ({'manifest' if key in routes else 'code'})" for key in differing]
        raise OpenapiError(f"{part.service}: known on one side only: {', '.join(only)}")
    for key, route in routes.items():
        path, operation = documented[key]
        names = dict(zip(_PARAMETER.findall(path), _PARAMETER.findall(route.path), strict=True))
        yield route.path, key[0], _finished(part.service, route, operation, names)


def _finished(service: str, route: Route, operation: Json, names: Mapping[str, str]) -> Json:
    parameters = [_parameter(parameter, names) for parameter in operation.get("parameters", [])]
    responses = {
        status: _finished_response(status, response)
        for status, response in operation["responses"].items()
        if status != _RESOLVER_FAULT or response.get("content") == _BY_SERVICE
    }
    if route.method.value == "GET" and "Cache-Control" not in responses["200"].get("headers", {}):
        responses["200"] = {**responses["200"], "headers": _ETAG | responses["200"].get("headers", {})}
        responses["304"] = {"$ref": f"{_RESPONSES}NotModified"}
        parameters.append(_IF_NONE_MATCH)
    for name in _common(route, operation):
        # A route's own meaning of a status goes before the common one.
        responses.setdefault(_COMMON[name][0], {"$ref": f"{_RESPONSES}{name}"})
    return {
        **operation,
        **({"parameters": parameters} if parameters else {}),
        "tags": [service],
        "security": [] if route.auth is RouteAuth.NONE else [{"bearer": []}],
        "responses": dict(sorted(responses.items())) | {"default": {"$ref": f"{_RESPONSES}Default"}},
    }


def _common(route: Route, operation: Json) -> Iterator[str]:
    """Names of what routes of its kind answer."""
    # Of every route: text that no store can hold may stand in any path and any query.
    yield from ("Fault", "InvalidRequest", "TooManyRequests", "Unavailable")
    if route.auth is not RouteAuth.NONE:
        yield from ("Unauthorized", "Forbidden")
        if (route.method, route.path) != _OPEN_TO_FORGOTTEN:
            yield "Gone"
    if any(parameter["name"].lower() == "idempotency-key" for parameter in operation.get("parameters", [])):
        yield "Conflict"
    if operation.get("requestBody"):
        yield from ("BadRequest", "TooLarge", "UnsupportedMediaType")


def _finished_response(status: str, response: Json) -> Json:
    """The response with the headers that its status always has, and who gives it."""
    content = response.get("content")
    if content == _BY_GATEWAY:
        return {**response, "x-answered-by": "gateway"}
    by_gateway_too = content == _BY_GATEWAY | _BY_SERVICE
    correlation = {**_HEADERS[_CORRELATION_ID], "required": False}
    always = {_CORRELATION_ID: correlation} if by_gateway_too else _headers(_CORRELATION_ID)
    if status in {"409", "503"}:
        always |= _RETRY_AFTER
    # A header that a route declares is in every such answer of its.
    declared = response.get("headers", {}).items()
    own = {name: header if "$ref" in header else {"required": True, **header} for name, header in declared}
    return {**response, "headers": always | own}


def _parameter(parameter: Json, names: Mapping[str, str]) -> Json:
    """The parameter; one of the path under the manifest's name."""
    if parameter["in"] != "path":
        return parameter
    name = names[parameter["name"]]
    known = _PATH_PARAMETERS.get(name, {})
    return {
        **parameter,
        **known,
        "name": name,
        "schema": parameter["schema"] | known.get("schema", {}) | {"title": name},
    }


def _shape(path: str) -> str:
    return _PARAMETER.sub("{}", path)


def _check_operation_ids(paths: Mapping[str, Json]) -> None:
    ids = [operation["operationId"] for operations in paths.values() for operation in operations.values()]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise OpenapiError(f"operation ids are not unique: {', '.join(repeated)}")


def _used(schemas: Mapping[str, Json], paths: Json) -> Json:
    """The models that some route refers to, directly or indirectly, by name."""
    used: set[str] = set()
    open_values: list[Any] = [paths]
    while open_values:
        for name in set(re.findall(rf'"{_SCHEMAS}([^"]+)"', json.dumps(open_values.pop()))) - used:
            used.add(name)
            open_values.append(schemas[name])
    return {name: schemas[name] for name in sorted(used)}


def _annotated(schemas: Json) -> Json:
    """The models, with what is known of the fields of some."""
    for name in schemas.keys() & _FIELDS.keys():
        fields = schemas[name]["properties"]
        known = {field: fields[field] | more for field, more in _FIELDS[name].items() if field in fields}
        schemas[name] = {**schemas[name], "properties": fields | known}
    return schemas


def as_text(document: Json) -> str:
    """The document in its committed form."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m registry.openapi", description="One OpenAPI document of all services."
    )
    parser.add_argument("--root", type=Path, default=Path.cwd(), help="the repository")
    parser.add_argument("--check", action="store_true", help="compare with the committed document, write nothing")
    parser.add_argument("--allow-missing", action="store_true", help="pass over services that cannot be imported")
    options = parser.parse_args(arguments)
    target = options.root / TARGET
    try:
        text = as_text(build_openapi(options.root, allow_missing=options.allow_missing))
    except OpenapiError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return 0
    if options.check:
        sys.stderr.write(f"{TARGET} is out of date: run python -m registry.openapi\n")
        return 1
    target.write_text(text, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
