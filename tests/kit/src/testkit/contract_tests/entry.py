"""A function's real entry point, built as in a fresh process with that function's environment."""

import importlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from chassis.entry_points import EntryPoints
from chassis.queue import EventConsumer
from chassis.service import Service
from localmesh.provision.context import Context
from manifests import FunctionRef, function_environment


class EntryPointError(Exception):
    """The manifest names an entry point for events that is no `EventConsumer`."""


def environment_of(context: Context, ref: FunctionRef) -> dict[str, str]:
    """What the provisioner gives the function, and the emulator's credentials in the place of a role."""
    variables = function_environment(context.manifests, context.deployment, ref)
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": context.names.region}
    return variables | keys


@contextmanager
def consumer_of(ref: FunctionRef, environment: Mapping[str, str]) -> Iterator[EventConsumer]:
    """The entry point on the service as that environment describes it; within the block it is this process's.

    Raises:
        EntryPointError: the handler is no `EventConsumer`.
    """
    with _environment(environment):
        entry_points, name = _entry_points(ref)
        entry = entry_points.build(name, entry_points.bootstrap())
        if not isinstance(entry, EventConsumer):
            raise EntryPointError(f"{ref.function.handler} gets events and is a {type(entry).__name__}")
        try:
            yield entry
        finally:
            entry.service.database.close()


@contextmanager
def service_of(ref: FunctionRef, environment: Mapping[str, str]) -> Iterator[Service[Any]]:
    """The service as that function builds it; within the block the environment is this process's."""
    with _environment(environment):
        service: Service[Any] = _entry_points(ref)[0].bootstrap()
        try:
            yield service
        finally:
            service.database.close()


def _entry_points(ref: FunctionRef) -> tuple[EntryPoints, str]:
    module, _, name = ref.function.handler.rpartition(".")
    return importlib.import_module(module).ENTRY_POINTS, name


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
