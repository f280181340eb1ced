"""`new route`: a route of a service: manifest entry, handler with its request model, test, OpenAPI document.

ScaffoldError: the route cannot be added; nothing has been written
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import BaseModel, ValidationError

from manifests import Route, RouteAuth, Service
from registry.errors import ScaffoldError
from registry.layout import find_layout
from registry.scaffolding.draft import Draft, drafted
from registry.scaffolding.field_specs import TYPES, FieldSpec, fields_of, has_times
from registry.scaffolding.manifest_text import with_route
from registry.scaffolding.python_source import (
    names_defined,
    with_class_before,
    with_import,
    with_statement_before_return,
)

#: Methods whose requests have a body.
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
#: Names of the generated function's other parameters.
_RESERVED = frozenset({"caller", "body"})
_REQUEST = '''\
class {model}(BaseModel):
    """The body of {key}."""

    model_config = ConfigDict(frozen=True)

{declarations}
'''
_HANDLER = """
    @api.{method}(
        "{path}",
        summary="{summary}",
        responses=documented((HTTPStatus.NOT_IMPLEMENTED, "It does nothing yet")),
    )
    def {handler}({parameters}) -> None:
        raise ProblemError(HTTPStatus.NOT_IMPLEMENTED, "not-implemented", "this route does nothing yet")
"""
_TEST = '''\
"""{key}."""

from http import HTTPStatus

from chassis.http import HttpEntry
from testkit import Answer, call
from {service}.api import routes
from {service}.bootstrap import bootstrap
from {service}.settings import {settings}

{body}
def ask(tenant: str | None{parameter}) -> Answer:
    """The answer to a request; nothing outside is called."""
    entry = HttpEntry(routes(bootstrap({settings}(service="{service}"))))
    return call(entry, "{verb}", "{address}", tenant{passed})


def test_{handler}_does_nothing_yet() -> None:
    assert ask("tenant").status == HTTPStatus.NOT_IMPLEMENTED
'''
_CALLER_TEST = """

def test_{handler}_needs_a_token() -> None:
    assert ask(None).status == HTTPStatus.UNAUTHORIZED
"""
_BODY_TEST = """

def test_{handler}_validates_its_body() -> None:
    assert ask("tenant", {{}}).status == HTTPStatus.UNPROCESSABLE_ENTITY
"""


@dataclass(frozen=True, slots=True)
class RouteSpec:
    """The route to generate."""

    service: str
    route: Route
    summary: str
    fields: tuple[FieldSpec, ...]

    @property
    def parts(self) -> list[str]:
        """`items`, `{id}` of `/items/{id}`."""
        return self.route.path.strip("/").split("/")

    @property
    def parameters(self) -> dict[str, str]:
        """Name in the path -> name in Python, which says of what an `id` is."""
        found: dict[str, str] = {}
        for before, part in zip(["", *self.parts], self.parts, strict=False):
            if part.startswith("{"):
                name = part.strip("{}")
                found[name] = f"{_word(before).removesuffix('s')}_id" if name == "id" and before else _word(name)
        return found

    @property
    def handler(self) -> str:
        """`post_items_tags` of `POST /items/{id}/tags`, `get_items_by_id` of `GET /items/{id}`."""
        *_, last = self.parts
        words = [_word(part) for part in self.parts if not part.startswith("{")]
        ending = ["by", _word(last.strip("{}"))] if last.startswith("{") else []
        return "_".join([self.route.method.lower(), *words, *ending])

    @property
    def example(self) -> dict[str, object]:
        """A valid body."""
        return {field.name: TYPES[field.type][1] for field in self.fields}

    @property
    def model(self) -> str:
        """`PostItemsTagsRequest`."""
        return "".join(word.capitalize() for word in self.handler.split("_")) + "Request"


def new_route(
    root: Path,
    service: str,
    method: str,
    path: str,
    *,
    summary: str,
    fields: Sequence[str],
    public: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the route and print what was written."""
    folder = find_layout(root).root
    route = _route(method, path, public=public)
    if fields and route.method not in _WITH_BODY:
        raise ScaffoldError(f"requests with {route.method} have no body, and so no fields")
    spec = RouteSpec(service, route, _plain(summary or route.key), fields_of(fields, BaseModel, {"model_config"}))
    unusable = sorted(name for name in spec.parameters.values() if keyword.iskeyword(name) or name in _RESERVED)
    if unusable:
        raise ScaffoldError(f"a parameter of a path cannot be called {', '.join(unusable)}")
    following = f"let {spec.handler} in services/{service}/src/{service}/api.py answer"
    with drafted(folder, dry_run=dry_run, as_json=as_json, following=following) as draft:
        _add(draft, spec)
        draft.describe()
        draft.run("the OpenAPI document cannot be written", "registry.openapi")


