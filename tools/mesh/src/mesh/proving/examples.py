"""Documents that a consumer may meet: golden examples, and the barest and fullest variants of them."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.schemas import PublishedVersion, examples, published_versions
from mesh.proving.variants import VariantError, maximal, minimal


@dataclass(frozen=True, slots=True)
class Met:
    """A published version with its golden examples."""

    published: PublishedVersion
    examples: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.published.event_type}/{self.published.version}"

    def documents(self) -> dict[str, dict[str, Any]]:
        """The golden examples by name."""
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in self.examples}

    def variants(self) -> dict[str, dict[str, Any]]:
        """The barest and the fullest document that the producer's schema allows, in the richest example's envelope.

        Raises:
            VariantError: there is no golden example, or one has to show more.
        """
        documents = sorted(self.documents().values(), key=lambda document: -len(json.dumps(document)))
        if not documents:
            raise VariantError(f"{self} has no golden example")
        payloads = [document["data"] for document in documents]
        schema = self.published.producer()
        try:
            made = {"minimal": minimal(schema, payloads), "maximal": maximal(schema, payloads)}
        except VariantError as error:
            raise VariantError(f"{self}: {error}") from error
        return {name: {**documents[0], "data": payload} for name, payload in made.items()}


def versions_met(registry: Path, event_type: str) -> list[Met]:
    """Every version that a reader of the type may meet: all of its major, and of the majors before it.

    An event of an older major may still come from a replay, a redrive, or a producer that is not deployed yet.
    """
    fact, _, major = event_type.rpartition(".v")
    return [
        Met(version, tuple(path for _, number, path in _examples(registry, version) if number == version.version))
        for version in published_versions(registry / "schemas")
        if version.fact == fact and version.major <= int(major)
    ]


def _examples(registry: Path, version: PublishedVersion) -> list[tuple[str, str, Path]]:
    return list(examples(registry / "examples", version.event_type))
