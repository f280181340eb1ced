"""Changes between two schemas that no validator notices: annotations that programs go by, place by place.

A place is found again however its schema is written: behind a reference of any kind, in alternatives in another order
or under another name, in a union that was none before.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from compatibility import UnusableSchemaError, read_schema
from compatibility.identity import frozen
from compatibility.pointers import resolve
from compatibility.references import REFERENCES, targets
from registry.catalogue import Json

#: Annotations that programs go by; and every `x-` keyword.
_TELLING: Final = frozenset({"default", "readOnly", "writeOnly"})
#: Like `$id` it names the schema, and is another one in each major.
_NAME: Final = "x-event-type"
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")
#: Keywords of one schema, and what their places are called.
_ONE: Final = {
    **dict.fromkeys(("if", "then", "else", "not"), ""),
    **dict.fromkeys(("items", "contains", "unevaluatedItems"), "[]"),
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), "{}"),
}
_NAMED: Final = ("properties", "patternProperties")
_STRUCTURE: Final = frozenset({*_IN_PLACE, *_ONE, *_NAMED, "dependentSchemas", "prefixItems"})


@dataclass(frozen=True, slots=True)
class Silent:
    """A telling annotation of one place that differs; None where it is not there."""

    field: str
    keyword: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.keyword} of {self.field or 'the payload'} changes from {self.before!r} to {self.after!r}"


def silent_changes(old: Json, new: Json) -> Iterator[Silent]:
    """Telling annotations that changed at places which both schemas have; a mark that is new takes nothing away.

    Of a schema that is unusable nothing is said here: it is refused for that.
    """
    try:
        documents = _Document.of(old), _Document.of(new)
    except UnusableSchemaError:
        return
    for path, before, after, what in _places(*documents):
        for keyword in dict.fromkeys((*before, *after)):
            is_mark = keyword.startswith("x-") and keyword != _NAME
            if (is_mark and keyword not in before) or not (is_mark or (what is _What.ALL and keyword in _TELLING)):
                continue
            was, now = before.get(keyword), after.get(keyword)
            if (keyword in before, frozen(was)) != (keyword in after, frozen(now)):
                yield Silent(path, keyword, was, now)


@dataclass(frozen=True, slots=True)
class _Document:
    """A schema, and what the references of its parts lead to, by the part's identity."""

    root: Any
    targets: Mapping[int, Sequence[Any]]

    @classmethod
    def of(cls, source: Json) -> "_Document":
        schema = read_schema(source)
        root = schema.source
        found = {
            id(resolve(root, pointer)): [resolve(root, target) for target in leads_to]
            for pointer, leads_to in targets(schema).items()
        }
        return cls(root, found)

    def complete(self, schema: Mapping[str, Any]) -> tuple[Json, object]:
        """The schema with what its references lead to (its own keywords win), and what its parts are of."""
        merged: Json = {name: value for name, value in schema.items() if name not in REFERENCES}
        parts = [id(schema)] if _STRUCTURE & schema.keys() else []
        seen, waiting = {id(schema)}, [*self.targets.get(id(schema), ())]
        while waiting:
            target = waiting.pop(0)
            if not isinstance(target, Mapping) or id(target) in seen:
                continue
            seen.add(id(target))
            parts += [id(target)] if _STRUCTURE & target.keys() else []
            if _STRUCTURE & merged.keys() & target.keys():  # both have fields, or alternatives
                merged["allOf"] = [*merged.get("allOf", ()), target]
                continue
            waiting += self.targets.get(id(target), ())
            merged = {**{name: value for name, value in target.items() if name not in REFERENCES}, **merged}
        return merged, tuple(parts) or id(schema)


_Pair = tuple[Any, Any]


class _What(Enum):
    """What two schemas of one place are compared in."""

    ALL = "written alike"
    MARKS = "written otherwise: a default may stand elsewhere"
    PARTS = "what is below alone"


def _places(before: _Document, after: _Document) -> Iterator[tuple[str, Json, Json, _What]]:
    """Every place of both schemas, the shortest ways first. What a reference leads to belongs to the place that refers
    to it. What is below a pair of schemas is looked at once, by whichever way it is reached first."""
    seen: set[object] = set()
    waiting: deque[tuple[str, _Pair, _What]] = deque([("", (before.root, after.root), _What.ALL)])
    while waiting:
        path, pair, what = waiting.popleft()
        if not (isinstance(pair[0], Mapping) and isinstance(pair[1], Mapping)):
            continue
        (old, one), (new, other) = before.complete(pair[0]), after.complete(pair[1])
        if what is not _What.PARTS:
            yield path, old, new, what
        if (one, other, what) not in seen:
            seen.add((one, other, what))
            inside = _What.ALL if what is _What.ALL else _What.MARKS
            waiting.extend((f"{path}{step}".lstrip("."), inner, inside) for step, inner in _parts(old, new))
            waiting.extend((path, *inner) for inner in _written_otherwise(old, new))


def _parts(old: Json, new: Json) -> Iterator[tuple[str, _Pair]]:
    """The step to each pair of schemas inside."""
    for keyword in (*_NAMED, "dependentSchemas"):
        before, after = (schema.get(keyword) for schema in (old, new))
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            shared = (name for name in before if name in after)
            yield from ((f".{name}" if keyword in _NAMED else "", (before[name], after[name])) for name in shared)
    for keyword, mark in _ONE.items():
        yield mark, (old.get(keyword), new.get(keyword))
    for number, pair in enumerate(zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)):
        yield f"[{number}]", pair
    yield from (("", pair) for pair in _alike(_options(old), _options(new)))


def _options(schema: Json) -> list[Any]:
    return [option for keyword in _IN_PLACE for option in schema.get(keyword, ())]


def _alike(before: list[Any], after: list[Any]) -> Iterator[_Pair]:
    """Alternatives that are called alike, whatever their order; the others in order."""
    known = {_called(option): option for option in before}
    if None in known or len(known) < len(before) or len({_called(option) for option in after}) < len(after):
        yield from zip(before, after, strict=False)
        return
    yield from ((known[name], option) for option in after if (name := _called(option)) in known)
    names = {_called(option) for option in after}
    renamed = [option for option in before if _called(option) not in names]
    yield from zip(renamed, [option for option in after if _called(option) not in known], strict=False)


def _called(option: Any) -> str | None:  # noqa: ANN401  # any JSON value
    return next((str(option[key]) for key in ("$ref", "title", "type") if key in option), None) if option else None


def _written_otherwise(old: Json, new: Json) -> Iterator[tuple[_Pair, _What]]:
    """A schema with alternatives against one without: each of them is a way to write the other."""
    before, after = _options(old), _options(new)
    if before and not after:
        yield from (((option, new), _What.MARKS) for option in before)
    elif after and not before:
        # The marks of the one itself are compared with those around the alternatives.
        yield from (((old, option), _What.PARTS) for option in after)
