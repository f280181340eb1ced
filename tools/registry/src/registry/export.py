"""`export`: the registry as files for other tools.

schemas/<type>/<version>.json             JSON Schema 2020-12 of the payload, as a consumer reads it
schemas/<type>/<version>.producer.json    the same, closed: what a producer may emit
asyncapi.json                             the whole mesh as one AsyncAPI 3.0 document
eventbridge/<type>.json                   the whole event in JSON Schema draft 4, as EventBridge Schemas takes it
"""

import json
from pathlib import Path

import typer

from contracts import REGISTRY
from contracts.eventbridge import eventbridge_schema
from registry.asyncapi import asyncapi
from registry.catalogue import Catalogue, Json, usable_catalogue
from registry.errors import UnusableFileError
from registry.layout import find_layout
from registry.topology import read_topology, tree_manifests


def export(root: Path, directory: Path) -> None:
    """Write everything."""
    layout = find_layout(root)
    catalogue = usable_catalogue(layout)
    files = schema_files(catalogue)
    files["asyncapi.json"] = as_text(asyncapi(catalogue, read_topology(tree_manifests(layout), layout), layout))
    # Retired majors too: archives and dead-letter queues hold them. EventBridge's form is made from the models.
    for contract in (*REGISTRY, *REGISTRY.retired()):
        if contract.event_type not in catalogue.versions:
            continue
        files[f"eventbridge/{contract.event_type}.json"] = as_text(eventbridge_schema(contract))
    write(directory, files)
    typer.echo(f"wrote {len(files)} files to {directory}")


def schema_files(catalogue: Catalogue) -> dict[str, str]:
    """Path -> text of every schema of every version."""
    files: dict[str, str] = {}
    for versions in catalogue.versions.values():
        for version in versions:
            stem = f"schemas/{version.event_type}/{version.number}"
            files[f"{stem}.json"] = as_text(version.consumer)
            files[f"{stem}.producer.json"] = as_text(version.closed)
    return files


def as_text(document: Json) -> str:
    """JSON in its committed form."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def write(directory: Path, files: dict[str, str]) -> None:
    """Write text files below a folder.

    Raises:
        UnusableFileError: one of them cannot be written.
    """
    try:
        for name, text in files.items():
            path = directory / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UnusableFileError(f"{error.filename or directory}: {error.strerror or error}") from error
