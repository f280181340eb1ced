"""The resources of a plan that the manifests and the contracts decide alone, as far as its summary shows them.

They are compared with those instead of a snapshot, so that a route, a subscription or an event changes no snapshot.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from manifests import FunctionRef, Manifests, Names, Platform, RouteAuth, aws_pattern, bus_pattern, replayed_pattern
from manifests.topology.per_function import REPLAYED_CONCURRENCY
from mesh.infra.resources import Resource

TYPES: Final = frozenset(
    {
        "aws_apigatewayv2_route",
        "aws_cloudwatch_event_rule",
        "aws_lambda_event_source_mapping",
        "aws_lambda_function",
        "aws_schemas_schema",
    }
)


def declared_resources(manifests: Manifests, names: Names, contracts: Iterable[str]) -> list[Resource]:
    """All of them; `contracts` are the event types in the schema registry of the environment."""
    schemas = (
        Resource(f'module.schema_registry[0].aws_schemas_schema.contract["{name}"]', "aws_schemas_schema", {})
        for name in contracts
    )
    return [
        *schemas,
        *(resource for ref in manifests.functions for resource in _of_function(ref, names, manifests.platform)),
    ]


def _of_function(ref: FunctionRef, names: Names, platform: Platform) -> Iterator[Resource]:
    function = ref.function
    yield _resource(
        ref,
        "aws_lambda_function.main",
        ref.name,
        handler=function.handler,
        runtime=platform.runtime,
        architectures=[platform.architecture],
        memory_size=function.memory_mb,
        timeout=function.timeout_s,
    )
    for route in function.gateway_routes:
        kind = "NONE" if route.auth is RouteAuth.NONE else "JWT"
        yield _resource(ref, "aws_apigatewayv2_route.main", route.key, authorization_type=kind)
    if function.queue:
        scaling = [{"maximum_concurrency": function.queue.max_concurrency}]
        yield _resource(
            ref,
            "aws_lambda_event_source_mapping.main",
            ref.name,
            batch_size=function.queue.batch_size,
            scaling_config=scaling,
        )
    if pattern := replayed_pattern(ref):
        yield _resource(
            ref,
            "aws_lambda_event_source_mapping.replayed",
            ref.name,
            batch_size=function.queue.batch_size if function.queue else None,
            scaling_config=[{"maximum_concurrency": REPLAYED_CONCURRENCY}],
        )
        yield _resource(ref, "aws_cloudwatch_event_rule.replayed", ref.name, event_pattern=json.dumps(pattern))
    rule = "aws_cloudwatch_event_rule"
    if pattern := bus_pattern(ref):
        yield _resource(ref, f"{rule}.bus", ref.name, event_pattern=json.dumps(pattern))
    for consumed in ref.service.consumes:
        if consumed.aws_event and consumed.function == ref.name:
            yield _resource(
                ref, f"{rule}.aws", ref.name, event_pattern=json.dumps(aws_pattern(names, consumed.aws_event))
            )
    if function.schedule:
        yield _resource(ref, f"{rule}.schedule", ref.name, schedule_expression=function.schedule)


def _resource(ref: FunctionRef, name: str, key: str, **values: Any) -> Resource:
    """One of the service's module, by the key of its `for_each`."""
    address = f'module.{ref.service.service}.module.service.{name}["{key}"]'
    return Resource(address, name.partition(".")[0], values)
