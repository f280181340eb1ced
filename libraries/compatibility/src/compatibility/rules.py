"""The rules as data: which keyword, violated, breaks which rule, and the message of a finding."""

from __future__ import annotations

from dataclasses import dataclass

from compatibility.model import JsonValue, Rule
from compatibility.pointers import tokens

KEYWORD_RULES: dict[str, Rule] = {
    "type": Rule.TYPE_NARROWED,
    "enum": Rule.ENUM_NARROWED,
    "const": Rule.CONST_CHANGED,
    "minimum": Rule.MINIMUM_RAISED,
    "maximum": Rule.MAXIMUM_LOWERED,
    "exclusiveMinimum": Rule.EXCLUSIVE_MINIMUM_RAISED,
    "exclusiveMaximum": Rule.EXCLUSIVE_MAXIMUM_LOWERED,
    "multipleOf": Rule.MULTIPLE_OF_NARROWED,
    "minLength": Rule.MIN_LENGTH_RAISED,
    "maxLength": Rule.MAX_LENGTH_LOWERED,
    "pattern": Rule.PATTERN_NARROWED,
    "format": Rule.FORMAT_NARROWED,
    "minItems": Rule.MIN_ITEMS_RAISED,
    "maxItems": Rule.MAX_ITEMS_LOWERED,
    "uniqueItems": Rule.UNIQUE_ITEMS_REQUIRED,
    "contains": Rule.CONTAINS_REQUIRED,
    "minContains": Rule.MIN_CONTAINS_RAISED,
    "maxContains": Rule.MAX_CONTAINS_LOWERED,
    "required": Rule.REQUIRED_PROPERTY_ADDED,
    "dependentRequired": Rule.DEPENDENT_PROPERTY_REQUIRED,
    "propertyNames": Rule.PROPERTY_NAMES_NARROWED,
    "minProperties": Rule.MIN_PROPERTIES_RAISED,
    "maxProperties": Rule.MAX_PROPERTIES_LOWERED,
    "anyOf": Rule.ANY_OF_NARROWED,
    "oneOf": Rule.ONE_OF_NARROWED,
    "not": Rule.NOT_WIDENED,
}
"""The rule that a document breaks which violates the keyword itself, not a subschema of it."""

CLOSED_RULES: dict[str, Rule] = {
    "properties": Rule.PROPERTY_FORBIDDEN,
    "patternProperties": Rule.PATTERN_PROPERTY_FORBIDDEN,
    "additionalProperties": Rule.ADDITIONAL_PROPERTIES_CLOSED,
    "unevaluatedProperties": Rule.UNEVALUATED_PROPERTIES_CLOSED,
    "prefixItems": Rule.PREFIX_ITEM_FORBIDDEN,
    "items": Rule.ITEMS_CLOSED,
    "unevaluatedItems": Rule.UNEVALUATED_ITEMS_CLOSED,
    "dependentSchemas": Rule.DEPENDENT_SCHEMA_CLOSED,
    "then": Rule.CONDITION_CLOSED,
    "else": Rule.CONDITION_CLOSED,
}
"""The rule that a document breaks which has something where the schema says ``false``, by the keyword above it."""

_NAMED = frozenset({"properties", "patternProperties", "dependentSchemas", "$defs", "definitions"})
_NUMBERED = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})


@dataclass(frozen=True)
class Wording:
    """How a finding of a rule reads; ``{value}`` is what the rejecting schema has at its path, ``{name}`` the last
    token of the path."""

    text: str


