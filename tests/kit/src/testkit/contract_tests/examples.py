"""Documents that a consumer may meet: golden examples, and their smallest and largest variants."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.schemas import PublishedVersion, examples, history
from testkit.contract_tests.variants import VariantError, maximal, minimal


@dataclass(frozen=True, slots=True)
class PublishedVersionCase:
    """A published version with its golden examples."""

    published: PublishedVersion
    examples: tuple[Path, ...]

    def __str__(self) -> str:
        return f"{self.published.event_type}/{self.published.version}"

    def documents(self) -> dict[str, dict[str, Any]]:
        """The golden examples by name."""
        return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in self.examples}

    def variants(self) -> dict[str, dict[str, Any]]:
        """The smallest and the largest document that the producer's schema allows, in the richest example's envelope.

        Raises:
            VariantError: there is no golden example, or one has to show more.
        """
        documents = sorted(self.documents().values(), key=lambda document: -len(json.dumps(document)))
        if not documents:
            raise VariantError(f"{self} has no golden example")
        payloads = [document["data"] for document in documents]
        schema = self.published.producer()
        try:
            payloads_by_name = {"minimal": minimal(schema, payloads), "maximal": maximal(schema, payloads)}
        except VariantError as error:
            raise VariantError(f"{self}: {error}") from error
        return {name: {**documents[0], "data": payload} for name, payload in payloads_by_name.items()}


def published_version_cases(registry: Path, event_type: str) -> list[PublishedVersionCase]:
    """Every version of an event type that was ever published, oldest first; a reader may receive each of them."""
    shown = list(examples(registry / "examples", event_type))
    return [
        PublishedVersionCase(version, tuple(path for _, number, path in shown if number == version.version))
        for version in history(registry / "schemas", event_type)
    ]
