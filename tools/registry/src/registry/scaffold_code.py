"""The Python of a scaffolded event: its contract, the function that records it, and that function's test.

All code is formatted as by `ruff format`, with one argument per line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.errors import ScaffoldError

#: Type of a field -> its annotation, a value for the example, the same value in Python.
TYPES: dict[str, tuple[str, object, str]] = {
    "str": ("str", "text", '"text"'),
    "int": ("int", 1, "1"),
    "float": ("float", 0.5, "0.5"),
    "bool": ("bool", True, "True"),
    "datetime": ("datetime", "2026-01-02T03:04:05Z", "datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)"),
    "list": ("tuple[str, ...]", ["text"], '("text",)'),
}
_NEW_MODULE = '''\
"""Events published by the {service} service."""

from typing import ClassVar

from contracts.contract import Contract
'''
_RECORDING = '''\
"""Records {event}: {sentence}"""

{datetime}from chassis.work import UnitsOfWork
from contracts import Contract, Event, new_event
from contracts.{service} import {class_name}


def record_{snake}(
    work: UnitsOfWork,
    tenant_id: str,
    subject: str,
{parameters}) -> Event[Contract]:
    """Record the fact about the subject; it goes to the bus right after the commit."""
    fact = {class_name}({arguments})
    with work.on(tenant_id, subject) as unit:
        [event] = unit.record(new_event(fact, subject=subject, tenant_id=tenant_id))
    return event
'''
_TEST = '''\
"""The fact {event} in the service's own event store."""

{datetime}import pytest

{imports}


@pytest.mark.integration
def test_{snake}_is_recorded(deploy: Deploy) -> None:
    deployment = deploy("{service}")
    service = Service(Settings(**deployment.settings), deployment.aws)
    try:
        event = record_{snake}(
            service.work,
            "tenant",
            "subject",
{arguments}        )
        assert isinstance(event.data, {class_name})
        assert store.read_stream(service.database.connection(), "tenant", "subject") == [event]
    finally:
        service.database.close()
'''


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """`name:type`, with `?` where it is optional."""

    name: str
    type: str
    optional: bool

    @property
    def declaration(self) -> str:
        """`tag: str` or `score: float | None = None`."""
        annotation = TYPES[self.type][0]
        if not self.optional:
            return f"{self.name}: {annotation}"
        return f"{self.name}: {annotation} = ()" if self.type == "list" else f"{self.name}: {annotation} | None = None"


@dataclass(frozen=True, slots=True)
class EventSpec:
    """The event to generate."""

    service: str
    event: str
    sentence: str
    fields: tuple[FieldSpec, ...]

    @property
    def event_type(self) -> str:
        """Its first major."""
        return f"collections.{self.service}.{self.event}.v1"

    @property
    def class_name(self) -> str:
        """`ImageTagged` of `image-tagged`."""
        return "".join(word.capitalize() for word in self.event.split("-"))

    @property
    def snake(self) -> str:
        """`image_tagged` of `image-tagged`."""
        return self.event.replace("-", "_")

    @property
    def has_times(self) -> bool:
        """Whether any field holds a time."""
        return any(field.type == "datetime" for field in self.fields)


def with_contract(source: str | None, spec: EventSpec) -> str:
    """The service's module of contracts with the class at its end; a new module where there is none.

    Raises:
        ScaffoldError: the name of the class is taken.
    """
    source = source or _NEW_MODULE.format(service=spec.service)
    if re.search(rf"^class {spec.class_name}\b", source, re.MULTILINE):
        raise ScaffoldError(f"contracts/{spec.service}.py has a class {spec.class_name} already")
    if spec.has_times:
        source = with_import(source, "datetime", "datetime")
    source = with_import(source, "typing", "ClassVar")
    source = with_import(source, "contracts.contract", "Contract")
    lines = [
        f"class {spec.class_name}(Contract):",
        f'    """{spec.sentence}"""',
        "",
        f'    event_type: ClassVar[str] = "{spec.event_type}"',
        '    schema_version: ClassVar[str] = "1.0"',
        *(["", *(f"    {field.declaration}" for field in spec.fields)] if spec.fields else []),
    ]
    return source.rstrip("\n") + "\n\n\n" + "\n".join(lines) + "\n"


def recording(spec: EventSpec) -> str:
    """The module of the service that records the fact."""
    parameters = "".join(f"    {field.declaration},\n" for field in spec.fields)
    arguments = "".join(f"        {field.name}={field.name},\n" for field in spec.fields)
    return _RECORDING.format(
        event=spec.event,
        sentence=spec.sentence,
        service=spec.service,
        snake=spec.snake,
        class_name=spec.class_name,
        datetime="from datetime import datetime\n\n" if spec.has_times else "",
        parameters=f"    *,\n{parameters}" if parameters else "",
        arguments=f"\n{arguments}    " if arguments else "",
    )


def recording_test(spec: EventSpec) -> str:
    """The service's test of it."""
    ours = {
        "chassis": "store",
        "chassis.settings": "Settings",
        "chassis.service": "Service",
        f"contracts.{spec.service}": spec.class_name,
        "testkit": "Deploy",
        f"{spec.service}.{spec.snake}": f"record_{spec.snake}",
    }
    return _TEST.format(
        imports="\n".join(f"from {module} import {name}" for module, name in sorted(ours.items())),
        event=spec.event,
        service=spec.service,
        snake=spec.snake,
        class_name=spec.class_name,
        datetime="from datetime import UTC, datetime\n\n" if spec.has_times else "",
        arguments="".join(f"            {field.name}={TYPES[field.type][2]},\n" for field in spec.fields),
    )


def with_import(source: str, module: str, name: str) -> str:
    """The source with `from module import name`; sorted into the line of that module where there is one."""
    found = re.search(rf"^from {re.escape(module)} import (?P<names>[\w, ]+)$", source, re.MULTILINE)
    if found:
        names = sorted({*(entry.strip() for entry in found["names"].split(",")), name}, key=str.lower)
        return f"{source[: found.start()]}from {module} import {', '.join(names)}{source[found.end() :]}"
    first = re.search(r"^(from|import) ", source, re.MULTILINE)
    place = first.start() if first else len(source)
    return f"{source[:place]}from {module} import {name}\n{source[place:]}"
