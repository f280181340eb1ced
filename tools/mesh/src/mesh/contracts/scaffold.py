"""`new`: a complete event from its name: contract, registry entry, example, manifest entry, then the exported schema.

Everything is made and checked before anything is written. What is left to people is to say it, and to hear it.

ScaffoldError: the event cannot be added; nothing has been written
"""

import json
import keyword
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer
import yaml
from pydantic import ValidationError

from contracts.contract import TYPE_PATTERN, Contract
from manifests import Service, load_manifests
from mesh.contracts.catalogue import EXAMPLES, Json, find_root, tree_files
from mesh.contracts.errors import ScaffoldError, UnusableFileError

_PACKAGE = "contracts/src/contracts"
_FIELD = re.compile(r"^(?P<name>[a-z][a-z0-9_]*):(?P<type>[a-z]+)(?P<optional>\?)?$")
_TYPES: dict[str, tuple[str, object]] = {
    "str": ("str", "text"),
    "int": ("int", 1),
    "float": ("float", 0.5),
    "bool": ("bool", True),
    "datetime": ("datetime", "2026-01-02T03:04:05Z"),
    "list": ("tuple[str, ...]", ["text"]),
}
_LINE = 120


@dataclass(frozen=True, slots=True)
class _FieldSpec:
    """`name:type`, with `?` where it is optional."""

    name: str
    type: str
    optional: bool

    @property
    def code(self) -> str:
        """Its line in the contract."""
        annotation = _TYPES[self.type][0]
        if not self.optional:
            return f"    {self.name}: {annotation}"
        return (
            f"    {self.name}: {annotation} = ()"
            if self.type == "list"
            else f"    {self.name}: {annotation} | None = None"
        )


def new_event(root: Path, service: str, event: str, *, summary: str, fields: Sequence[str]) -> None:
    """Add the event and say what is next."""
    folder = find_root(root)
    event_type = f"collections.{service}.{event}.v1"
    specs = [_field(text) for text in fields]
    _check_names(folder, service, event, event_type, specs)
    class_name = "".join(word.capitalize() for word in event.split("-"))
    sentence = _sentence(summary or f"Say in one sentence what has happened when {service} tells {event}")
    module = folder / _PACKAGE / f"{service}.py"
    registry = folder / _PACKAGE / "registry.py"
    manifest = folder / "services" / service / "service.yaml"
    example = folder / EXAMPLES / event_type / "1.0" / f"{event}.json"
    files = {
        module: _with_class(
            _read(module) if module.exists() else None, service, event_type, class_name, sentence, specs
        ),
        registry: _with_registration(_read(registry), service, class_name),
        manifest: _with_publication(_read(manifest), event_type),
        example: json.dumps(_example(event_type, specs), indent=2, ensure_ascii=False) + "\n",
    }
    _check_manifest(manifest, files[manifest])
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    try:
        _export(folder)
    except ScaffoldError:
        _restore(before)
        raise
    for path in [*files, folder / "contracts/schemas" / event_type / "1.0.json"]:
        typer.echo(f"wrote {path.relative_to(folder)}")
    typer.echo(f"next: record {class_name} in services/{service}, and name {event_type} in `consumes` of who hears it")


def _field(text: str) -> _FieldSpec:
    match = _FIELD.match(text)
    taken = match is not None and (keyword.iskeyword(match["name"]) or hasattr(Contract, match["name"]))
    if match is None or match["type"] not in _TYPES or taken or match["name"] in Contract.__annotations__:
        raise ScaffoldError(f"{text!r} is no field: name:type with a type of {', '.join(_TYPES)}; ? after it: optional")
    return _FieldSpec(match["name"], match["type"], bool(match["optional"]))


def _check_names(folder: Path, service: str, event: str, event_type: str, specs: Sequence[_FieldSpec]) -> None:
    known = load_manifests(folder).services
    if service not in known:
        raise ScaffoldError(f"there is no service {service!r}: {', '.join(known)}")
    if TYPE_PATTERN.match(event_type) is None:
        raise ScaffoldError(f"{event!r} is no name of a fact: lower-case words joined by dashes, in the past tense")
    if any(f"/{event_type}/" in path for path in tree_files(folder)):
        hint = "add an optional field to its class and raise schema_version instead"
        raise ScaffoldError(f"{event_type} exists; {hint}")
    names = [spec.name for spec in specs]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ScaffoldError(f"fields are named once: {', '.join(repeated)}")
    if not any(function.publish for function in known[service].functions.values()):
        raise ScaffoldError(f"no function of {service} has `publish: true` in services/{service}/service.yaml")


def _with_class(
    text: str | None, service: str, event_type: str, class_name: str, sentence: str, specs: Sequence[_FieldSpec]
) -> str:
    source = (
        text
        or f'"""Facts told by the {service} service."""\n\nfrom typing import ClassVar\n\nfrom contracts.contract import Contract\n'
    )
    if re.search(rf"^class {class_name}\b", source, re.MULTILINE):
        raise ScaffoldError(f"{_PACKAGE}/{service}.py has a class {class_name} already")
    if any(spec.type == "datetime" for spec in specs):
        source = _with_import(source, "datetime", "datetime")
    source = _with_import(source, "typing", "ClassVar")
    source = _with_import(source, "contracts.contract", "Contract")
    lines = [
        f"class {class_name}(Contract):",
        f'    """{sentence}"""',
        "",
        f'    event_type: ClassVar[str] = "{event_type}"',
        '    schema_version: ClassVar[str] = "1.0"',
        *(["", *(spec.code for spec in specs)] if specs else []),
    ]
    return source.rstrip("\n") + "\n\n\n" + "\n".join(lines) + "\n"


