"""The other side of an event: a consumer's manifest entry, its subscription, and a reaction with its test."""

from __future__ import annotations

import re

from manifests import Service
from registry.errors import ScaffoldError
from registry.scaffolding.draft import Draft
from registry.scaffolding.event_code import EventSpec, reaction_test, with_reaction
from registry.scaffolding.manifest_text import with_consumption
from registry.scaffolding.python_source import names_defined, with_element, with_import

#: The function that consumes what a service consumes, by its name in every manifest.
FUNCTION = "events"


def add_consumer(draft: Draft, spec: EventSpec, consumer: Service) -> None:
    """Subscribe a service to the event.

    Raises:
        ScaffoldError: it has no function for events, or its code has another shape than that of all services.
    """
    name = consumer.service
    function = consumer.functions.get(FUNCTION)
    if function is None or function.queue is None:
        raise ScaffoldError(f"{name} has no function {FUNCTION!r} with a queue: add the event to its manifest by hand")
    manifest, package = f"services/{name}/service.yaml", f"services/{name}/src/{name}"
    draft.write(manifest, with_consumption(draft.read(manifest), spec.event_type, FUNCTION))
    reactions = f"{package}/reactions.py"
    known = draft.read(reactions) if draft.exists(reactions) else None
    draft.write(reactions, with_reaction(known, name, spec))
    module, builder = _builder(draft.read(f"{package}/handler.py"), function.handler.rpartition(".")[2])
    consumers = f"services/{name}/src/{module.replace('.', '/')}.py"
    draft.write(consumers, _with_subscription(draft.read(consumers), builder, name, spec))
    draft.create(f"services/{name}/tests/test_{name}_consumes_{spec.snake}.py", reaction_test(name, spec))


def _builder(handler: str, entry_point: str) -> tuple[str, str]:
    """Module and function that build an entry point."""
    found = re.search(rf'^    {entry_point}="([\w.]+):(\w+)",$', handler, re.MULTILINE)
    if found is None:
        raise ScaffoldError(f"handler.py names no builder for {entry_point}")
    return found[1], found[2]


def _with_subscription(source: str, builder: str, consumer: str, spec: EventSpec) -> str:
    reaction = f"count_{spec.snake}"
    if "reactions" in names_defined(source):  # a local variable has the module's name
        imported, called = (f"{consumer}.reactions", reaction), reaction
    else:
        imported, called = (consumer, "reactions"), f"reactions.{reaction}"
    source = with_element(source, builder, "EventConsumer", f"on({spec.class_name}, {called})")
    for module, name in (imported, ("chassis.queue", "on"), (f"contracts.{spec.service}", spec.class_name)):
        source = with_import(source, module, name)
    return source
