"""Answers that tests get are those that the OpenAPI document declares: status, media type, headers and shape."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from workspace import REPOSITORY

#: What was answered: operation as `GET /items/{id}`, and status. `contract_tests.emissions` collects it.
seen: set[tuple[str, str]] = set()

DOCUMENT = REPOSITORY / "services/ingest/src/ingest/openapi.json"


def check(method: str, path: str, status: int, headers: Mapping[str, str], text: str) -> None:
    """Compare an answer with the document; a route that it does not have is a test's own.

    Raises:
        AssertionError: the answer is not one of those that the document declares.
    """
    route = _route(method, path)
    if route is None:
        return
    seen.add((f"{method} {route}", str(status)))
    place = f"{method} {route} -> {status}"
    responses = _operation(method, route)["responses"]
    assert str(status) in responses, f"{place}: the OpenAPI document declares {', '.join(responses)}"
    response = _resolved(responses[str(status)])
    given = {name.lower(): value for name, value in headers.items()}
    declared = {name: _resolved(header) for name, header in response.get("headers", {}).items()}
    missing = [name for name, header in declared.items() if header.get("required") and name.lower() not in given]
    assert not missing, f"{place}: without the declared headers {missing}"
    if method == "HEAD":
        assert text == "", f"{place}: with a body"
    if not text:
        return
    media_type = given.get("content-type", "").partition(";")[0]
    assert media_type in response["content"], f"{place}: {media_type} is not among {list(response['content'])}"
    if media_type.endswith("json"):
        error = next(_validator(route, method.lower(), status, media_type).iter_errors(json.loads(text)), None)
        assert error is None, f"{place}: {error.json_path if error else ''}: {error.message if error else ''}"


@cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return document


@cache
def _route(method: str, path: str) -> str | None:
    """The path of the document, of which one without parameters goes first."""
    fitting = (
        template
        for template in sorted(_document()["paths"], key=lambda template: template.count("{"))
        if re.fullmatch(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(template)), path)
    )
    return next((template for template in fitting if _operation(method, template)), None)


def _operation(method: str, route: str) -> dict[str, Any]:
    """HEAD is documented with GET."""
    found: dict[str, Any] = _document()["paths"][route].get("get" if method == "HEAD" else method.lower(), {})
    return found


def _resolved(value: dict[str, Any]) -> dict[str, Any]:
    """A response or a header, or the component that it refers to."""
    if "$ref" not in value:
        return value
    _, _, kind, name = value["$ref"].split("/")
    found: dict[str, Any] = _document()["components"][kind][name]
    return found


@cache
def _validator(route: str, method: str, status: int, media_type: str) -> Draft202012Validator:
    response = _resolved(_operation(method, route)["responses"][str(status)])
    schema = response["content"][media_type].get("schema", {})
    return Draft202012Validator({**schema, "components": _document()["components"]})
