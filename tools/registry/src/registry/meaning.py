"""What a schema means beside what it lets pass: annotations, and which of them nobody may change in passing.

A validator ignores annotations, but programs do not: a default stands in for what is missing, and `x-personal` decides
what is masked and erased. Where one of those changes, the repository says that it was meant to.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from compatibility.identity import frozen
from registry.catalogue import Json, Version, read_bytes
from registry.errors import UnusableFileError
from registry.layout import Layout

#: Annotations: keywords that a validator ignores.
_WORDS: Final = frozenset(
    {"title", "description", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly", "$id"}
)
#: Those among them that programs go by; and every `x-` keyword.
_TELLING: Final = frozenset({"default", "readOnly", "writeOnly"})
_BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"}
)
_VERBATIM: Final = frozenset({"const", "enum", "required"})
_IN_PLACE: Final = ("allOf", "anyOf", "oneOf")
#: Keywords of one schema, and what their places are called.
_ONE: Final = {
    **dict.fromkeys(("if", "then", "else", "not"), ""),
    **dict.fromkeys(("items", "contains", "unevaluatedItems"), "[]"),
    **dict.fromkeys(("additionalProperties", "unevaluatedProperties", "propertyNames"), "{}"),
}
_NAMED: Final = ("properties", "patternProperties")
_STRUCTURE: Final = frozenset({*_IN_PLACE, *_ONE, *_NAMED, "dependentSchemas", "prefixItems"})


def same_meaning(one: Version, other: Version) -> bool:
    """Whether both versions differ in annotations only."""
    pairs = ((one.consumer, other.consumer), (one.closed, other.closed))
    return all(frozen(meaning(before)) == frozen(meaning(after)) for before, after in pairs)


def meaning(schema: object, *, names: bool = False) -> object:
    """A schema without annotations. With `names` the keys are names of fields, not keywords."""
    if isinstance(schema, list):
        return [meaning(entry) for entry in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: value if key in _VERBATIM and not names else meaning(value, names=key in _BY_NAME and not names)
        for key, value in schema.items()
        if names or not (key in _WORDS or key.startswith("x-"))
    }


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
    """Telling annotations that changed at places which both schemas have; a mark that is new takes nothing away."""
    for path, before, after in _places((old, new)):
        for keyword in dict.fromkeys((*before, *after)):
            marks = keyword.startswith("x-")
            if not (marks or keyword in _TELLING) or (marks and keyword not in before):
                continue
            was, now = before.get(keyword), after.get(keyword)
            if (keyword in before, frozen(was)) != (keyword in after, frozen(now)):
                yield Silent(path, keyword, was, now)


Pair = tuple[Any, Any]


def _places(roots: Pair) -> Iterator[tuple[str, Json, Json]]:
    """Every place of both schemas, the shortest ways first; what a reference leads to belongs to the place that refers
    to it. What is below a pair of schemas is looked at once, by whichever way it is reached first."""
    seen: set[object] = set()
    waiting = deque([("", roots)])
    while waiting:
        path, pair = waiting.popleft()
        if not (isinstance(pair[0], Mapping) and isinstance(pair[1], Mapping)):
            continue
        (old, one), (new, other) = (_with_target(root, schema) for root, schema in zip(roots, pair, strict=True))
        yield path, old, new
        if (one, other) not in seen:
            seen.add((one, other))
            waiting.extend((f"{path}{step}".lstrip("."), inner) for step, inner in _parts(old, new))


def _parts(old: Json, new: Json) -> Iterator[tuple[str, Pair]]:
    """The step to each pair of schemas inside."""
    for keyword in (*_NAMED, "dependentSchemas"):
        before, after = (schema.get(keyword) for schema in (old, new))
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            shared = (name for name in before if name in after)
            yield from ((f".{name}" if keyword in _NAMED else "", (before[name], after[name])) for name in shared)
    for keyword, mark in _ONE.items():
        yield mark, (old.get(keyword), new.get(keyword))
    lists = {
        key: [s[key] if isinstance(s.get(key), list) else [] for s in (old, new)] for key in ("prefixItems", *_IN_PLACE)
    }
    for number, pair in enumerate(zip(*lists.pop("prefixItems"), strict=False)):
        yield f"[{number}]", pair
    for options in lists.values():
        yield from (("", pair) for pair in _alike(*options))


def _alike(before: list[Any], after: list[Any]) -> Iterator[Pair]:
    """Alternatives that are called alike, whatever their order; those without a name of their own in order."""
    known = {_called(option): option for option in before}
    by_name = len(known) == len(before) and len({_called(option) for option in after}) == len(after)
    if not by_name or None in known:
        yield from zip(before, after, strict=False)
        return
    yield from ((known[name], option) for option in after if (name := _called(option)) in known)


def _called(option: Any) -> str | None:  # noqa: ANN401  # any JSON value
    return next((str(option[key]) for key in ("$ref", "title", "type") if key in option), None) if option else None


def _with_target(root: Json, schema: Json) -> tuple[Json, object]:
    """The schema, completed by what its local references lead to (its own keywords win), and what its parts are of."""
    merged, names = dict(schema), set()
    parts = [id(schema)] if _STRUCTURE & schema.keys() else []
    while isinstance(name := merged.pop("$ref", None), str) and name.startswith("#/") and name not in names:
        names.add(name)
        target: Any = root
        for step in name.removeprefix("#/").split("/"):
            target = target.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(target, Mapping) else None
        if isinstance(target, Mapping):
            parts += [id(target)] if _STRUCTURE & target.keys() else []
            merged = {**target, **merged}
    return merged, tuple(parts) or id(schema)


class Acknowledgement(BaseModel):
    """An entry of the acknowledgements: somebody says that a silent change is meant, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str
    version: str
    field: str
    keyword: str
    before: Any = None
    after: Any = None
    reason: str = Field(min_length=10)

    def covers(self, event_type: str, version: str, change: Silent) -> bool:
        """Whether it is about this change of this version."""
        place = (self.type, self.version, self.field, self.keyword)
        values = (frozen(self.before), frozen(self.after))
        return (*place, *values) == (
            event_type, version, change.field, change.keyword, frozen(change.before), frozen(change.after)
        )  # fmt: skip


def read_acknowledged(layout: Layout) -> Sequence[Acknowledgement]:
    """The entries of the working tree's file; none where there is no file.

    Raises:
        UnusableFileError: it is not a list of them.
    """
    file = layout.root / layout.acknowledged
    if not file.exists():
        return ()
    try:
        entries = yaml.safe_load(read_bytes(file))
        return TypeAdapter(list[Acknowledgement]).validate_python([] if entries is None else entries)
    except yaml.YAMLError as error:
        raise UnusableFileError(f"{layout.acknowledged}: not YAML: {error}") from error
    except ValidationError as error:
        [first, *_] = error.errors(include_url=False)
        raise UnusableFileError(f"{layout.acknowledged}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def to_acknowledge(event_type: str, version: str, change: Silent) -> str:
    """The entry that acknowledges a change, but for its reason, as YAML on one line."""
    entry = {
        "type": event_type,
        "version": version,
        "field": change.field,
        "keyword": change.keyword,
        "before": change.before,
        "after": change.after,
        "reason": "",
    }
    return str(yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=10_000)).strip()
