"""`new`: a complete event from its name: contract, registry entry, example, manifest entry, the
code that records it with its test, and the exported schemas.

Everything is generated and checked before anything is written. Recording the event and its consumers are up to the
user.

ScaffoldError: the event cannot be added; nothing has been written
"""

import json
import keyword
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import typer
import yaml
from pydantic import ValidationError

from contracts.contract import TYPE_PATTERN, Contract
from manifests import Service, load_manifests
from registry.catalogue import EXAMPLES, SCHEMAS, Json, find_root, tree_files
from registry.errors import ScaffoldError, UnusableFileError
from registry.scaffold_code import (
    TYPES,
    EventSpec,
    FieldSpec,
    recording,
    recording_test,
    with_contract,
    with_import,
)

_PACKAGE = "contracts/src/contracts"
_FIELD = re.compile(r"^(?P<name>[a-z][a-z0-9_]*):(?P<type>[a-z]+)(?P<optional>\?)?$")
_RESERVED = frozenset({"work", "tenant_id", "subject", "fact", "unit", "event"})
_LINE = 120


def new_event(root: Path, service: str, event: str, *, summary: str, fields: Sequence[str]) -> None:
    """Add the event and print the next steps."""
    folder = find_root(root)
    sentence = _sentence(
        summary or f"TODO: describe in one sentence what has happened when {service} publishes {event}", event
    )
    spec = EventSpec(service, event, sentence, tuple(_field(text) for text in fields))
    _check_names(folder, spec)
    contract, registry = folder / _PACKAGE / f"{service}.py", folder / _PACKAGE / "registry.py"
    home = folder / "services" / service
    manifest, example = home / "service.yaml", folder / EXAMPLES / spec.event_type / "1.0" / f"{event}.json"
    files = {
        contract: with_contract(_read(contract) if contract.exists() else None, spec),
        registry: _with_registration(_read(registry), service, spec.class_name),
        example: json.dumps(_example(spec), indent=2, ensure_ascii=False) + "\n",
        manifest: _with_publication(_read(manifest), spec.event_type),
        home / "src" / service / f"{spec.snake}.py": recording(spec),
        home / "tests" / f"test_{service}_{spec.snake}.py": recording_test(spec),
    }
    for path in list(files)[-2:]:
        if path.exists():
            raise ScaffoldError(f"{path.relative_to(folder)} exists")
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
    for path in [*files, folder / SCHEMAS / spec.event_type / "1.0.json"]:
        typer.echo(f"wrote {path.relative_to(folder)}")
    typer.echo(
        f"next: call record_{spec.snake} where it happens, and add {spec.event_type} to `consumes` of its consumers"
    )


def _field(text: str) -> FieldSpec:
    match = _FIELD.match(text)
    taken = match is not None and (
        keyword.iskeyword(match["name"]) or hasattr(Contract, match["name"]) or match["name"] in _RESERVED
    )
    if match is None or match["type"] not in TYPES or taken or match["name"] in Contract.__annotations__:
        raise ScaffoldError(
            f"{text!r} is not a field: name:type with a type of {', '.join(TYPES)}; ? after it: optional"
        )
    return FieldSpec(match["name"], match["type"], bool(match["optional"]))


def _is_taken(name: str) -> bool:
    """Whether the name is a Python keyword, on every contract, or in the generated code."""
    return keyword.iskeyword(name) or hasattr(Contract, name) or name in {*Contract.__annotations__, *_RESERVED}


def _check_names(folder: Path, spec: EventSpec) -> None:
    known, service, event_type = load_manifests(folder).services, spec.service, spec.event_type
    if service not in known:
        raise ScaffoldError(f"there is no service {service!r}: {', '.join(known)}")
    if TYPE_PATTERN.match(event_type) is None:
        raise ScaffoldError(
            f"{spec.event!r} is not a valid event name: lower-case words joined by dashes, in the past tense"
        )
    if any(f"/{event_type}/" in path for path in tree_files(folder)):
        hint = "add an optional field to its class and raise schema_version instead"
        raise ScaffoldError(f"{event_type} exists; {hint}")
    names = [field.name for field in spec.fields]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ScaffoldError(f"fields are named once: {', '.join(repeated)}")
    if not any(function.publish for function in known[service].functions.values()):
        raise ScaffoldError(f"no function of {service} has `publish: true` in services/{service}/service.yaml")


def _with_registration(source: str, service: str, class_name: str) -> str:
    """The registry with the class added after the others of its service."""
    tuple_start = source.find("REGISTRY = Registry(")
    if tuple_start < 0:
        raise ScaffoldError(f"{_PACKAGE}/registry.py has no `REGISTRY = Registry(`")
    entries = list(re.finditer(r"^ +(?P<service>[a-z]+)\.[A-Z]\w*,\n", source[tuple_start:], re.MULTILINE))
    if not entries:
        raise ScaffoldError(f"{_PACKAGE}/registry.py lists no contract after `REGISTRY = Registry(`")
    own = [entry for entry in entries if entry["service"] == service]
    place = tuple_start + (own or entries)[-1].end()
    source = f"{source[:place]}        {service}.{class_name},\n{source[place:]}"
    return source if own else with_import(source, "contracts", service)


def _with_publication(text: str, event_type: str) -> str:
    """The manifest with the type at the end of `publishes`; comments stay."""
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


def _example(spec: EventSpec) -> Json:
    """A complete event that round-trips through `to_wire`."""
    return {
        "specversion": "1.0",
        "id": "7b1d0e6a-52c4-4f7e-9d3a-000000000001",
        "source": f"collections.{spec.service}",
        "type": spec.event_type,
        "subject": "0c5a8e8e-4a0e-4a4e-9c1b-2f6f6a0d9c01",
        "time": "2026-11-22T09:30:00.125000Z",
        "datacontenttype": "application/json",
        "dataschema": f"urn:collections:contract:{spec.service}.{spec.event}:1.0",
        "tenantid": "6f1c2a52-3f0e-4a6b-9a45-0d7f6a3f1b11",
        "correlationid": "req-7f3a9c21",
        "causationid": "7b1d0e6a-52c4-4f7e-9d3a-000000000099",
        "sequence": "1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": {field.name: TYPES[field.type][1] for field in spec.fields},
    }


def _export(folder: Path) -> None:
    """Write the schemas from the models, in a process that sees the new class."""
    command = [sys.executable, "-m", "contracts.export", "contracts/schemas"]
    environment = {"PYTHONPATH": str(folder / "contracts/src"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise ScaffoldError(
            f"the schema cannot be generated: {done.stderr.strip().splitlines()[-1:] or done.returncode}"
        )


def _restore(before: dict[Path, bytes | None]) -> None:
    for path, contents in before.items():
        if contents is not None:
            path.write_bytes(contents)
            continue
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if any(folder.iterdir()):
                break
            folder.rmdir()


def _sentence(text: str, event: str) -> str:
    line = " ".join(text.split()).replace("\\", "").replace('"', "'")
    line = line if line.endswith((".", "…")) else f"{line}."
    # It is in two docstrings; the longer one starts with the event's name.
    room = _LINE - len(f'"""Records {event}: """')
    if len(line) > room:
        raise ScaffoldError(f"the summary is one sentence of at most {room} characters")
    return line


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnusableFileError(f"{path}: {error.strerror or error}") from error
