"""Every published version of every contract with its examples.

UnusableFileError: a schema or example is not JSON, or is too large
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compatibility import Unusable, UnusableSchemaError, read_schema
from contracts.schemas import closed
from registry.errors import UnknownTypeError, UnknownVersionError, UnusableFileError
from registry.layout import Layout

Json = dict[str, Any]

MAX_BYTES = 10_000_000

_VERSION = r"(?P<version>(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*))"


@dataclass(frozen=True, slots=True)
class Example:
    """A golden example: the complete event in its wire format."""

    name: str
    path: str
    document: Json


@dataclass(frozen=True, slots=True)
class Version:
    """One published version: what a consumer accepts, what a producer may emit (None where that was not published)."""

    event_type: str
    number: str
    path: str
    consumer: Json
    producer: Json | None
    examples: tuple[Example, ...]

    @property
    def closed(self) -> Json:
        """What a producer may emit; derived where it was not published with the version."""
        if self.producer is not None:
            return self.producer
        schema: Json = closed(self.consumer)
        return schema

    @property
    def order(self) -> tuple[int, int]:
        """(major, minor), to sort by."""
        major, minor = self.number.split(".")
        return int(major), int(minor)

    @property
    def fact(self) -> str:
        """The type without its major."""
        return fact_of(self.event_type)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Event type -> its versions, oldest first."""

    versions: Mapping[str, tuple[Version, ...]]

    def find(self, name: str) -> tuple[Version, ...]:
        """The versions of a type, named in full, without its prefix, or by its fact alone (its newest major).

        Raises:
            UnknownTypeError: none, or several.
        """
        if name in self.versions:
            return self.versions[name]
        fits = [
            event_type
            for event_type in self.versions
            if name in (short_name(event_type), fact_of(event_type), fact_of(event_type).split(".")[1])
            or event_type.rpartition(".")[0] == name
        ]
        if len({fact_of(event_type) for event_type in fits}) != 1:
            raise UnknownTypeError(name, fits or self.versions)
        return self.versions[max(fits, key=lambda event_type: self.versions[event_type][-1].order)]

    def find_version(self, name: str) -> Version:
        """`TYPE` (its newest version) or `TYPE@VERSION`.

        Raises:
            UnknownTypeError, UnknownVersionError: none.
        """
        event_type, _, number = name.partition("@")
        versions = self.find(event_type)
        if not number:
            return versions[-1]
        # A version of another major belongs to another type of the same fact.
        for version in self.of_fact(versions[-1].fact):
            if version.number == number:
                return version
        known = ", ".join(version.number for version in self.of_fact(versions[-1].fact))
        raise UnknownVersionError(f"{event_type} has no version {number!r}; there are: {known}")

    def of_fact(self, fact: str) -> tuple[Version, ...]:
        """Versions of all majors of a fact, oldest first."""
        found = [version for versions in self.versions.values() for version in versions if version.fact == fact]
        return tuple(sorted(found, key=lambda version: version.order))


def short_name(event_type: str) -> str:
    """`imaging.image-processed.v1` of `collections.imaging.image-processed.v1`."""
    return ".".join(event_type.rsplit(".", 3)[-3:])


def fact_of(event_type: str) -> str:
    """`imaging.image-processed` of `collections.imaging.image-processed.v1`."""
    return short_name(event_type).rpartition(".")[0]


def tree_files(layout: Layout) -> dict[str, bytes]:
    """Path -> contents of the working tree's schemas and examples."""
    folders = (layout.root / folder for folder in (layout.schemas, layout.examples))
    found = sorted(path for folder in folders for path in folder.glob("**/*.json"))
    return {path.relative_to(layout.root).as_posix(): read_bytes(path) for path in found}


