"""Reviews a working tree's changes to the published contracts.

Two rules hold. Nothing that was published may be removed or change its meaning: old events and old code live on. And
within a major, whatever the old or new producer emits is accepted by the new or old consumer, for every published
version (FULL_TRANSITIVE), where producers are read closed (they emit what they declare) and consumers tolerant (they
ignore what they do not know).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from compatibility import Direction, UnusableSchemaError, compare, read_schema
from compatibility.identity import frozen
from contracts.errors import NoUpcasterError
from contracts.upcasting import chain
from registry.base import Comparison
from registry.catalogue import Version
from registry.changes import Change, changes
from registry.golden import problems_of_examples
from registry.layout import Layout
from registry.meaning import Acknowledgement, same_meaning, to_acknowledge
from registry.models import is_own, problems_of_models
from registry.problems import Break, Problem
from registry.silent import silent_changes
from registry.topology import Participants


class Status(StrEnum):
    """The status of a contract."""

    NEW = "new"
    CHANGED = "changed"
    DELETED = "deleted"


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
    #: Of the newest of the versions; empty where there is none.
    path: str = ""


def review(layout: Layout, comparison: Comparison) -> tuple[Review, ...]:
    """A verdict on every contract that differs, and on every one that is wrong by itself; on every one with several
    versions where there is no base."""
    before, now = comparison.before.versions, comparison.now.versions
    of_models = problems_of_models(layout, comparison.now)
    reviews: list[Review] = []
    for event_type in sorted({*before, *now, *of_models}):
        old, new = before.get(event_type, ()), now.get(event_type, ())
        subjects = new[1:] if comparison.base is None else tuple(v for v in new if not _is_published(v, old))
        wrong = [
            *of_models.get(event_type, ()),
            *_of_other_majors(new),
            *(fault for version in new for fault in problems_of_examples(version)),
        ]
        if not subjects and not wrong and (comparison.base is None or _same(old, new)):
            continue
        judged = _judge(layout, event_type, old, new, subjects, comparison)
        if not old and new and is_own(layout):
            older = [version for version in comparison.now.of_fact(new[0].fact) if version.order < new[0].order]
            judged = _with_upcasters(judged, new[0], older)
        reviews.append(replace(judged, problems=_each_once([*judged.problems, *wrong])))
    return tuple(reviews)


def _each_once(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """The first of those at one place for one reason: the schema and the model may both refuse an example."""
    kept: list[Problem] = []
    for problem in problems:
        if problem.rule is not Break.EXAMPLE_INVALID or problem.path not in {
            other.path for other in kept if other.rule is problem.rule
        }:
            kept.append(problem)
    return tuple(kept)


def _with_upcasters(judged: Review, new: Version, older: Iterable[Version]) -> Review:
    """Check that a new major has upcasters from every older one."""
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
    layout: Layout,
    event_type: str,
    old: tuple[Version, ...],
    new: tuple[Version, ...],
    subjects: tuple[Version, ...],
    comparison: Comparison,
) -> Review:
    published = {version.number: version for version in old}
    problems = [*_lost(old, new), *_order(subjects, old), *_without_examples(layout, subjects)]
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
        older = comparison.now.of_fact(version.fact)
        silent, acknowledged = _silent(layout, [was] if was is not None else older, version, comparison.acknowledged)
        problems += silent
        notes += acknowledged
        for rival in rivals:
            problems += _incompatibilities(rival, version)
        problems += () if rivals else _unusable(version)
    status = Status.NEW if not old else Status.CHANGED if new else Status.DELETED
    latest = new[-1].consumer if new else {}
    return Review(
        event_type,
        status if old or not compared else Status.CHANGED,
        tuple(version.number for version in subjects),
        tuple(dict.fromkeys(compared)),
        _concerned(event_type, old, new, subjects, comparison),
        changes(old[-1].consumer, latest) if old else (),
        tuple(problems),
        tuple(notes),
        subjects[-1].path if subjects else "",
    )


def _concerned(
    event_type: str,
    old: tuple[Version, ...],
    new: tuple[Version, ...],
    subjects: tuple[Version, ...],
    comparison: Comparison,
) -> Participants:
    """Whose services a change concerns. What was removed has them in the manifests of the base, from which they may be
    gone with it; other majors have their own."""
    removed = {version.number for version in old} - {version.number for version in new}
    before = comparison.topology_before.of_type(event_type) if removed else Participants()
    now = comparison.topology.of_fact(event_type) if subjects or not removed else Participants()
    return before | now


def _silent(
    layout: Layout, known: Iterable[Version], version: Version, acknowledged: Sequence[Acknowledgement]
) -> tuple[list[Problem], list[str]]:
    """Changes of meaning that no schema shows, since the published file or since the versions before, older majors too:
    those that are not acknowledged, and the others. A mark that any of them has counts, a default only the last one's.
    """
    problems, notes, told = [], [], set()
    before = [other for other in known if other.order <= version.order and other is not version]
    last = max((other.order for other in before if other.event_type == version.event_type), default=None)
    for earlier in sorted(before, key=lambda other: other.order, reverse=True):
        for change in silent_changes(earlier.consumer, version.consumer):
            place = (change.field, change.keyword)
            if place in told or (earlier.order != last and not change.keyword.startswith("x-")):
                continue
            told.add(place)
            entry = next((e for e in acknowledged if e.covers(version.event_type, version.number, change)), None)
            if entry is not None:
                notes.append(f"{version.number}: {change}, acknowledged: {entry.reason}")
                continue
            meant = to_acknowledge(version.event_type, version.number, change)
            text = f"{change}; if that is meant, add to {layout.acknowledged} with a reason: - {meant}"
            problem = Problem(Break.NOT_ACKNOWLEDGED, version.path, f"{version.number}: {text}", against=earlier.number)
            problems.append(problem)
    return problems, notes


def _lost(old: tuple[Version, ...], new: tuple[Version, ...]) -> Iterator[Problem]:
    kept = {version.number: version for version in new}
    for version in old:
        now = kept.get(version.number)
        if now is None:
            text = f"{version.number} is published; events of it are stored, so its schema must stay"
            yield Problem(Break.VERSION_DELETED, version.path, text)
            continue
        if version.producer is not None and now.producer is None:
            text = f"the producer's schema of {version.number} is published, and must stay"
            yield Problem(Break.VERSION_DELETED, version.path, text)
        examples = {example.name: example for example in now.examples}
        for example in version.examples:
            if example.name not in examples:
                text = f"the golden example {example.name} of {version.number} must stay"
                yield Problem(Break.EXAMPLE_DELETED, example.path, text)
            elif frozen(examples[example.name].document) != frozen(example.document):
                text = f"the golden example {example.name} of {version.number} must not change; add another one"
                yield Problem(Break.EXAMPLE_CHANGED, example.path, text)


def _unusable(version: Version) -> Iterator[Problem]:
    """Of the first version of a contract, which is compared with none."""
    try:
        read_schema(version.consumer), read_schema(version.closed)
    except UnusableSchemaError as error:
        yield Problem(Break.UNUSABLE_SCHEMA, version.path, str(error))


def _of_other_majors(versions: Iterable[Version]) -> Iterator[Problem]:
    for version in versions:
        if not version.event_type.endswith(f".v{version.order[0]}"):
            text = f"{version.number} is no version of {version.event_type}"
            yield Problem(Break.BROKEN_REGISTRY, version.path, text)


def _order(subjects: Iterable[Version], old: tuple[Version, ...]) -> Iterator[Problem]:
    """A version must be added above the published ones: no producer can have emitted an older one."""
    for version in subjects:
        above = [known.number for known in old if known.order > version.order]
        if above and version.number not in {known.number for known in old}:
            text = f"{version.number} is new but below {above[-1]}, which is published"
            yield Problem(Break.VERSION_ORDER, version.path, text)


def _without_examples(layout: Layout, subjects: Iterable[Version]) -> Iterator[Problem]:
    for version in subjects:
        if not version.examples:
            folder = f"{layout.examples}/{version.event_type}/{version.number}"
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
        and frozen(known.consumer) == frozen(version.consumer)
        # Versions older than producer schemas have none; adding one does not change their meaning.
        and (known.producer is None or frozen(known.producer) == frozen(version.producer))
        for known in old
    )


def _same(old: tuple[Version, ...], new: tuple[Version, ...]) -> bool:
    return next(_lost(old, new), None) is None
