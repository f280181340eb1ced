"""Finds every subschema, id and anchor of a document, and resolves references inside it; nothing is ever fetched."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urldefrag, urljoin

from compatibility.dialects import Dialect, dialect_of
from compatibility.errors import Unusable, UnusableSchemaError
from compatibility.model import JsonValue
from compatibility.pointers import child
from compatibility.schema import Schema
from compatibility.walking import subschemas

REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


@dataclass(frozen=True)
class Place:
    """A subschema: itself, its pointer in the normalised document, and the base URI that its references start from."""

    schema: JsonValue
    normal: str
    base: str


@dataclass
class Index:
    """All places of a document by the pointer its author sees, and the names that lead to them."""

    dialect: Dialect
    places: dict[str, Place] = field(default_factory=dict)
    resources: dict[str, str] = field(default_factory=dict)
    anchors: dict[tuple[str, str], str] = field(default_factory=dict)
    dynamic: dict[str, list[str]] = field(default_factory=dict)

    def resolve(self, pointer: str, reference: str) -> str:
        """The pointer that a reference in the schema at ``pointer`` leads to; remote and dangling ones are unusable."""
        base = self.places[pointer].base
        joined = base + reference if reference.startswith("#") else urljoin(base, reference)
        uri, fragment = urldefrag(joined)
        resource = self.resources.get(uri)
        if resource is None:
            raise UnusableSchemaError(
                Unusable.REMOTE_REFERENCE, f"{pointer or '/'}: {reference!r} leads out of the document"
            )
        name = unquote(fragment)
        target = resource + name if not name or name.startswith("/") else self.anchors.get((uri, name))
        if target is None or target not in self.places:
            raise UnusableSchemaError(
                Unusable.UNRESOLVED_REFERENCE, f"{pointer or '/'}: {reference!r} leads to no schema of the document"
            )
        return target

    def targets(self, pointer: str, keyword: str) -> list[str]:
        """The pointers that a reference may lead to, the one that it names first; several only in the dynamic scope."""
        reference = self.places[pointer].schema[keyword]
        target = self.resolve(pointer, reference)
        candidates: list[str] = []
        if keyword == "$recursiveRef":
            candidates = self.dynamic.get("$recursiveAnchor", [])
        elif keyword == "$dynamicRef":
            candidates = self.dynamic.get(reference.rpartition("#")[2], [])
        return [target, *(other for other in candidates if other != target)] if target in candidates else [target]


def index(source: JsonValue, dialect: Dialect) -> Index:
    """Index a document. Two schemas with one id or anchor are unusable, and so is a part in another dialect."""
    found = Index(dialect)
    pending: list[tuple[str, str, str, JsonValue]] = [("", "", "", source)]
    found.resources[""] = ""
    while pending:
        pointer, normal, base, schema = pending.pop()
        if isinstance(schema, dict):
            base = _enter(found, pointer, base, schema)
        found.places[pointer] = Place(schema, normal, base)
        for old, new, part in subschemas(schema, dialect):
            pending.append((child(pointer, *old), child(normal, *new), base, part))
    return found


def targets(schema: Schema) -> dict[str, list[str]]:
    """Pointer -> pointers, in the schema as written: what the references of each part of it may lead to."""
    found = index(schema.source, dialect_of(schema.source))
    return {
        pointer: [target for keyword in keywords for target in found.targets(pointer, keyword)]
        for pointer, place in found.places.items()
        if isinstance(place.schema, dict)
        and (keywords := [word for word in REFERENCES if word in place.schema and word in found.dialect.keywords])
    }


def _enter(found: Index, pointer: str, base: str, schema: dict[str, JsonValue]) -> str:
    dialect = found.dialect
    if pointer and "$schema" in schema and schema["$schema"] != found.places[""].schema.get("$schema"):
        raise UnusableSchemaError(Unusable.MIXED_DIALECTS, f"{pointer}: $schema differs from the document's")
    hidden = dialect.reference_hides_siblings and "$ref" in schema
    identifier = schema.get(dialect.id_keyword)
    if isinstance(identifier, str) and not hidden:
        if identifier.startswith("#") and len(identifier) > 1:
            _anchor(found, pointer, base, identifier[1:])
        else:
            base = urldefrag(urljoin(base, identifier))[0]
            if found.resources.setdefault(base, pointer) != pointer:
                raise UnusableSchemaError(Unusable.CONFLICTING_IDS, f"two schemas have the id {base!r}")
    if dialect.draft >= 2019:
        for keyword in ("$anchor", "$dynamicAnchor"):
            name = schema.get(keyword)
            if isinstance(name, str):
                _anchor(found, pointer, base, name)
                if keyword == "$dynamicAnchor":
                    found.dynamic.setdefault(name, []).append(pointer)
        if schema.get("$recursiveAnchor") is True:
            found.dynamic.setdefault("$recursiveAnchor", []).append(pointer)
    return base


def _anchor(found: Index, pointer: str, base: str, name: str) -> None:
    if found.anchors.setdefault((base, name), pointer) != pointer:
        raise UnusableSchemaError(Unusable.CONFLICTING_IDS, f"two schemas have the anchor {name!r}")
