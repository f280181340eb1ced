"""What a schema means without its annotations, and acknowledgements of changes of those that programs go by.

A validator ignores annotations, but programs do not: a default stands in for what is missing, and `x-personal` decides
what is masked and erased. Where one of those changes (`silent`), the repository says that it was meant to.
"""

from collections.abc import Sequence
from typing import Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from compatibility.identity import frozen
from registry.catalogue import Version, read_bytes
from registry.errors import UnusableFileError, in_one_line
from registry.layout import Layout
from registry.silent import Silent

#: Annotations: keywords that a validator ignores.
_WORDS: Final = frozenset(
    {"title", "description", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly", "$id"}
)
_BY_NAME: Final = frozenset(
    {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependentRequired", "dependencies"}
)
_VERBATIM: Final = frozenset({"const", "enum", "required"})


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
        raise UnusableFileError(f"{layout.acknowledged}: not YAML: {in_one_line(error)}") from error
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
