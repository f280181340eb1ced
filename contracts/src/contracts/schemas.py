"""The JSON Schemas of a contract, and the committed files that keep every version ever published.

Two schemas of 2020-12 a contract. The consumer's is tolerant: it ignores unknown fields. The producer's is closed:
what it does not name may not be emitted. So an optional field can be added in a minor version: an old consumer accepts
what the new producer's closed schema allows, and the other way round.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.contract import TYPE_PATTERN, Contract, schema_name
from contracts.errors import SchemaFileError

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
PRODUCER_SUFFIX = ".producer.json"


def consumer_schema(contract: type[Contract]) -> Schema:
    """The tolerant schema, named by the contract's `dataschema`."""
    schema = contract.model_json_schema(mode="validation")
    return {"$schema": DIALECT, "$id": contract.dataschema(), "x-event-type": contract.event_type, **schema}


def producer_schema(contract: type[Contract]) -> Schema:
    """The closed schema; its `$id` is the contract's `dataschema` with `:producer`."""
    schema: Schema = closed(consumer_schema(contract))
    return {**schema, "$id": f"{contract.dataschema()}:producer"}


def closed(schema: Any) -> Any:  # noqa: ANN401  # a schema, or a value inside one
    """The schema with every object closed that has named fields; an object that is free by intention stays so."""
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    # Below these keys are data or names chosen by us, no keywords.
    result: Schema = {
        key: value if key in {"default", "const", "enum", "examples", "discriminator"} else _closed_below(key, value)
        for key, value in schema.items()
    }
    if result.get("type") == "object" and "additionalProperties" not in result:
        result["additionalProperties"] = False
    return result


def _closed_below(key: str, value: Any) -> Any:  # noqa: ANN401  # whatever the keyword holds
    if key in {"properties", "$defs"} and isinstance(value, dict):
        return {name: closed(inner) for name, inner in value.items()}
    return closed(value)


@dataclass(frozen=True, slots=True, order=True)
class PublishedVersion:
    """A version of an event type whose schemas are committed; sorts by type, major and minor."""

    fact: str
    major: int
    minor: int
    consumer_file: Path
    producer_file: Path

    @property
    def event_type(self) -> str:
        """`collections.<service>.<fact>.v<major>`."""
        return f"{self.fact}.v{self.major}"

    @property
    def version(self) -> str:
        """`<major>.<minor>`."""
        return f"{self.major}.{self.minor}"

    def consumer(self) -> Schema:
        """The tolerant schema as committed."""
        return _load(self.consumer_file, schema_name(self.event_type, self.version))

    def producer(self) -> Schema:
        """The closed schema as committed."""
        return _load(self.producer_file, f"{schema_name(self.event_type, self.version)}:producer")


def published_versions(directory: Path) -> list[PublishedVersion]:
    """Every version ever published, oldest first within a fact.

    Raises:
        SchemaFileError: a file of the directory is not where the naming rules put it.
    """
    return sorted(_versions(directory))


def history(directory: Path, event_type: str) -> list[PublishedVersion]:
    """The published versions of one event type (one major), oldest first. Raises like `published_versions`."""
    return [version for version in published_versions(directory) if version.event_type == event_type]


def examples(directory: Path, event_type: str | None = None) -> Iterator[tuple[str, str, Path]]:
    """(event type, version, file) of every golden example, or of one type's."""
    for path in sorted(directory.glob(f"{event_type or '*'}/*/*.json")):
        yield path.parents[1].name, path.parent.name, path


def _versions(directory: Path) -> Iterator[PublishedVersion]:
    for path in directory.glob("*/*.json"):
        if path.name.endswith(PRODUCER_SUFFIX):
            continue
        name = TYPE_PATTERN.match(path.parent.name)
        major, _, minor = path.stem.partition(".")
        if name is None or major != name["major"] or not minor.isdigit():
            raise SchemaFileError(path, "is not <type>/<major>.<minor>.json")
        fact = path.parent.name.rpartition(".v")[0]
        yield PublishedVersion(fact, int(major), int(minor), path, path.with_name(path.stem + PRODUCER_SUFFIX))


def _load(path: Path, name: str) -> Schema:
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SchemaFileError(path, "is missing; published versions stay for ever") from None
    except ValueError as error:
        raise SchemaFileError(path, f"is not JSON: {error}") from error
    if not isinstance(schema, Mapping) or schema.get("$id") != name:
        raise SchemaFileError(path, f"does not identify itself as {name}")
    return dict(schema)