def read_bytes(path: Path) -> bytes:
    """A file of bounded size.

    Raises:
        UnusableFileError: it cannot be read, or is too large.
    """
    try:
        if path.is_file() and (size := path.stat().st_size) > MAX_BYTES:
            raise UnusableFileError(f"{path}: {size:,} bytes are more than {MAX_BYTES:,}")
        return path.read_bytes()
    except OSError as error:
        raise UnusableFileError(f"{path}: {error.strerror or error}") from error


def read_json(name: str, raw: bytes) -> Json:
    """A JSON object.

    Raises:
        UnusableFileError: it is none.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError) as error:
        reason = "too deep" if isinstance(error, RecursionError) else str(error)
        raise UnusableFileError(f"{name}: not JSON: {reason}") from error
    if not isinstance(document, dict):
        raise UnusableFileError(f"{name}: not a JSON object")
    return document


def _schema_paths(layout: Layout) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(layout.schemas)}/(?P<type>[^/]+)/{_VERSION}(?P<producer>\.producer)?\.json$")


def _example_paths(layout: Layout) -> re.Pattern[str]:
    return re.compile(rf"^{re.escape(layout.examples)}/(?P<type>[^/]+)/{_VERSION}/(?P<name>[^/]+)\.json$")


def misplaced(files: Iterable[str], layout: Layout, *known: Catalogue) -> list[str]:
    """Paths that nobody would look at: by their names, or because the consumers' schema of the version is not there."""
    patterns = _schema_paths(layout), _example_paths(layout)
    of_versions = (version for catalogue in known for versions in catalogue.versions.values() for version in versions)
    published = {(version.event_type, version.number) for version in of_versions}
    named = ((path, pattern.match(path)) for path in sorted(files) for pattern in patterns)
    known_paths = {path for path, name in named if name and (name["type"], name["version"]) in published}
    return [path for path in sorted(files) if path not in known_paths]


def read_catalogue(files: Mapping[str, bytes], layout: Layout) -> Catalogue:
    """The catalogue from files of the working tree or of a revision; others are passed over.

    Raises:
        UnusableFileError: one of them is not JSON, or not where the naming rules put it.
    """
    is_schema, is_example = _schema_paths(layout), _example_paths(layout)
    producers: dict[tuple[str, str], Json] = {}
    consumers: dict[tuple[str, str], tuple[str, Json]] = {}
    examples: dict[tuple[str, str], list[Example]] = defaultdict(list)
    for path, raw in sorted(files.items()):
        if schema := is_schema.match(path):
            key = schema["type"], schema["version"]
            if schema["producer"]:
                producers[key] = read_json(path, raw)
            else:
                consumers[key] = path, read_json(path, raw)
        elif example := is_example.match(path):
            examples[example["type"], example["version"]].append(Example(example["name"], path, read_json(path, raw)))
    versions: dict[str, list[Version]] = defaultdict(list)
    for (event_type, number), (path, consumer) in consumers.items():
        if layout.type_pattern.match(event_type) is None:
            raise UnusableFileError(f"{path}: {event_type!r} is no {layout.prefix}.<service>.<fact>.v<major>")
        key = event_type, number
        found = Version(event_type, number, path, consumer, producers.get(key), tuple(examples[key]))
        versions[event_type].append(found)
    return Catalogue(
        {name: tuple(sorted(found, key=lambda version: version.order)) for name, found in sorted(versions.items())}
    )


def usable_catalogue(layout: Layout) -> Catalogue:
    """The working tree's, from which something is to be made.

    Raises:
        UnusableFileError: as `read_catalogue`, and for a schema that is none.
    """
    catalogue = read_catalogue(tree_files(layout), layout)
    for version in (version for versions in catalogue.versions.values() for version in versions):
        for schema in filter(None, (version.consumer, version.producer)):
            try:
                read_schema(schema)
            except UnusableSchemaError as error:
                # Others can be shown, though not compared.
                if error.code in (Unusable.NOT_A_SCHEMA, Unusable.UNKNOWN_DIALECT):
                    raise UnusableFileError(f"{version.path}: {error}") from error
    return catalogue
