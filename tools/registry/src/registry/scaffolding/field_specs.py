"""Fields of what is scaffolded: `name:type`, with `?` where it is optional."""

from __future__ import annotations

import keyword
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from registry.errors import ScaffoldError

#: Type of a field -> its annotation, a value for the example, the same value in Python.
TYPES: dict[str, tuple[str, object, str]] = {
    "str": ("str", "text", '"text"'),
    "int": ("int", 1, "1"),
    "float": ("float", 0.5, "0.5"),
    "bool": ("bool", True, "True"),
    "datetime": ("datetime", "2026-01-02T03:04:05Z", "datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)"),
    "list": ("tuple[str, ...]", ["text"], '("text",)'),
}
#: Type of a field -> limits of what may be sent, as arguments of pydantic's `Field`.
_LIMITS = {
    "str": "max_length=1000, ",
    "int": "ge=0, le=1_000_000, ",
    "float": "ge=0, le=1, ",
    "list": "max_length=100, ",
}
_FIELD = re.compile(r"^(?P<name>[a-z][a-z0-9_]*):(?P<type>[a-z]+)(?P<optional>\?)?$")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field."""

    name: str
    type: str
    optional: bool

    def declaration(self, times: str = "datetime") -> str:
        """`tag: str` or `score: float | None = None`; `times` is the type of times."""
        annotation = times if self.type == "datetime" else TYPES[self.type][0]
        if not self.optional:
            return f"{self.name}: {annotation}"
        return f"{self.name}: {annotation} = ()" if self.type == "list" else f"{self.name}: {annotation} | None = None"

    def sent(self) -> str:
        """The declaration in a request: with limits, and a description that is still to be written."""
        declaration, _, default = self.declaration().partition(" = ")
        first = f"default={default}, " if default else ""
        shown = f'description="Not described yet.", examples=[{TYPES[self.type][1]!r}]'
        return f"{declaration} = Field({first}{_LIMITS.get(self.type, '')}{shown})"


def fields_of(texts: Sequence[str], base: type, reserved: Collection[str]) -> tuple[FieldSpec, ...]:
    """The fields of a model that derives from the base.

    Raises:
        ScaffoldError: one is malformed, is named twice, or its name is taken by the base or reserved.
    """
    fields = tuple(_field(text, {*dir(base), *base.__annotations__, *reserved}) for text in texts)
    names = [field.name for field in fields]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ScaffoldError(f"fields are named once: {', '.join(repeated)}")
    return fields


def has_times(fields: Sequence[FieldSpec]) -> bool:
    """Whether any of them holds a time."""
    return any(field.type == "datetime" for field in fields)


def _field(text: str, taken: Collection[str]) -> FieldSpec:
    match = _FIELD.match(text)
    if match is None or match["type"] not in TYPES or keyword.iskeyword(match["name"]) or match["name"] in taken:
        raise ScaffoldError(
            f"{text!r} is not a field: name:type with a type of {', '.join(TYPES)}; ? after it: optional"
        )
    return FieldSpec(match["name"], match["type"], bool(match["optional"]))