WORDINGS: dict[Rule, Wording] = {
    Rule.SCHEMA_CLOSED: Wording("accepts nothing here"),
    Rule.TYPE_NARROWED: Wording("accepts only the type {value}"),
    Rule.ENUM_NARROWED: Wording("accepts only the values {value}"),
    Rule.CONST_CHANGED: Wording("accepts only the value {value}"),
    Rule.MINIMUM_RAISED: Wording("accepts no number below {value}"),
    Rule.MAXIMUM_LOWERED: Wording("accepts no number above {value}"),
    Rule.EXCLUSIVE_MINIMUM_RAISED: Wording("accepts only numbers above {value}"),
    Rule.EXCLUSIVE_MAXIMUM_LOWERED: Wording("accepts only numbers below {value}"),
    Rule.MULTIPLE_OF_NARROWED: Wording("accepts only multiples of {value}"),
    Rule.MIN_LENGTH_RAISED: Wording("accepts no string shorter than {value}"),
    Rule.MAX_LENGTH_LOWERED: Wording("accepts no string longer than {value}"),
    Rule.PATTERN_NARROWED: Wording("accepts only strings that match {value}"),
    Rule.FORMAT_NARROWED: Wording("accepts only strings of the format {value}"),
    Rule.MIN_ITEMS_RAISED: Wording("accepts no array with fewer than {value} items"),
    Rule.MAX_ITEMS_LOWERED: Wording("accepts no array with more than {value} items"),
    Rule.UNIQUE_ITEMS_REQUIRED: Wording("accepts no equal items"),
    Rule.CONTAINS_REQUIRED: Wording("requires an item that satisfies {value}"),
    Rule.MIN_CONTAINS_RAISED: Wording("requires at least {value} items of the kind it must contain"),
    Rule.MAX_CONTAINS_LOWERED: Wording("accepts at most {value} items of the kind it must contain"),
    Rule.ITEMS_CLOSED: Wording("accepts no further items"),
    Rule.PREFIX_ITEM_FORBIDDEN: Wording("accepts no item at index {name}"),
    Rule.UNEVALUATED_ITEMS_CLOSED: Wording("accepts no items that it does not describe"),
    Rule.REQUIRED_PROPERTY_ADDED: Wording("requires the property {value}"),
    Rule.DEPENDENT_PROPERTY_REQUIRED: Wording("requires the property {value} beside another one"),
    Rule.DEPENDENT_SCHEMA_CLOSED: Wording("accepts no object with the property {name}"),
    Rule.PROPERTY_FORBIDDEN: Wording("forbids the property {name}"),
    Rule.PATTERN_PROPERTY_FORBIDDEN: Wording("forbids properties that match {name}"),
    Rule.ADDITIONAL_PROPERTIES_CLOSED: Wording("forbids properties that it does not name"),
    Rule.UNEVALUATED_PROPERTIES_CLOSED: Wording("forbids properties that it does not describe"),
    Rule.PROPERTY_NAMES_NARROWED: Wording("accepts only property names that satisfy {value}"),
    Rule.MIN_PROPERTIES_RAISED: Wording("accepts no object with fewer than {value} properties"),
    Rule.MAX_PROPERTIES_LOWERED: Wording("accepts no object with more than {value} properties"),
    Rule.ANY_OF_NARROWED: Wording("offers no alternative for this"),
    Rule.ONE_OF_NARROWED: Wording("offers no alternative for this"),
    Rule.ONE_OF_AMBIGUOUS: Wording("has several alternatives for this and requires exactly one"),
    Rule.NOT_WIDENED: Wording("excludes what satisfies {value}"),
    Rule.CONDITION_CLOSED: Wording("accepts nothing that meets its condition"),
}


def closed_rule(pointer: str) -> Rule:
    """The rule that ``false`` at a pointer enforces, by the keyword that holds it."""
    holder = ""
    remaining = iter(tokens(pointer))
    for keyword in remaining:
        holder = keyword
        if keyword in _NAMED or keyword in _NUMBERED:
            next(remaining, None)
    return CLOSED_RULES.get(holder, Rule.SCHEMA_CLOSED)


def wording(rule: Rule, pointer: str, value: JsonValue) -> str:
    """The sentence for a finding, without its subject."""
    shown = repr(value) if not isinstance(value, str) else f'"{value}"'
    if len(shown) > 120:
        shown = shown[:117] + "..."
    name = tokens(pointer)[-1] if pointer else ""
    return WORDINGS[rule].text.format(value=shown, name=f'"{name}"')
