"""Golden examples prove something only if they are events of their version."""

from collections.abc import Iterator

from compatibility import Schema, UnusableSchemaError, read_schema
from registry.catalogue import Json, Version
from registry.problems import Break, Problem


def problems_of_examples(version: Version) -> Iterator[Problem]:
    """Of each example of the version: that it is of its type, and that a producer may emit its payload."""
    try:
        schema = read_schema(version.closed, name=version.path)
    except UnusableSchemaError:
        return  # the schema's own problem
    for example in version.examples:
        if wrong := _wrong(example.document, version.event_type, schema):
            yield Problem(Break.EXAMPLE_INVALID, example.path, f"the example {example.path} {wrong}")


def _wrong(document: Json, event_type: str, schema: Schema) -> str | None:
    if not document:
        return "is empty"
    if document.get("type") != event_type:
        return f"is not of type {event_type}"
    if "data" not in document:
        return "has no data"
    error = next(schema.validator.iter_errors(document["data"]), None)
    if error is None:
        return None
    # Not the validator's own sentence: it quotes the value, which may be personal.
    return f"breaks {error.validator} of its schema at data{error.json_path.removeprefix('$')}"
