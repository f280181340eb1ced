"""A function's real entry point, imported as in a fresh process with that function's environment."""

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3

from chassis import aws
from chassis.consumer import EventConsumer
from chassis.service import Service
from contracts import Contract
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
    """The entry point; within the block the service's modules and the environment are those of this function.

    Afterwards both are as before, so that tests of the service itself go on with the modules they had.

    Raises:
        EntryPointError: the handler is no `EventConsumer`.
    """
    with _environment(environment), _fresh_modules(ref.service.service):
        _forget_clients()
        module, _, name = ref.function.handler.rpartition(".")
        entry = getattr(importlib.import_module(module), name)
        if not isinstance(entry, EventConsumer):
            raise EntryPointError(f"{ref.function.handler} gets events and is a {type(entry).__name__}")
        try:
            yield entry
        finally:
            service_of(entry).database.close()
    _forget_clients()


def service_of(entry: EventConsumer) -> Service[Any]:
    """The service that the entry point works on."""
    return entry._service


def subscriptions_of(entry: EventConsumer) -> dict[str, type[Contract]]:
    """What the entry point handles: the contract of each event type."""
    return {event_type: subscription.contract for event_type, subscription in entry._subscriptions.items()}


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


@contextmanager
def _fresh_modules(package: str) -> Iterator[None]:
    def own() -> dict[str, object]:
        return {name: module for name, module in sys.modules.items() if (name + ".").startswith(package + ".")}

    before = own()
    for name in before:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in own():
            del sys.modules[name]
        sys.modules.update(before)  # type: ignore[arg-type]  # they came from there


def _forget_clients() -> None:
    """Clients keep the endpoint of the environment they were made in."""
    boto3.setup_default_session()
    clients: tuple[Callable[[], object], ...] = (aws.events, aws.sqs, aws.s3)
    for cached in clients:
        cached.cache_clear()  # type: ignore[attr-defined]  # made by functools.cache
