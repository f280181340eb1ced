"""The whole mesh as one AsyncAPI 3.0 document, from the committed schemas and the manifests.

https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from collections.abc import Mapping
from importlib.metadata import version as package_version
from typing import Any

from registry.catalogue import Catalogue, Version, fact_of, short_name
from registry.envelope import envelope_schema
from registry.layout import Layout
from registry.masking import masked_document, personal_paths
from registry.models import is_own
from registry.topology import Member, Topology

Json = dict[str, Any]


def asyncapi(catalogue: Catalogue, topology: Topology, layout: Layout) -> Json:
    """Channels are event types; every service sends what it publishes and receives what it consumes.

    The payload of a message is the newest minor of its type, as a consumer reads it.
    """
    newest = [versions[-1] for versions in catalogue.versions.values()]
    schemas: Json = {}
    messages: Json = {}
    for version in newest:
        payload, definitions = _hoisted(version.consumer, short_name(version.event_type))
        schemas |= definitions | {short_name(version.event_type): payload}
        messages[short_name(version.event_type)] = _message(version, catalogue)
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:{layout.prefix}:mesh",
        "info": {
            "title": layout.title,
            "version": package_version("collections-contracts") if is_own(layout) else layout.version,
            "description": f"Events that the services of {layout.title} exchange on one event bus.",
            "tags": [{"name": name, "description": service.summary} for name, service in topology.services.items()],
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {short_name(version.event_type): _channel(version) for version in newest},
        "operations": {
            operation: body
            for name, service in topology.services.items()
            for operation, body in _operations(name, service, catalogue).items()
        },
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(version: Version) -> Json:
    name = short_name(version.event_type)
    return {
        "address": version.event_type,
        "title": str(version.consumer.get("title", name)),
        "description": str(version.consumer.get("description", "")),
        "messages": {name: {"$ref": f"#/components/messages/{name}"}},
        "tags": [{"name": fact_of(version.event_type).split(".")[0]}],
    }


def _message(version: Version, catalogue: Catalogue) -> Json:
    name = short_name(version.event_type)
    personal = personal_paths(catalogue.of_fact(version.fact))
    examples = [{"name": example.name, "payload": masked_document(example, personal)} for example in version.examples]
    return {
        "name": version.event_type,
        "title": str(version.consumer.get("title", name)),
        "summary": str(version.consumer.get("description", "")),
        "contentType": "application/cloudevents+json",
        "correlationId": {"location": "$message.payload#/correlationid"},
        "payload": envelope_schema(version, {"$ref": f"#/components/schemas/{name}"}),
        **({"examples": examples} if examples else {}),
        "x-schema-version": version.number,
    }


def _operations(service: str, member: Member, catalogue: Catalogue) -> Json:
    sent = {f"{service}.send.{short_name(event)}": ("send", event) for event in member.publishes}
    received = {f"{service}.receive.{short_name(event)}": ("receive", event) for event in member.heard}
    return {
        name: {
            "action": action,
            "channel": {"$ref": f"#/channels/{short_name(event)}"},
            "messages": [{"$ref": f"#/channels/{short_name(event)}/messages/{short_name(event)}"}],
            "tags": [{"name": service}],
        }
        for name, (action, event) in (sent | received).items()
        if event in catalogue.versions
    }


def _hoisted(schema: Json, prefix: str) -> tuple[Json, dict[str, Json]]:
    """The schema, and its definitions under names that start with the prefix, for `#/components/schemas`."""
    definitions: Mapping[str, Json] = schema.get("$defs", {})
    names = {f"#/$defs/{name}": f"#/components/schemas/{prefix}.{name}" for name in definitions}
    body = {key: value for key, value in schema.items() if key not in {"$schema", "$id", "$defs"}}
    return _renamed(body, names), {f"{prefix}.{name}": _renamed(inner, names) for name, inner in definitions.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:  # noqa: ANN401  # any JSON value
    if isinstance(value, list):
        return [_renamed(entry, names) for entry in value]
    if isinstance(value, Mapping):
        return {
            key: names.get(str(entry), entry) if key == "$ref" else _renamed(entry, names)
            for key, entry in value.items()
            # OpenAPI's, with names of definitions; the branches have the same as constants.
            if not (key == "discriminator" and isinstance(entry, Mapping) and "propertyName" in entry)
        }
    return value
