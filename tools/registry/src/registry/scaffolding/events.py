"""`contracts new`: a complete event from its name: contract, registry entry, example, manifest entry, the code that
records it, the exported schemas, and the other side at each consumer.

ScaffoldError: the event cannot be added; nothing has been written
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from contracts.contract import Contract
from registry.catalogue import Version, tree_files, usable_catalogue
from registry.errors import ScaffoldError
from registry.layout import Layout, find_layout
from registry.scaffolding.consumers import FUNCTION, add_consumer
from registry.scaffolding.draft import Draft, drafted
from registry.scaffolding.entries import check_entries, meant
from registry.scaffolding.event_code import EventSpec, recording, recording_test, with_contract
from registry.scaffolding.field_specs import fields_of
from registry.scaffolding.majors import retire
from registry.scaffolding.manifest_text import with_line_beside, with_next_major, with_publication
from registry.scaffolding.python_source import with_import
from registry.scaffolding.schema_first import data_of, example_of, new_schema
from registry.topology import Topology, read_topology, tree_manifests

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
    major: bool = False,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Add the event, or its next major, and print what was written."""
    layout = find_layout(root)
    before = _newest(layout, service, event) if major else None
    sentence = _sentence(
        summary or f"TODO: describe in one sentence what has happened when {service} publishes {event}", event
    )
    number = before.order[0] + 1 if before else 1
    spec = EventSpec(service, event, sentence, fields_of(fields, Contract, _RESERVED), layout.prefix, number)
    topology = read_topology(tree_manifests(layout), layout)
    _check_names(layout, spec, consumers, topology)
    if before is not None and not topology.of_type(before.event_type).producers:
        raise ScaffoldError(f"no manifest publishes {before.event_type}: nobody would publish {spec.event_type}")
    # Who consumes the event already goes on with its next major.
    known = topology.of_type(before.event_type if before else spec.event_type).consumers
    consumers = [name for name in consumers if name not in known]
    if not (layout.root / _PACKAGE / "registry.py").exists():
        new_schema(layout, topology, spec, consumers, before, dry_run=dry_run, as_json=as_json)
        return
    with drafted(layout.root, dry_run=dry_run, as_json=as_json, following=_following(spec, consumers, before)) as draft:
        if before is None:
            _add_producer(draft, layout, spec)
        else:
            retire(draft, spec, before)
            _move_on(draft, spec, before)
        draft.create(f"{layout.examples}/{spec.event_type}/{spec.version}/{spec.event}.json", _example(spec, before))
        for name in consumers:
            add_consumer(draft, spec, draft.manifests().services[name])
        check_entries(draft, layout, topology, meant(topology, spec, consumers, before, FUNCTION))
        draft.describe()
        draft.run("the schema cannot be generated", "contracts.export", layout.schemas)


def _following(spec: EventSpec, consumers: Sequence[str], before: Version | None) -> str:
    if before is not None:
        upcaster = f"{spec.snake}_v{spec.major - 1}"
        return f"say what old events meant in {upcaster}, and why in contracts/CHANGELOG.md; deploy consumers first"
    following = f"call record_{spec.snake} where it happens"
    if consumers:
        following += f"; so far count_{spec.snake} is all that follows from it in {', '.join(consumers)}"
    return following


def _newest(layout: Layout, service: str, event: str) -> Version:
    versions = usable_catalogue(layout).of_fact(f"{service}.{event}")
    if not versions:
        raise ScaffoldError(f"{layout.prefix}.{service}.{event} is not published; without --major it is made")
    return versions[-1]


def _move_on(draft: Draft, spec: EventSpec, before: Version) -> None:
    """The producer's manifest publishes the new major; consumers and what is checked of their plans know both."""
    for pattern, moved in (
        ("services/*/service.yaml", with_next_major),
        ("services/*/terraform/tests/*.hcl", with_line_beside),
    ):
        for path in draft.files(pattern):
            draft.write(path, moved(draft.read(path), before.event_type, spec.event_type))


def _add_producer(draft: Draft, layout: Layout, spec: EventSpec) -> None:
    contract, registry = f"{_PACKAGE}/{spec.service}.py", f"{_PACKAGE}/registry.py"
    home = f"services/{spec.service}"
    if not any(function.publish for function in draft.manifests().services[spec.service].functions.values()):
        raise ScaffoldError(f"no function of {spec.service} has `publish: true` in {home}/service.yaml")
    draft.write(contract, with_contract(draft.read(contract) if draft.exists(contract) else None, spec))
    draft.write(registry, _with_registration(draft.read(registry), spec.service, spec.class_name))
    manifest = f"{home}/service.yaml"
    draft.write(manifest, with_publication(draft.read(manifest), spec.event_type))
    draft.create(f"{home}/src/{spec.service}/{spec.snake}.py", recording(spec))
    draft.create(f"{home}/tests/test_{spec.service}_{spec.snake}.py", recording_test(spec))


def _check_names(layout: Layout, spec: EventSpec, consumers: Sequence[str], topology: Topology) -> None:
    service, event_type = spec.service, spec.event_type
    for name in (service, *consumers):
        if name not in topology.files:
            raise ScaffoldError(f"there is no service {name!r}: {', '.join(topology.files)}")
    if repeated := sorted({name for name in consumers if consumers.count(name) > 1}):
        raise ScaffoldError(f"consumers are named once: {', '.join(repeated)}")
    if layout.type_pattern.match(event_type) is None:
        raise ScaffoldError(
            f"{spec.event!r} is not a valid event name: lower-case words joined by dashes, in the past tense"
        )
    if any(f"/{event_type}/" in path for path in tree_files(layout)):
        hint = "add an optional field and raise the minor version instead, or give --major"
        raise ScaffoldError(f"{event_type} exists; {hint}")


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


def _example(spec: EventSpec, before: Version | None) -> str:
    """A complete event that round-trips through `to_wire`."""
    return json.dumps(example_of(spec, data_of(spec, before)), indent=2, ensure_ascii=False) + "\n"


def _sentence(text: str, event: str) -> str:
    line = " ".join(text.split()).replace("\\", "").replace('"', "'")
    line = line if line.endswith((".", "…")) else f"{line}."
    # It is in two docstrings; the longer one starts with the event's name.
    room = _LINE - len(f'"""Records {event}: """')
    if len(line) > room:
        raise ScaffoldError(f"the summary is one sentence of at most {room} characters")
    return line
