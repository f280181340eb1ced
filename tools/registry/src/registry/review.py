"""Reviews a working tree's changes to the published contracts.

Two rules hold. Nothing that was published may be removed or change its meaning: old events and old code live on. And
within a major, whatever the old or new producer emits is accepted by the new or old consumer, for every published
version (FULL_TRANSITIVE), where producers are read closed (they emit what they declare) and consumers tolerant (they
ignore what they do not know).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import contracts
from compatibility import Direction, Finding, UnusableSchemaError, compare, read_schema
from contracts.errors import NoUpcasterError
from contracts.upcasting import chain
from manifests import Manifests
from registry.base import Comparison
from registry.catalogue import EXAMPLES, Participants, Version, participants
from registry.changes import Change, changes


class Break(StrEnum):
    """Why a change is refused."""

    INCOMPATIBLE = "incompatible"
    UNDECIDED = "undecided"
    VERSION_DELETED = "version-deleted"
    CHANGED_WITHOUT_VERSION = "changed-without-version"
    EXAMPLE_DELETED = "example-deleted"
    EXAMPLE_CHANGED = "example-changed"
    EXAMPLE_MISSING = "example-missing"
    VERSION_ORDER = "version-order"
    UNUSABLE_SCHEMA = "unusable-schema"
    UPCASTER_MISSING = "upcaster-missing"


class Status(StrEnum):
    """The status of a contract."""

    NEW = "new"
    CHANGED = "changed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class Problem:
    """One reason for a refusal; `finding` holds the proof where schemas are incompatible."""

    rule: Break
    path: str
    message: str
    finding: Finding | None = None
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """The verdict on one contract: changes, affected services, problems."""

    event_type: str
    status: Status
    versions: tuple[str, ...]
    compared_with: tuple[str, ...]
    participants: Participants
    changes: tuple[Change, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...] = ()


def review(comparison: Comparison, manifests: Manifests) -> tuple[Review, ...]:
    """A verdict on every contract that differs; on every one with several versions where there is no base."""
    before, now = comparison.before.versions, comparison.now.versions
    reviews: list[Review] = []
    for event_type in sorted({*before, *now}):
        old, new = before.get(event_type, ()), now.get(event_type, ())
        if comparison.base is None:
            subjects = new[1:]
            if not subjects:
                continue
        else:
            subjects = tuple(version for version in new if not _is_published(version, old))
            if not subjects and _same(old, new):
                continue
        judged = _judge(event_type, old, new, subjects, manifests)
        if not old and new:
            older = [version for version in comparison.now.of_fact(new[0].fact) if version.order < new[0].order]
            judged = _with_upcasters(judged, new[0], older, manifests)
        reviews.append(judged)
    return tuple(reviews)


def _with_upcasters(judged: Review, new: Version, older: Iterable[Version], manifests: Manifests) -> Review:
    """Check that a new major has upcasters from every older one; only for the repository of the installed contracts."""
    if not Path(contracts.__file__).is_relative_to(manifests.root.resolve()):
        return judged
    problems, notes = list(judged.problems), list(judged.notes)
    for event_type in dict.fromkeys(version.event_type for version in older):
        try:
            chain(event_type, new.event_type)
        except NoUpcasterError as error:
            problems.append(Problem(Break.UPCASTER_MISSING, new.path, str(error)))
        else:
            notes.append(f"a new major: events of {event_type} are upcast to it")
    return replace(judged, problems=tuple(problems), notes=tuple(notes))


def _judge(
    event_type: str,
    old: tuple[Version, ...],
    new: tuple[Version, ...],
    subjects: Iterable[Version],
    manifests: Manifests,
) -> Review:
    subjects = tuple(subjects)
    published = {version.number: version for version in old}
    problems = [*_lost(old, new), *_order(subjects, old), *_without_examples(subjects)]
    notes: list[str] = []
    compared: list[str] = []
    for version in subjects:
        was = published.get(version.number)
        if was is not None:
            if same_meaning(was, version):
                notes.append(f"{version.number}: only annotations changed (titles, descriptions, annotations)")
            else:
                text = f"{version.number} is published and has changed; raise schema_version and export again"
                problems.append(Problem(Break.CHANGED_WITHOUT_VERSION, version.path, text))
        # A published version that was removed from the tree is still in use.
        earlier = {known.number: known for known in (*new, *old) if known.order < version.order}
        rivals = [was] if was is not None and not same_meaning(was, version) else []
        rivals += [earlier[number] for number in sorted(earlier, key=lambda number: earlier[number].order)]
        compared += [rival.number for rival in rivals]
        for rival in rivals:
            problems += _incompatibilities(rival, version)
    status = Status.NEW if not old else Status.CHANGED if new else Status.DELETED
    latest = new[-1].consumer if new else {}
    return Review(
        event_type,
        status if old or not compared else Status.CHANGED,
        tuple(version.number for version in subjects),
        tuple(dict.fromkeys(compared)),
        participants(manifests, event_type),
        changes(old[-1].consumer, latest) if old else (),
        tuple(problems),
        tuple(notes),
    )


def _lost(old: tuple[Version, ...], new: tuple[Version, ...]) -> Iterator[Problem]:
    kept = {version.number: version for version in new}
    for version in old:
        now = kept.get(version.number)
        if now is None:
            text = f"{version.number} is published; events of it are stored, so its schema must stay"
            yield Problem(Break.VERSION_DELETED, version.path, text)
            continue
        examples = {example.name: example for example in now.examples}
        for example in version.examples:
            if example.name not in examples:
                text = f"the golden example {example.name} of {version.number} must stay"
                yield Problem(Break.EXAMPLE_DELETED, example.path, text)
            elif examples[example.name].document != example.document:
                text = f"the golden example {example.name} of {version.number} must not change; add another one"
                yield Problem(Break.EXAMPLE_CHANGED, example.path, text)


def _order(subjects: Iterable[Version], old: tuple[Version, ...]) -> Iterator[Problem]:
    """A version must be added above the published ones: no producer can have emitted an older one."""
    for version in subjects:
        above = [known.number for known in old if known.order > version.order]
        if above and version.number not in {known.number for known in old}:
            text = f"{version.number} is new but below {above[-1]}, which is published"
            yield Problem(Break.VERSION_ORDER, version.path, text)


def _without_examples(subjects: Iterable[Version]) -> Iterator[Problem]:
    for version in subjects:
        if not version.examples:
            folder = f"{EXAMPLES}/{version.event_type}/{version.number}"
            text = f"{version.number} has no golden example; put one into {folder}/"
            yield Problem(Break.EXAMPLE_MISSING, version.path, text)


def _incompatibilities(old: Version, new: Version) -> Iterator[Problem]:
    """Both directions, each with its proof."""
    for direction, writer, reader in ((Direction.BACKWARD, old, new), (Direction.FORWARD, new, old)):
        producer, consumer = f"producer {writer.number}", f"consumer {reader.number}"
        refused = f"{consumer} rejects what {producer} emits"
        try:
            coverage = compare(
                read_schema(writer.closed, name=producer),
                read_schema(reader.consumer, name=consumer),
                direction=direction,
            )
        except UnusableSchemaError as error:
            yield Problem(Break.UNUSABLE_SCHEMA, new.path, str(error))
            return
        for finding in coverage.findings:
            named = replace(finding, accepted_by=producer, rejected_by=consumer, against=old.number)
            yield Problem(Break.INCOMPATIBLE, new.path, f"{refused}: {finding.message}", named, old.number)
        for question in coverage.undecided:
            text = f"cannot rule out: {refused}: {question.reason}"
            yield Problem(Break.UNDECIDED, new.path, text, against=old.number)


def _is_published(version: Version, old: tuple[Version, ...]) -> bool:
    return any(
        known.number == version.number
        and known.consumer == version.consumer
        # Versions older than producer schemas have none; adding one does not change their meaning.
        and known.producer in (None, version.producer)
        for known in old
    )


def _same(old: tuple[Version, ...], new: tuple[Version, ...]) -> bool:
    return next(_lost(old, new), None) is None


#: Annotations: keywords that a validator ignores.
_WORDS = frozenset(
    {"title", "description", "$comment", "examples", "default", "deprecated", "readOnly", "writeOnly", "$id"}
)
_BY_NAME = frozenset({"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"})
_VERBATIM = frozenset({"const", "enum", "required"})


def same_meaning(one: Version, other: Version) -> bool:
    """Whether both versions differ in annotations only."""
    return meaning(one.consumer) == meaning(other.consumer) and meaning(one.closed) == meaning(other.closed)


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
