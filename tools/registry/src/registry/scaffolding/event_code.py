"""The Python of a scaffolded event: its contract, the function that records it, the reaction to it, and their tests."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.errors import ScaffoldError
from registry.scaffolding.field_specs import TYPES, FieldSpec, has_times
from registry.scaffolding.python_source import with_import

_NEW_CONTRACTS = '''\
"""Events published by the {service} service."""

from typing import ClassVar

from contracts.contract import Contract
'''
_CONTRACT = '''


class {class_name}(Contract):
    """{sentence}"""

    event_type: ClassVar[str] = "{event_type}"
    schema_version: ClassVar[str] = "1.0"
{declarations}'''
_RECORDING = '''\
"""Records {event}: {sentence}"""

{datetime}from chassis.work import UnitOfWork
from contracts import Cause, new_event
from contracts.{service} import {class_name}


def record_{snake}(work: UnitOfWork, cause: Cause{parameters}) -> None:
    """Record the fact about the unit of work's subject; it goes to the bus right after the commit.

    `cause` is the event that led to it, or the caller who asked for it.
    """
    fact = {class_name}({arguments})
    work.record(new_event(fact, subject=work.subject, tenant_id=work.tenant_id, cause=cause))
'''
_RECORDING_TEST = '''\
"""{event} is recorded with what led to it."""

{datetime}from chassis.http import Caller
from chassis.service import Service
from chassis.settings import Settings
from contracts.{service} import {class_name}
from testkit import Fakes
from testkit.fakes import CORRELATION_ID, SETTINGS, TRACED, caused, requested
from {service}.{snake} import record_{snake}


def test_{snake}_is_recorded_with_its_cause(fakes: Fakes) -> None:
    service = fakes.under(Service(Settings(service="{service}", **SETTINGS), fakes.aws))
    fact = {class_name}({values})
    with service.work.on("tenant", "subject") as work:
        record_{snake}(work, Caller("tenant", CORRELATION_ID, TRACED["traceparent"]){passed})
    [event] = fakes.store.events
    with service.work.on("tenant", "subject") as work:
        record_{snake}(work, event{passed})
    assert fakes.recorded == [requested(fact, "tenant", "subject"), caused(fact, event, sequence=2)]
    assert len(fakes.published) == 2
'''
_NEW_REACTIONS = '''\
"""What follows from the events that {consumer} consumes, beside the folds in `projections`."""
'''
_REACTION = '''


def count_{snake}(event: Event[{class_name}]) -> None:
    """Count the event. What else follows from it starts here; what is kept of it is a fold."""
    metrics.add_metric("{class_name}", MetricUnit.Count, 1)
'''
_REACTION_TEST = '''\
"""What {consumer} does when it consumes {event}."""

import json
{datetime}
import pytest

from chassis.observability import metrics
from contracts import new_event
from contracts.{service} import {class_name}
from {consumer}.reactions import count_{snake}


def test_{snake}_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    fact = {class_name}({values})
    metrics.clear_metrics()
    count_{snake}(new_event(fact, subject="subject", tenant_id="tenant"))
    metrics.flush_metrics()
    assert json.loads(capsys.readouterr().out)["{class_name}"] == [1.0]
'''


@dataclass(frozen=True, slots=True)
class EventSpec:
    """The event to generate."""

    service: str
    event: str
    sentence: str
    fields: tuple[FieldSpec, ...]
    prefix: str = "collections"
    major: int = 1

    @property
    def event_type(self) -> str:
        """The type to add."""
        return f"{self.prefix}.{self.service}.{self.event}.v{self.major}"

    @property
    def version(self) -> str:
        """Its first schema version."""
        return f"{self.major}.0"

    @property
    def class_name(self) -> str:
        """`ImageTagged` of `image-tagged`."""
        return "".join(word.capitalize() for word in self.event.split("-"))

    @property
    def snake(self) -> str:
        """`image_tagged` of `image-tagged`."""
        return self.event.replace("-", "_")

    @property
    def values(self) -> str:
        """Example values of the fields, as keyword arguments."""
        return ", ".join(f"{field.name}={TYPES[field.type][2]}" for field in self.fields)


def with_contract(source: str | None, spec: EventSpec) -> str:
    """The service's module of contracts with the class at its end; a new module where there is none.

    Raises:
        ScaffoldError: the name of the class is taken.
    """
    source = source or _NEW_CONTRACTS.format(service=spec.service)
    if re.search(rf"^class {spec.class_name}\b", source, re.MULTILINE):
        raise ScaffoldError(f"contracts/{spec.service}.py has a class {spec.class_name} already")
    if has_times(spec.fields):
        source = with_import(source, "contracts.contract", "Timestamp")
    declarations = "".join(f"    {field.declaration('Timestamp')}\n" for field in spec.fields)
    contract = _CONTRACT.format(
        class_name=spec.class_name,
        sentence=spec.sentence,
        event_type=spec.event_type,
        declarations=f"\n{declarations}" if declarations else "",
    )
    source = with_import(with_import(source, "typing", "ClassVar"), "contracts.contract", "Contract")
    return source.rstrip("\n") + contract


def recording(spec: EventSpec) -> str:
    """The module of the service that records the fact."""
    parameters = ", ".join(field.declaration() for field in spec.fields)
    return _RECORDING.format(
        **_words(spec),
        datetime="from datetime import datetime\n\n" if has_times(spec.fields) else "",
        parameters=f", *, {parameters}" if parameters else "",
        arguments=", ".join(f"{field.name}={field.name}" for field in spec.fields),
    )


def recording_test(spec: EventSpec) -> str:
    """The service's test of it."""
    datetime = "from datetime import UTC, datetime\n\n" if has_times(spec.fields) else ""
    passed = ", **fact.model_dump()" if spec.fields else ""
    return _RECORDING_TEST.format(**_words(spec), values=spec.values, datetime=datetime, passed=passed)


def with_reaction(source: str | None, consumer: str, spec: EventSpec) -> str:
    """The consumer's module of reactions with one to the event at its end; a new module where there is none."""
    source = source or _NEW_REACTIONS.format(consumer=consumer)
    for module, name in (
        ("chassis.observability", "MetricUnit, metrics"),
        ("contracts", "Event"),
        (f"contracts.{spec.service}", spec.class_name),
    ):
        source = with_import(source, module, name)
    return source.rstrip("\n") + _REACTION.format(**_words(spec))


def reaction_test(consumer: str, spec: EventSpec) -> str:
    """The consumer's test of its reaction."""
    datetime = "from datetime import UTC, datetime\n" if has_times(spec.fields) else ""
    return _REACTION_TEST.format(**_words(spec), consumer=consumer, values=spec.values, datetime=datetime)


def _words(spec: EventSpec) -> dict[str, str]:
    return {
        "service": spec.service,
        "event": spec.event,
        "sentence": spec.sentence,
        "snake": spec.snake,
        "class_name": spec.class_name,
    }
