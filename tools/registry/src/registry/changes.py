"""Changes between two versions of a payload, field by field, for display; no verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from registry.catalogue import Version
from registry.fields import Field, Json, fields_of


class What(StrEnum):
    """Kinds of change."""

    ADDED = "added"
    REMOVED = "removed"
    TYPE = "type"
    REQUIRED = "required"
    LIMITS = "limits"
    DEFAULT = "default"
    PERSONAL = "personal"
    DEPRECATED = "deprecated"
    DESCRIPTION = "description"


_MARKS = {What.ADDED: "+", What.REMOVED: "-"}
_STATES = frozenset({What.PERSONAL, What.DEPRECATED})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one field, named with the alternatives that it is in; empty words where there is nothing."""

    path: str
    what: What
    before: str
    after: str


def changes(old: Json, new: Json) -> tuple[Change, ...]:
    """Every difference, in the order of the newer schema, removed fields last."""
    before, after = fields_of(old), fields_of(new)
    found: list[Change] = []
    for name, field in after.items():
        if name not in before:
            found.append(Change(name, What.ADDED, "", in_words(field)))
        else:
            found += _differences(before[name], field)
    found += [Change(name, What.REMOVED, in_words(field), "") for name, field in before.items() if name not in after]
    return tuple(found)


def in_words(field: Field) -> str:
    """`integer, required, > 0`."""
    default = (f"default {field.default}",) if field.default is not None else ()
    return ", ".join((field.type, field.need, *field.limits, *default, *field.marks))


def change_line(change: Change) -> str:
    """`+ exif.lens  string, optional` or `~ width  limits: > 0 → ≥ 100`."""
    if change.what in _MARKS:
        return f"{_MARKS[change.what]} {change.path}  {change.before or change.after}"
    if change.what in _STATES:
        return f"~ {change.path}  {f'now {change.after}' if change.after else f'no longer {change.what}'}"
    label = "" if change.what is What.REQUIRED else f"{change.what}: "
    return f"~ {change.path}  {label}{change.before or 'none'} → {change.after or 'none'}"


def _differences(before: Field, after: Field) -> list[Change]:
    pairs = (
        (What.TYPE, before.type, after.type),
        (What.REQUIRED, before.need, after.need),
        (What.LIMITS, ", ".join(before.limits), ", ".join(after.limits)),
        (What.DEFAULT, before.default or "", after.default or ""),
        (What.PERSONAL, "personal" if before.personal else "", "personal" if after.personal else ""),
        (What.DEPRECATED, before.deprecation, after.deprecation),
        (What.DESCRIPTION, before.description, after.description),
    )
    return [Change(after.name, what, was, now) for what, was, now in pairs if was != now]


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a field in one version."""

    version: str
    change: Change


def history(versions: Sequence[Version]) -> dict[str, tuple[Event, ...]]:
    """Name -> what happened to the field, oldest first; its first event is its addition, in the first version too."""
    events: dict[str, list[Event]] = {}
    previous: Json = {}
    for version in versions:
        for change in changes(previous, version.consumer):
            events.setdefault(change.path, []).append(Event(version.number, change))
        previous = version.consumer
    return {name: tuple(found) for name, found in events.items()}
