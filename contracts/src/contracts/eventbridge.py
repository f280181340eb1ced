"""A contract's schema as EventBridge Schemas keeps it: JSON Schema draft 4 of the whole message on the bus.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-schema.html (type `JSONSchemaDraft4`). It is tolerant, like
the consumer's: what is generated from it ignores what it does not name.
"""

from collections.abc import Mapping
from typing import Any

from contracts.contract import Contract
from contracts.envelope import EXTENSIONS
from contracts.schemas import Schema, consumer_schema

DIALECT = "http://json-schema.org/draft-04/schema#"

_TEXT: Schema = {"type": "string"}
_REQUIRED = (
    "specversion",
    "id",
    "source",
    "type",
    "subject",
    "time",
    "dataschema",
    "tenantid",
    "correlationid",
    "data",
)


def eventbridge_schema(contract: type[Contract]) -> Schema:
    """The message as EventBridge delivers it, with the CloudEvent in `detail`."""
    payload = draft4(consumer_schema(contract))
    definitions = payload.pop("definitions", {})
    # Names without meaning to draft 4, or of the outer document.
    for keyword in ("$schema", "id", "x-event-type"):
        payload.pop(keyword, None)
    detail: Schema = {
        "type": "object",
        "required": list(_REQUIRED),
        "properties": {
            "specversion": {"enum": ["1.0"]},
            "id": {"type": "string", "minLength": 1},
            "source": {"enum": [contract.source()]},
            "type": {"enum": [contract.event_type]},
            "subject": {"type": "string", "minLength": 1},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": {"enum": ["application/json"]},
            "dataschema": _TEXT,
            **dict.fromkeys(EXTENSIONS, _TEXT),
            "data": payload,
        },
    }
    return {
        "$schema": DIALECT,
        "id": f"{contract.dataschema()}:eventbridge",
        "title": contract.event_type,
        "description": payload.get("description", ""),
        "type": "object",
        "required": ["detail-type", "source", "detail"],
        "properties": {
            "version": _TEXT,
            "id": _TEXT,
            "detail-type": {"enum": [contract.event_type]},
            "source": {"enum": [contract.source()]},
            "account": _TEXT,
            "time": {"type": "string", "format": "date-time"},
            "region": _TEXT,
            "resources": {"type": "array", "items": _TEXT},
            "detail": detail,
        },
        "definitions": definitions,
    }


def draft4(schema: Any) -> Any:  # noqa: ANN401  # a schema, or a value inside one
    """A schema of 2020-12, of the keywords that our models give rise to, in the words of draft 4."""
    if isinstance(schema, list):
        return [draft4(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    result: Schema = {}
    for key, value in schema.items():
        match key:
            case "$defs":
                result["definitions"] = {name: draft4(inner) for name, inner in value.items()}
            case "properties":
                result[key] = {name: draft4(inner) for name, inner in value.items()}
            case "$id":
                result["id"] = value
            case "const":
                result["enum"] = [value]
            case "exclusiveMinimum":
                result |= {"minimum": value, "exclusiveMinimum": True}
            case "exclusiveMaximum":
                result |= {"maximum": value, "exclusiveMaximum": True}
            case "discriminator":
                continue  # OpenAPI's; the branches carry the same in their enums
            case "default" | "enum" | "examples":
                result[key] = value
            case _:
                result[key] = draft4(value)
    reference = result.pop("$ref", None)
    if reference is None:
        return result
    target = {"$ref": str(reference).replace("#/$defs/", "#/definitions/")}
    # Draft 4 ignores siblings of a $ref.
    return {**result, "allOf": [target]} if result else target
