"""What a model reads otherwise than its JSON Schema says: rules that only the model has, or only the schema.

The gate compares schemas; what they do not say, it cannot see. So a contract is built of types that pydantic, in its
strict JSON mode, and JSON Schema read alike. Of other types pydantic reads more (a UUID in braces, a date as a number,
a set with an item twice), and what a validator refuses no schema knows.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from contracts.contract import Contract, read_timestamp

_ALIKE: Final = frozenset(
    """
    any bool default definition-ref definitions dict enum float int list literal model model-field model-fields none
    nullable str tagged-union tuple union
    """.split()  # noqa: SIM905 - a list of twenty literals does not read better
)
_KEYS: Final = frozenset({"str", "enum", "literal", "any", "definition-ref"})
_TEXT_CHANGES: Final = ("strip_whitespace", "to_lower", "to_upper")
_WORDS: Final = frozenset({"title", "description", "$comment", "examples", "deprecated", "readOnly", "writeOnly"})
#: Parts of pydantic's core schema that are no schemas.
_NO_SCHEMAS: Final = frozenset(
    {"type", "function", "serialization", "metadata", "cls", "default", "expected", "members", "config"}
)
#: Parts of it that hold schemas by names that anybody may choose: of fields, of alternatives.
_BY_NAME: Final = frozenset({"fields", "choices"})


def unpublished(contract: type[Contract]) -> tuple[str, ...]:
    """Each rule that its model and its schema do not share, as `<field>: <what it is>`; none, if they mean the same."""
    contract.model_rebuild()
    return tuple(dict.fromkeys(_of(contract.__pydantic_core_schema__, contract.__name__)))


def _of(core: Any, place: str) -> Iterator[str]:  # noqa: ANN401  # whatever pydantic's core schema holds
    if isinstance(core, list | tuple):
        for part in core:
            yield from _of(part, place)
    elif isinstance(core, Mapping):
        kind = core.get("type")
        if kind == "function-before" and core["function"]["function"] is read_timestamp:
            return  # the rule of times is their format
        if isinstance(kind, str):
            place = core["cls"].__name__ if kind == "model" else place
            yield from (f"{place}: {fault}" for fault in _faults(kind, core))
        if kind is None or kind in _ALIKE or kind.startswith("function-"):
            for name, part in core.items():
                if name in _BY_NAME and isinstance(part, Mapping):
                    for own, inner in part.items():
                        yield from _of(inner, f"{place}.{own}" if _is_field(inner) else place)
                elif name not in _NO_SCHEMAS:
                    yield from _of(part, place)


def _is_field(part: object) -> bool:
    return isinstance(part, Mapping) and part.get("type") == "model-field"


def _faults(kind: str, core: Mapping[str, Any]) -> Iterator[str]:
    if kind.startswith("function-"):
        yield f"the validator {getattr(core['function']['function'], '__name__', 'of its type')}"
    elif kind not in _ALIKE:
        yield f"the type {kind}"
    changes = {**core, **{name.removeprefix("str_"): value for name, value in core.get("config", {}).items()}}
    yield from (f"texts are changed: {name}" for name in _TEXT_CHANGES if changes.get(name))
    if kind == "dict" and core.get("keys_schema", {}).get("type", "any") not in _KEYS:
        yield "keys that are no texts"
    if "validation_alias" in core:
        yield "an alias"
    extra = (core.get("metadata") or {}).get("pydantic_js_extra")
    for keyword in extra if isinstance(extra, Mapping) else ():
        if keyword not in _WORDS and not keyword.startswith("x-"):
            yield f"{keyword}, which only its schema has"