def _with_import(source: str, module: str, name: str) -> str:
    """The source with `from module import name`, in the order that ruff wants where there is such a line already."""
    found = re.search(rf"^from {re.escape(module)} import (?P<names>[\w, ]+)$", source, re.MULTILINE)
    if found:
        names = sorted({*(entry.strip() for entry in found["names"].split(",")), name}, key=lambda entry: entry.lower())
        return f"{source[: found.start()]}from {module} import {', '.join(names)}{source[found.end() :]}"
    first = re.search(r"^(from|import) ", source, re.MULTILINE)
    place = first.start() if first else len(source)
    return f"{source[:place]}from {module} import {name}\n{source[place:]}"


def _with_registration(source: str, service: str, class_name: str) -> str:
    """The registry with the class behind the others of its service."""
    tuple_start = source.find("REGISTRY = Registry(")
    if tuple_start < 0:
        raise ScaffoldError(f"{_PACKAGE}/registry.py has no `REGISTRY = Registry(`")
    entries = list(re.finditer(r"^ +(?P<service>[a-z]+)\.[A-Z]\w*,\n", source[tuple_start:], re.MULTILINE))
    if not entries:
        raise ScaffoldError(f"{_PACKAGE}/registry.py lists no contract behind `REGISTRY = Registry(`")
    own = [entry for entry in entries if entry["service"] == service]
    place = tuple_start + (own or entries)[-1].end()
    source = f"{source[:place]}        {service}.{class_name},\n{source[place:]}"
    return source if own else _with_import(source, "contracts", service)


def _with_publication(text: str, event_type: str) -> str:
    """The manifest with the type at the end of `publishes`; comments stay where they are."""
    lines = text.splitlines(keepends=True)
    heads = [place for place, line in enumerate(lines) if re.match(r"^publishes:\s*(#.*)?$", line)]
    if heads:
        last = heads[0]
        while last + 1 < len(lines) and re.match(r"^\s+(- |#)", lines[last + 1]):
            last += 1
        lines.insert(last + 1, f"  - {event_type}\n")
        return "".join(lines)
    if any(line.startswith("publishes:") for line in lines):
        raise ScaffoldError(f"`publishes` is not a list of lines; add {event_type} by hand and export the schemas")
    head = max(place for place, line in enumerate(lines) if re.match(r"^(service|summary|database|retrieval):", line))
    lines.insert(head + 1, f"publishes:\n  - {event_type}\n")
    return "".join(lines)


def _check_manifest(path: Path, text: str) -> None:
    try:
        Service.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        raise ScaffoldError(f"{path}: cannot add the event: {error}") from error


def _example(event_type: str, specs: Sequence[_FieldSpec]) -> Json:
    """A whole event; `to_wire` writes it back the same."""
    source, name = event_type.rsplit(".", 2)[0], event_type.removeprefix("collections.").rsplit(".", 1)[0]
    return {
        "specversion": "1.0",
        "id": "7b1d0e6a-52c4-4f7e-9d3a-000000000001",
        "source": source,
        "type": event_type,
        "subject": "0c5a8e8e-4a0e-4a4e-9c1b-2f6f6a0d9c01",
        "time": "2026-11-22T09:30:00.125000Z",
        "datacontenttype": "application/json",
        "dataschema": f"urn:collections:contract:{name}:1.0",
        "tenantid": "6f1c2a52-3f0e-4a6b-9a45-0d7f6a3f1b11",
        "correlationid": "req-7f3a9c21",
        "causationid": "7b1d0e6a-52c4-4f7e-9d3a-000000000099",
        "sequence": "1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {spec.name: _TYPES[spec.type][1] for spec in specs},
    }


def _export(folder: Path) -> None:
    """Write the schemas from the models, in a process that sees the new class."""
    command = [sys.executable, "-m", "contracts.export", "contracts/schemas"]
    environment = {"PYTHONPATH": str(folder / "contracts/src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ScaffoldError(f"the schema cannot be made: {done.stderr.strip().splitlines()[-1:] or done.returncode}")


def _restore(before: dict[Path, bytes | None]) -> None:
    for path, contents in before.items():
        if contents is None:
            path.unlink(missing_ok=True)
        else:
            path.write_bytes(contents)


def _sentence(text: str) -> str:
    line = " ".join(text.split()).replace("\\", "").replace('"', "'")
    line = line if line.endswith((".", "…")) else f"{line}."
    if len(line) + 10 > _LINE:
        raise ScaffoldError(f"the summary is one sentence of at most {_LINE - 10} characters")
    return line


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnusableFileError(f"{path}: {error.strerror or error}") from error