def _route(method: str, path: str, *, public: bool) -> Route:
    try:
        return Route.model_validate({"method": method.upper(), "path": path, "auth": "none" if public else "jwt"})
    except ValidationError as error:
        faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise ScaffoldError(f"{method} {path} is not a route: {faults}") from error


def _add(draft: Draft, spec: RouteSpec) -> None:
    known = draft.manifests().services
    if spec.service not in known:
        raise ScaffoldError(f"there is no service {spec.service!r}: {', '.join(known)}")
    manifest, package = f"services/{spec.service}/service.yaml", f"services/{spec.service}/src/{spec.service}"
    entry = {"method": spec.route.method.value, "path": spec.route.path}
    if spec.route.auth is RouteAuth.NONE:
        entry["auth"] = "none"
    flow = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=1000).strip()
    draft.write(manifest, with_route(draft.read(manifest), _http_function(known[spec.service]), flow))
    draft.manifests()
    api = f"{package}/api.py"
    draft.write(api, _with_handler(draft.read(api), spec))
    draft.create(
        f"services/{spec.service}/tests/test_{spec.service}_{spec.handler}.py",
        _test(spec, settings_class(draft.read(f"{package}/settings.py"))),
    )


def _http_function(service: Service) -> str:
    names = [name for name, function in service.functions.items() if function.routes]
    if len(names) != 1:
        raise ScaffoldError(f"{service.service} has {len(names)} functions with routes; add the route by hand")
    return names[0]


def _with_handler(source: str, spec: RouteSpec) -> str:
    taken = names_defined(source) & {spec.handler, spec.model}
    if taken:
        raise ScaffoldError(f"api.py has {', '.join(sorted(taken))} already")
    arguments = [f"{name}: str" for name in spec.parameters.values()]
    imports = [("http", "HTTPStatus"), ("chassis.http", "ProblemError"), ("chassis.http", "documented")]
    if spec.fields:
        declarations = "\n".join(f"    {field.sent()}" for field in spec.fields)
        request = _REQUEST.format(model=spec.model, key=spec.route.key, declarations=declarations)
        source = with_class_before(source, "http", request)
        arguments.append(f"body: {spec.model}")
        imports.append(("pydantic", "BaseModel, ConfigDict, Field"))
        imports += [("datetime", "datetime")] if has_times(spec.fields) else []
    if spec.route.auth is RouteAuth.JWT:
        arguments.append("caller: CallerDep")
        imports.append(("chassis.http", "CallerDep"))
    path = re.sub(r"\{(\w+)\}", lambda found: f"<{spec.parameters[found[1]]}>", spec.route.path)
    handler = _HANDLER.format(
        method=spec.route.method.lower(),
        path=path,
        summary=spec.summary,
        handler=spec.handler,
        parameters=", ".join(arguments),
    )
    source = with_statement_before_return(source, "routes", handler)
    for module, name in imports:
        source = with_import(source, module, name)
    return source


def _test(spec: RouteSpec, settings: str) -> str:
    required = any(not field.optional for field in spec.fields)
    tests = _TEST
    if spec.route.auth is RouteAuth.JWT:
        tests += _CALLER_TEST
    if required:
        tests += _BODY_TEST
    return tests.format(
        key=spec.route.key,
        verb=spec.route.method.value,
        address=re.sub(r"\{\w+\}", "1", spec.route.path),
        service=spec.service,
        settings=settings,
        handler=spec.handler,
        body=f"BODY: dict[str, object] = {spec.example!r}\n\n" if spec.fields else "",
        parameter=", body: object = BODY" if spec.fields else "",
        passed=", body=body" if spec.fields else "",
    )


def settings_class(source: str) -> str:
    """The name of the service's class of settings; ScaffoldError where settings.py has none."""
    found = re.search(r"^class (\w+)\(\s*Settings\b[^)]*\):$", source, re.MULTILINE)
    if found is None:
        raise ScaffoldError("settings.py has no class that extends Settings")
    return found[1]


def _plain(text: str) -> str:
    """Fit for a string between double quotes."""
    return " ".join(text.split()).replace("\\", "").replace('"', "'")


def _word(text: str) -> str:
    return re.sub(r"\W", "_", text.strip("{}"))
