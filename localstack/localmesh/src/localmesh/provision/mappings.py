"""Event source mappings: queue to function, with partial batch failures and bounded concurrency."""

from __future__ import annotations

import time
from typing import Any

from localmesh.provision.context import Action, Context, in_parallel
from localmesh.provision.errors import NotReadyError
from manifests.topology import QueueMapping

_READY_S = 60.0


def provision_mappings(context: Context) -> None:
    """Create or update the mapping of each function with a queue and wait until it is enabled."""
    found = _list(context)
    in_parallel(
        lambda mapping: _provision(context, mapping, found.get((mapping.name, mapping.queue_arn))),
        context.topology.of(QueueMapping),
    )


def remove_mappings(context: Context) -> None:
    """Remove mappings of functions or queues that are no longer declared."""
    wanted = {(mapping.name, mapping.queue_arn) for mapping in context.topology.of(QueueMapping)}
    for key, mapping in _list(context).items():
        if key not in wanted:
            context.clients.functions.delete_event_source_mapping(UUID=mapping["UUID"])
            context.note("mapping", key[0], Action.REMOVED)


def _list(context: Context) -> dict[tuple[str, str], dict[str, Any]]:
    pages = context.clients.functions.get_paginator("list_event_source_mappings").paginate()
    mappings = [dict(mapping) for page in pages for mapping in page["EventSourceMappings"]]
    found = {(str(item["FunctionArn"]).split(":function:")[1], str(item["EventSourceArn"])): item for item in mappings}
    return {
        key: item
        for key, item in found.items()
        if key[0].startswith(context.names.prefix) and item.get("State") != "Deleting"
    }


def _provision(context: Context, mapping: QueueMapping, current: dict[str, Any] | None) -> None:
    client, name = context.clients.functions, mapping.name
    wanted: dict[str, Any] = {
        "BatchSize": mapping.batch_size,
        "FunctionResponseTypes": list(mapping.responses),
        "ScalingConfig": {"MaximumConcurrency": mapping.max_concurrency},
    }
    if current is None:
        created = client.create_event_source_mapping(
            FunctionName=name, EventSourceArn=mapping.queue_arn, Enabled=mapping.enabled, **wanted
        )
        uuid = created["UUID"]
        context.note("mapping", name, Action.CREATED)
    else:
        uuid = str(current["UUID"])
        if current.get("State") == "Enabled" and all(current.get(key) == value for key, value in wanted.items()):
            return
        client.update_event_source_mapping(UUID=uuid, FunctionName=name, Enabled=mapping.enabled, **wanted)
        context.note("mapping", name, Action.UPDATED)
    _wait_enabled(context, uuid, name)


def _wait_enabled(context: Context, uuid: str, name: str) -> None:
    deadline = time.monotonic() + _READY_S
    while (state := context.clients.functions.get_event_source_mapping(UUID=uuid)["State"]) != "Enabled":
        if time.monotonic() > deadline:
            raise NotReadyError(f"the mapping of {name} is {state}, not Enabled, after {_READY_S:.0f} s")
        time.sleep(0.1)
