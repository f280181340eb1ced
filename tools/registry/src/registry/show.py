"""`list`, `show` and `diff`: the registry's contents for display."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from textwrap import indent
from typing import Any

import typer

from registry.catalogue import (
    Catalogue,
    Version,
    read_bytes,
    read_catalogue,
    read_json,
    tree_files,
)
from registry.changes import change_line, changes, history
from registry.fields import Field, Json, fields_of
from registry.layout import find_layout
from registry.masking import masked_document, personal_paths
from registry.topology import Topology, read_topology, tree_manifests


def list_contracts(root: Path, *, as_json: bool) -> None:
    """One line per contract."""
    catalogue, topology = _read(root)
    rows = []
    for event_type, versions in catalogue.versions.items():
        who = topology.of_type(event_type)
        fields = [path for path in fields_of(versions[-1].consumer) if "." not in path]
        rows.append((event_type, versions[-1].number, len(fields), who.producers, who.consumers))
    if as_json:
        keys = ("type", "version", "fields", "producers", "consumers")
        _print_json([dict(zip(keys, row, strict=True)) for row in rows])
        return
    heading = ("TYPE", "VERSION", "FIELDS", "PRODUCER", "CONSUMERS")
    _print_table([heading, *((row[0], row[1], str(row[2]), _names(row[3]), _names(row[4])) for row in rows)])


def show_contract(root: Path, name: str, *, as_json: bool) -> None:
    """One contract with everything known about it."""
    catalogue, topology = _read(root)
    version = catalogue.find_version(name)
    versions = catalogue.of_fact(version.fact)
    who = topology.of_type(version.event_type)
    fields = fields_of(version.consumer)
    personal = personal_paths(versions)
    examples = {example.name: masked_document(example, personal) for example in version.examples}
    if as_json:
        _print_json(
            {
                "type": version.event_type,
                "version": version.number,
                "description": _words(version),
                "versions": [known.number for known in versions],
                "producers": who.producers,
                "consumers": who.consumers,
                "fields": [field.as_json() for field in fields.values()],
                "examples": examples,
            }
        )
        return
    typer.echo(f"{version.event_type} {version.number}")
    if _words(version):
        typer.echo(_words(version))
    typer.echo(f"\nversions      {', '.join(known.number for known in versions)}")
    typer.echo(f"published by  {_names(who.producers)}\nconsumed by   {_names(who.consumers)}\n")
    since = {path: events[0].version for path, events in history(versions).items()}
    if fields:
        lines = [(f.path, _type(f), _need(f), since.get(f.path, ""), f.description) for f in fields.values()]
        _print_table([("FIELD", "TYPE", "", "SINCE", ""), *lines])
    else:
        typer.echo("no fields besides the envelope's")
    for title, document in examples.items():
        typer.echo(f"\nexample {title}\n{indent(json.dumps(document, indent=2, ensure_ascii=False), '  ')}")


def diff(root: Path, which: Sequence[str], *, as_json: bool) -> None:
    """Two versions or files, or a type against its version before."""
    catalogue = None if all(map(_is_file, which)) and len(which) > 1 else _read(root)[0]
    if len(which) == 1 and catalogue is not None:
        new = catalogue.find_version(which[0])
        versions = catalogue.of_fact(new.fact)
        place = versions.index(new)
        if place == 0:
            typer.echo(f"{new.event_type} {new.number} is the first version")
            return
        old_title, old = _titled(versions[place - 1])
        new_title, schema = _titled(new)
    else:
        (old_title, old), (new_title, schema) = (_side(catalogue, name) for name in which)
    found = changes(old, schema)
    if as_json:
        differences = [
            {"field": change.path, "what": change.what.value, "before": change.before, "after": change.after}
            for change in found
        ]
        _print_json({"old": old_title, "new": new_title, "changes": differences})
        return
    typer.echo(f"{old_title} → {new_title}")
    for change in found:
        typer.echo(change_line(change))
    if not found:
        typer.echo("no field differs")


def _read(root: Path) -> tuple[Catalogue, Topology]:
    layout = find_layout(root)
    return read_catalogue(tree_files(layout), layout), read_topology(tree_manifests(layout), layout)


def _side(catalogue: Catalogue | None, name: str) -> tuple[str, Json]:
    if catalogue is None or _is_file(name):
        path = Path(name)
        return name, read_json(name, read_bytes(path))
    return _titled(catalogue.find_version(name))


def _titled(version: Version) -> tuple[str, Json]:
    return f"{version.event_type} {version.number}", version.consumer


def _is_file(name: str) -> bool:
    # No event type ends in .json or has a slash; so a missing file is reported as one.
    return name.endswith(".json") or "/" in name or Path(name).is_file()


def _type(field: Field) -> str:
    return ", ".join((field.type, *field.limits, *(("personal",) if field.personal else ())))


def _need(field: Field) -> str:
    return "required" if field.required else "optional"


def _words(version: Version) -> str:
    return str(version.consumer.get("description", ""))


def _names(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _print_json(value: Any) -> None:  # noqa: ANN401  # any JSON value
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _print_table(rows: Sequence[tuple[str, ...]]) -> None:
    """Columns two spaces apart, the last one as long as it is."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        typer.echo("  ".join([*cells, row[-1]]).rstrip())
