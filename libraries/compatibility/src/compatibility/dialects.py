"""The drafts of JSON Schema that are read, and what each of them knows."""

from __future__ import annotations

from dataclasses import dataclass

from jsonschema import (
    Draft4Validator,
    Draft6Validator,
    Draft7Validator,
    Draft201909Validator,
    Draft202012Validator,
)

from compatibility.errors import Unusable, UnusableSchemaError
from compatibility.model import JsonValue
from compatibility.validators import ValidatorClass, careful

_DRAFT_4 = frozenset(
    """
    type format enum minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern items
    additionalItems minItems maxItems uniqueItems properties patternProperties additionalProperties required
    minProperties maxProperties dependencies allOf anyOf oneOf not definitions $ref
    """.split()  # noqa: SIM905 - a list of forty literals does not read better
)
_DRAFT_6 = _DRAFT_4 | {"const", "contains", "propertyNames"}
_DRAFT_7 = _DRAFT_6 | {"if", "then", "else"}
_DRAFT_2019 = (_DRAFT_7 - {"dependencies"}) | {
    "$defs",
    "$recursiveRef",
    "dependentRequired",
    "dependentSchemas",
    "minContains",
    "maxContains",
    "unevaluatedItems",
    "unevaluatedProperties",
}
_DRAFT_2020 = (_DRAFT_2019 - {"additionalItems", "$recursiveRef"}) | {"prefixItems", "$dynamicRef"}


_ANNOTATIONS = frozenset(
    """
    $schema $id id $anchor $dynamicAnchor $recursiveAnchor $vocabulary $comment $defs definitions title description
    default examples deprecated readOnly writeOnly contentEncoding contentMediaType contentSchema
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Dialect:
    """One draft: its number, its validator, the keywords that it gives a meaning to, and its keyword for ids."""

    draft: int
    validator_class: ValidatorClass
    keywords: frozenset[str]
    id_keyword: str = "$id"

    def knows(self, keyword: str) -> bool:
        """Whether it has a meaning, be it for readers only; extensions that begin with ``x-`` are anyone's."""
        return keyword in self.keywords or keyword in _ANNOTATIONS or keyword.startswith("x-")

    @property
    def reference_hides_siblings(self) -> bool:
        """Up to draft 7 siblings of ``$ref`` are ignored."""
        return self.draft <= 7


def _dialect(draft: int, validator_class: ValidatorClass, keywords: frozenset[str], id_keyword: str = "$id") -> Dialect:
    return Dialect(draft, careful(validator_class), keywords, id_keyword)


_DIALECTS = {
    "http://json-schema.org/draft-04/schema": _dialect(4, Draft4Validator, _DRAFT_4, "id"),
    "http://json-schema.org/draft-06/schema": _dialect(6, Draft6Validator, _DRAFT_6),
    "http://json-schema.org/draft-07/schema": _dialect(7, Draft7Validator, _DRAFT_7),
    "https://json-schema.org/draft/2019-09/schema": _dialect(2019, Draft201909Validator, _DRAFT_2019),
    "https://json-schema.org/draft/2020-12/schema": _dialect(2020, Draft202012Validator, _DRAFT_2020),
}
DEFAULT = _DIALECTS["https://json-schema.org/draft/2020-12/schema"]


def dialect_of(source: JsonValue) -> Dialect:
    """The dialect that ``$schema`` names; 2020-12 where nothing is named. An unknown one is unusable."""
    named = source.get("$schema") if isinstance(source, dict) else None
    if named is None:
        return DEFAULT
    dialect = _DIALECTS.get(named.removesuffix("#")) if isinstance(named, str) else None
    if dialect is None:
        raise UnusableSchemaError(
            Unusable.UNKNOWN_DIALECT, f"$schema {named!r} is none of draft 4, 6, 7, 2019-09 and 2020-12"
        )
    return dialect
