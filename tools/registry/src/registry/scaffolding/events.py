"""`contracts new`: a complete event from its name: contract, registry entry, example, manifest entry, the code that
records it, the exported schemas, and the other side at each consumer.

ScaffoldError: the event cannot be added; nothing has been written
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from contracts.contract import TYPE_PATTERN, Contract
from manifests import Manifests, load_manifests
from registry.catalogue import Json, tree_files
from registry.errors import ScaffoldError
from registry.layout import Layout, find_layout
from registry.scaffolding.consumers import add_consumer
from registry.scaffolding.draft import Draft, drafted
from registry.scaffolding.event_code import EventSpec, recording, recording_test, with_contract
from registry.scaffolding.field_specs import TYPES, fields_of
from registry.scaffolding.manifest_text import with_publication
from registry.scaffolding.python_source import with_import

_PACKAGE = "contracts/src/contracts"
#: Names in the generated code.
_RESERVED = frozenset({"work", "cause", "fact", "new_event"})
_LINE = 120


def new_event(
    root: Path,
    service: str,
    event: str,
    *,
    summary: str,
    fields: Sequence[str],
    consumers: Sequence[str],
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the event and print what was written."""
    layout = find_layout(root)
    folder = layout.root
    sentence = _sentence(
        summary or f"TODO: describe in one sentence what has happened when {service} publishes {event}", event
    )
    spec = EventSpec(service, event, sentence, fields_of(fields, Contract, _RESERVED))
    manifests = load_manifests(folder)
    _check_names(layout, spec, consumers, manifests)
    following = f"call record_{spec.snake} where it happens"
    if consumers:
        following += f"; so far count_{spec.snake} is all that follows from it in {', '.join(consumers)}"
    with drafted(folder, dry_run=dry_run, as_json=as_json, following=following) as draft:
        _add_producer(draft, layout, spec)
        for name in consumers:
            add_consumer(draft, spec, manifests.services[name])
        draft.describe()
        draft.run("the schema cannot be generated", "contracts.export", "contracts/schemas")


def _add_producer(draft: Draft, layout: Layout, spec: EventSpec) -> None:
    contract, registry = f"{_PACKAGE}/{spec.service}.py", f"{_PACKAGE}/registry.py"
    home = f"services/{spec.service}"
    draft.write(contract, with_contract(draft.read(contract) if draft.exists(contract) else None, spec))
    draft.write(registry, _with_registration(draft.read(registry), spec.service, spec.class_name))
    example = json.dumps(_example(spec), indent=2, ensure_ascii=False) + "\n"
    draft.create(f"{layout.examples}/{spec.event_type}/1.0/{spec.event}.json", example)
    manifest = f"{home}/service.yaml"
    draft.write(manifest, with_publication(draft.read(manifest), spec.event_type))
    draft.create(f"{home}/src/{spec.service}/{spec.snake}.py", recording(spec))
    draft.create(f"{home}/tests/test_{spec.service}_{spec.snake}.py", recording_test(spec))


def _check_names(layout: Layout, spec: EventSpec, consumers: Sequence[str], manifests: Manifests) -> None:
    known, service, event_type = manifests.services, spec.service, spec.event_type
    for name in (service, *consumers):
        if name not in known:
            raise ScaffoldError(f"there is no service {name!r}: {', '.join(known)}")
    if repeated := sorted({name for name in consumers if consumers.count(name) > 1}):
        raise ScaffoldError(f"consumers are named once: {', '.join(repeated)}")
    if TYPE_PATTERN.match(event_type) is None:
        raise ScaffoldError(
            f"{spec.event!r} is not a valid event name: lower-case words joined by dashes, in the past tense"
        )
    if any(f"/{event_type}/" in path for path in tree_files(layout)):
        hint = "add an optional field to its class and raise schema_version instead"
        raise ScaffoldError(f"{event_type} exists; {hint}")
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


def _sentence(text: str, event: str) -> str:
    line = " ".join(text.split()).replace("\\", "").replace('"', "'")
    line = line if line.endswith((".", "…")) else f"{line}."
    # It is in two docstrings; the longer one starts with the event's name.
    room = _LINE - len(f'"""Records {event}: """')
    if len(line) > room:
        raise ScaffoldError(f"the summary is one sentence of at most {room} characters")
    return line
