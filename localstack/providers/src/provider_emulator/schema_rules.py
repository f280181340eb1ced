"""What the providers refuse in a JSON Schema for structured output: a table of keywords, and one walk over the schema.

A schema that works here but fails at the real provider would be a trap, so their documented limits are kept.
Raises BadRequestError that names the place.
"""

from collections.abc import Iterator

from provider_emulator.errors import BadRequestError
from provider_emulator.prompt import JsonObject

# keyword -> type in whose schemas Anthropic's structured output refuses it
_REFUSED_BY_ANTHROPIC = {
    "minimum": ("integer", "number"),
    "maximum": ("integer", "number"),
    "exclusiveMinimum": ("integer", "number"),
    "exclusiveMaximum": ("integer", "number"),
    "multipleOf": ("integer", "number"),
    "minLength": ("string",),
    "maxLength": ("string",),
    "maxItems": ("array",),
    "uniqueItems": ("array",),
}


def check_for_anthropic(schema: JsonObject) -> None:
    """Objects must be closed, and bounds are not supported."""
    for path, node in _nodes(schema, "output_config.format.schema"):
        kind = node.get("type")
        if kind == "object" and node.get("additionalProperties") is not False:
            raise BadRequestError(f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false")
        for keyword, kinds in _REFUSED_BY_ANTHROPIC.items():
            if keyword in node and kind in kinds:
                raise BadRequestError(f"{path}: For '{kind}' type, property '{keyword}' is not supported")
        if kind == "array" and node.get("minItems", 0) > 1:
            raise BadRequestError(f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported")


def check_for_openai(name: str, schema: JsonObject) -> None:
    """In strict mode objects must be closed and every property required."""
    for path, node in _nodes(schema, ""):
        if node.get("type") != "object":
            continue
        context = f"In context=({path or 'root'})"
        if node.get("additionalProperties") is not False:
            raise BadRequestError(
                f"Invalid schema for response_format '{name}': {context}, 'additionalProperties' is required to be "
                "supplied and to be false.",
                param="response_format",
            )
        missing = set(node.get("properties", {})) - set(node.get("required", ()))
        if missing:
            raise BadRequestError(
                f"Invalid schema for response_format '{name}': {context}, 'required' is required to be supplied and to "
                f"be an array including every key in properties. Missing '{min(missing)}'.",
                param="response_format",
            )


def _nodes(schema: JsonObject, path: str) -> Iterator[tuple[str, JsonObject]]:
    yield path, schema
    for word in ("properties", "$defs", "definitions"):
        for name, inner in schema.get(word, {}).items():
            if isinstance(inner, dict):
                yield from _nodes(inner, f"{path}.{word}.{name}")
    if isinstance(schema.get("items"), dict):
        yield from _nodes(schema["items"], f"{path}.items")
    for word in ("anyOf", "oneOf", "allOf"):
        for index, inner in enumerate(schema.get(word, ())):
            if isinstance(inner, dict):
                yield from _nodes(inner, f"{path}.{word}.{index}")
