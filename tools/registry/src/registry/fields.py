"""A JSON Schema as a flat list of fields, for display: `renditions[].width`, integer, > 0, required.

Where a schema has alternatives, each has fields of its own, required in it or not: `cause<idle>.after_s`.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from registry.field_types import MAX_DEPTH, Json, as_list, description_of, limits_of, lookup, reference, type_of
from registry.unions import IN_PLACE, alternatives, resolved

__all__ = ["MAX_FIELDS", "Field", "Json", "fields_of"]

# An exploding schema is cut here.
MAX_FIELDS = 2_000


@dataclass(frozen=True, slots=True)
class Field:
    """One field, or one of several alternatives of a field, which is neither required nor optional.

    `path` is dotted, `[]` stands for every item of a list, `{}` for every key of a map. `name` is the path with the
    alternatives that lead to it, `cause<idle>.after_s`; outside of alternatives both are the same. `parent` is the name
    of what it belongs to, such as `renditions[]`.
    """

    name: str
    path: str
    parent: str
    type: str
    required: bool
    limits: tuple[str, ...] = ()
    default: str | None = None
    description: str = ""
    personal: bool = False
    deprecated: bool = False
    replaced_by: str | None = None
    alternative: bool = False

    @property
    def need(self) -> str:
        """`required`, `optional` or `alternative`."""
        return "alternative" if self.alternative else "required" if self.required else "optional"

    @property
    def deprecation(self) -> str:
        """`deprecated`, and for what; empty where it is not."""
        return "" if not self.deprecated else f"deprecated for {self.replaced_by}" if self.replaced_by else "deprecated"

    @property
    def marks(self) -> tuple[str, ...]:
        """What to know before the field is used."""
        return tuple(filter(None, ("personal" if self.personal else "", self.deprecation)))

    def as_json(self) -> Json:
        """For `--json`."""
        return asdict(self) | {"limits": list(self.limits)}


def fields_of(schema: Json) -> dict[str, Field]:
    """Name -> field, parents before their children, at most `MAX_FIELDS`."""
    found: dict[str, Field] = {}
    for field in _properties(schema, schema, _Place()):
        if len(found) >= MAX_FIELDS:
            break
        found.setdefault(field.name, field)
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the payload, and the references and levels of the schema on the way there."""

    name: str = ""
    path: str = ""
    parent: str = ""
    references: frozenset[str] = frozenset()
    depth: int = 0

    def field(self, step: str) -> "_Place":
        """A field of the object there."""
        name, path = (f"{where}.{step}" if where else step for where in (self.name, self.path))
        return replace(self, name=name, path=path, parent=self.name, depth=self.depth + 1)

    def every(self, mark: str) -> "_Place":
        """Every item or key of what is there."""
        return replace(self, name=self.name + mark, path=self.path + mark, depth=self.depth + 1)

    def alternative(self, label: str) -> "_Place":
        """One of several schemas of what is there."""
        name, parent = (f"{self.name}<{label}>", self.name) if label else (self.name, self.parent)
        return replace(self, name=name, parent=parent, depth=self.depth + 1)

    def behind(self, pointer: str) -> "_Place":
        """The same place, described elsewhere in the schema."""
        return replace(self, references=self.references | {pointer}, depth=self.depth + 1)


def _properties(
    root: Json,
    schema: object,
    at: _Place,
    required: frozenset[str] = frozenset(),
    outer: Mapping[str, Any] | None = None,
) -> Iterator[Field]:
    """Fields of an object, or of objects below lists, maps and alternatives.

    Of a schema around this one for the same object, `required` are the names that it requires, `outer` its properties.
    """
    if not isinstance(schema, Mapping) or at.depth > MAX_DEPTH:
        return
    here = _required(root, schema, 0)
    required |= here
    properties = schema.get("properties")
    own: Mapping[str, Any] = properties if isinstance(properties, Mapping) else {}
    # An alternative may require a field that is declared around it.
    shown = {**{name: inner for name, inner in (outer or {}).items() if name in here}, **own}
    pointer = reference(schema)
    if pointer is not None and pointer not in at.references:
        yield from _properties(root, lookup(root, pointer), at.behind(pointer), required, outer)
    for name, inner in shown.items():
        yield _field(root, at.field(name), inner, required=name in required)
        yield from _properties(root, inner, at.field(name))
    yield from _properties(root, schema.get("items"), at.every("[]"))
    yield from _properties(root, schema.get("additionalProperties"), at.every("{}"))
    for part in as_list(schema.get("allOf")):
        yield from _properties(root, part, at.alternative(""), required, outer)
    for keyword in IN_PLACE:
        for label, option in alternatives(root, schema.get(keyword)):
            place = at.alternative(label)
            if label:
                yield replace(_field(root, place, option, required=False), alternative=True)
            yield from _properties(root, option, place, required, {**(outer or {}), **own})


def _required(root: Json, schema: Mapping[str, Any], depth: int) -> frozenset[str]:
    """Names that the schema requires, also through references and in every part of `allOf`."""
    target = resolved(root, schema)
    if depth > MAX_DEPTH:
        return frozenset()
    names = frozenset(str(name) for name in (*as_list(schema.get("required")), *as_list(target.get("required"))))
    parts = [part for part in as_list(target.get("allOf")) if isinstance(part, Mapping)]
    return names.union(*(_required(root, part, depth + 1) for part in parts))


def _field(root: Json, at: _Place, schema: object, *, required: bool) -> Field:
    if not isinstance(schema, Mapping):
        return Field(at.name, at.path, at.parent, "anything" if schema is not False else "nothing", required)
    # A description beside a `$ref` is about this use of it; otherwise the target's own applies.
    annotations = {**resolved(root, schema), **schema}
    replacement = annotations.get("x-replaced-by")
    return Field(
        at.name,
        at.path,
        at.parent,
        type_of(root, schema),
        required,
        tuple(dict.fromkeys(limits_of(root, schema))),
        json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else None,
        description_of(root, schema),
        _is_personal(root, schema),
        annotations.get("deprecated") is True,
        replacement if isinstance(replacement, str) else None,
    )


def _is_personal(root: Json, schema: Mapping[str, Any]) -> bool:
    target = resolved(root, schema)
    parts = [part for keyword in ("allOf", *IN_PLACE) for part in as_list(target.get(keyword))] + [target.get("items")]
    return any(
        isinstance(part, Mapping) and {**resolved(root, part), **part}.get("x-personal") is True
        for part in (schema, *parts)
    )
