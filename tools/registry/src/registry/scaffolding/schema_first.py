"""`contracts new` in a repository whose contracts are schemas alone: schemas, example, manifest entries."""

from __future__ import annotations

import json
from collections.abc import Sequence

from contracts.schemas import DIALECT, PRODUCER_SUFFIX, closed
from registry.catalogue import Json, Version, fact_of
from registry.errors import ScaffoldError
from registry.layout import Layout
from registry.scaffolding.draft import Draft, drafted
from registry.scaffolding.entries import check_entries, meant
from registry.scaffolding.event_code import EventSpec
from registry.scaffolding.field_specs import TYPES
from registry.scaffolding.manifest_text import with_consumption, with_next_major, with_publication
from registry.topology import Topology

_SCHEMAS: dict[str, Json] = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string", "format": "date-time"},
    "list": {"type": "array", "items": {"type": "string"}},
}


def new_schema(
    layout: Layout,
    topology: Topology,
    spec: EventSpec,
    consumers: Sequence[str],
    before: Version | None,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the event and print what was written; `before` is the newest version of the major before it.

    Raises:
        ScaffoldError: a manifest has another shape.
    """
    copied = [layout.schemas, layout.examples, *topology.files.values()]
    following = "describe the fields in the schema, and let the producer publish it"
    if before is not None:
        following = f"write the upcaster from {before.event_type}; deploy consumers first"
    with drafted(layout.root, dry_run=dry_run, as_json=as_json, following=following, copied=copied) as draft:
        schema, data = _schema(spec, before), data_of(spec, before)
        _write(draft, f"{layout.schemas}/{spec.event_type}/{spec.version}.json", schema)
        producers = {**closed(schema), "$id": f"{schema['$id']}:producer"}
        _write(draft, f"{layout.schemas}/{spec.event_type}/{spec.version}{PRODUCER_SUFFIX}", producers)
        _write(draft, f"{layout.examples}/{spec.event_type}/{spec.version}/{spec.event}.json", example_of(spec, data))
        _enter(draft, topology, spec, consumers, before)
        check_entries(draft, layout, topology, meant(topology, spec, consumers, before, None))


def _enter(draft: Draft, topology: Topology, spec: EventSpec, consumers: Sequence[str], before: Version | None) -> None:
    if before is None:
        manifest = topology.files[spec.service]
        draft.write(manifest, with_publication(draft.read(manifest), spec.event_type))
    else:
        for manifest in topology.files.values():
            draft.write(manifest, with_next_major(draft.read(manifest), before.event_type, spec.event_type))
    for service in consumers:
        manifest = topology.files[service]
        draft.write(manifest, with_consumption(draft.read(manifest), spec.event_type, None))


def _schema(spec: EventSpec, before: Version | None) -> Json:
    fresh: Json = {"title": spec.class_name, "description": spec.sentence, "type": "object", "properties": {}}
    schema: Json = json.loads(json.dumps(before.consumer)) if before is not None else fresh
    properties = {field.name: dict(_SCHEMAS[field.type]) for field in spec.fields}
    if taken := sorted(properties.keys() & schema.get("properties", {}).keys()):
        raise ScaffoldError(f"the version before has a field {', '.join(taken)} already")
    schema["properties"] = schema.get("properties", {}) | properties
    if "x-event-type" in schema:
        schema["x-event-type"] = spec.event_type
    if required := [*schema.get("required", ()), *(field.name for field in spec.fields if not field.optional)]:
        schema["required"] = required
    name = f"urn:{spec.prefix}:contract:{fact_of(spec.event_type)}:{spec.version}"
    return {"$schema": DIALECT, **schema, "$id": name}


def data_of(spec: EventSpec, before: Version | None) -> Json:
    """The payload of the example: that of the version before, with a value for each new field."""
    old = before.examples[0].document.get("data") if before is not None and before.examples else None
    return {**(old or {}), **{field.name: TYPES[field.type][1] for field in spec.fields}}


def example_of(spec: EventSpec, data: Json) -> Json:
    """A complete event in its wire format."""
    return {
        "specversion": "1.0",
        "id": "7b1d0e6a-52c4-4f7e-9d3a-000000000001",
        "source": f"{spec.prefix}.{spec.service}",
        "type": spec.event_type,
        "subject": "0c5a8e8e-4a0e-4a4e-9c1b-2f6f6a0d9c01",
        "time": "2026-11-22T09:30:00.125000Z",
        "datacontenttype": "application/json",
        "dataschema": f"urn:{spec.prefix}:contract:{fact_of(spec.event_type)}:{spec.version}",
        "tenantid": "6f1c2a52-3f0e-4a6b-9a45-0d7f6a3f1b11",
        "correlationid": "req-7f3a9c21",
        "causationid": "7b1d0e6a-52c4-4f7e-9d3a-000000000099",
        "sequence": "1",
        "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "data": data,
    }


def _write(draft: Draft, path: str, document: Json) -> None:
    draft.create(path, json.dumps(document, indent=2, ensure_ascii=False) + "\n")
