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
    DESCRIPTION = "description"


_MARKS = {What.ADDED: "+", What.REMOVED: "-"}


@dataclass(frozen=True, slots=True)
class Change:
    """One difference of one field; `before` and `after` in words, empty where there is nothing."""

    path: str
    what: What
    before: str
    after: str


def changes(old: Json, new: Json) -> tuple[Change, ...]:
    """Every difference, in the order of the newer schema, removed fields last."""
    before, after = fields_of(old), fields_of(new)
    found: list[Change] = []
    for path, field in after.items():
        if path not in before:
            found.append(Change(path, What.ADDED, "", in_words(field)))
        else:
            found += _differences(before[path], field)
    found += [Change(path, What.REMOVED, in_words(field), "") for path, field in before.items() if path not in after]
    return tuple(found)


def in_words(field: Field) -> str:
    """`integer, required, > 0`."""
    default = (f"default {field.default}",) if field.default is not None else ()
    personal = ("personal",) if field.personal else ()
    return ", ".join((field.type, _need(field), *field.limits, *default, *personal))


def change_line(change: Change) -> str:
    """`+ exif.lens  string, optional` or `~ width  limits: > 0 → ≥ 100`."""
    if change.what in _MARKS:
        return f"{_MARKS[change.what]} {change.path}  {change.before or change.after}"
    if change.what is What.PERSONAL:
        return f"~ {change.path}  {'now' if change.after else 'no longer'} personal"
    label = "" if change.what is What.REQUIRED else f"{change.what}: "
    return f"~ {change.path}  {label}{change.before or 'none'} → {change.after or 'none'}"


def _differences(before: Field, after: Field) -> list[Change]:
    pairs = (
        (What.TYPE, before.type, after.type),
        (What.REQUIRED, _need(before), _need(after)),
        (What.LIMITS, ", ".join(before.limits), ", ".join(after.limits)),
        (What.DEFAULT, before.default or "", after.default or ""),
        (What.PERSONAL, "personal" if before.personal else "", "personal" if after.personal else ""),
        (What.DESCRIPTION, before.description, after.description),
    )
    return [Change(after.path, what, was, now) for what, was, now in pairs if was != now]


def _need(field: Field) -> str:
    return "required" if field.required else "optional"


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a field in one version."""

    version: str
    change: Change


def history(versions: Sequence[Version]) -> dict[str, tuple[Event, ...]]:
    """Path -> what happened to the field, oldest first; its first event is its addition, in the first version too."""
    events: dict[str, list[Event]] = {}
    previous: Json = {}
    for version in versions:
        for change in changes(previous, version.consumer):
            events.setdefault(change.path, []).append(Event(version.number, change))
        previous = version.consumer
    return {path: tuple(found) for path, found in events.items()}
