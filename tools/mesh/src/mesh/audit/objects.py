"""S3 against the log: every object that an event names is there, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from chassis.observability import hash_tenant
from contracts import ReplayKind
from contracts.contract import fact_of
from contracts.imaging import ImageProcessed
from contracts.ingest import ItemDeleted, ItemUploaded
from mesh.audit.model import Difference, Kind, Replay, Scope, Subject

#: `{tenant}/{folder}/{item}[.{extension}]`, and who keeps what is in a folder.
_KEY: Final = re.compile(r"([^/]+)/(images|renditions|thumbnails|uploads)/([^/.]+)(\.[^/]*)?")
_OWNERS: Final = {"images": "ingest", "uploads": "ingest", "renditions": "imaging", "thumbnails": "imaging"}
#: For so long an upload may be under way that no event tells of: forms live for an hour, and a sweep runs every hour.
PENDING: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Stored:
    """An object as the bucket lists it; in `key` the tenant's hash stands for the id, which `tenant_id` has."""

    key: str
    tenant_id: str
    tenant: str
    folder: str
    item: str
    modified: datetime

    @property
    def of(self) -> Subject:
        return self.tenant, self.item


@dataclass
class Named:
    """What the events of the audited items name: the keys that must be there, all keys, and the deleted items."""

    needed: dict[str, Subject] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    deleted: set[Subject] = field(default_factory=set)

    def add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Learn from all masked documents of some items."""
        newest: dict[Subject, Mapping[str, Any]] = {}
        for document in documents:
            of = (document["tenantid"], document["subject"])
            match fact_of(document["type"]):
                case fact if fact == ItemDeleted.fact():
                    self.deleted.add(of)
                case fact if fact == ItemUploaded.fact():
                    self._name(document["data"]["key"], of)
                case fact if fact == ImageProcessed.fact():
                    self.keys.update(_renditions(document))
                    if of not in newest or int(newest[of]["sequence"]) < int(document["sequence"]):
                        newest[of] = document
        for of, document in newest.items():
            for key in _renditions(document):
                self._name(key, of)

    def _name(self, key: str, of: Subject) -> None:
        self.needed[key] = of
        self.keys.add(key)


def stored(s3: Any, bucket: str, scope: Scope, tenants: set[str]) -> Iterator[list[Stored]]:  # noqa: ANN401 - a boto3 client
    """The objects of the bucket, page by page: of tenants with these hashes, or of all where everything is audited."""
    prefixes = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Delimiter="/")
    for prefix in (each["Prefix"] for page in prefixes for each in page.get("CommonPrefixes", ())):
        hashed = hash_tenant(prefix.rstrip("/"))
        if hashed not in tenants and (not scope.is_whole or not _is_chosen(scope, prefix.rstrip("/"), hashed)):
            continue
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield [found for each in page.get("Contents", ()) if (found := _read(each)) is not None]


def compare(
    named: Named, objects: Sequence[Stored], scope: Scope, known: Mapping[Subject, datetime]
) -> list[Difference]:
    """Objects that are missing, and objects that no event names. `known` are all subjects, by their latest event."""
    there = {each.key for each in objects}
    missing = [_missing(key, of) for key, of in named.needed.items() if key not in there and of not in named.deleted]
    return missing + [found for each in objects if (found := _superfluous(each, named, scope, known)) is not None]


def noncurrent(s3: Any, bucket: str, prefix: str) -> Callable[[str], str | None]:  # noqa: ANN401 - a boto3 client
    """A function that finds the newest version of a missing object, by the rest of its key below the prefix."""

    def find(rest: str) -> str | None:
        answer = s3.list_object_versions(Bucket=bucket, Prefix=f"{prefix}/{rest}")
        found = sorted(answer.get("Versions", ()), key=lambda version: version["LastModified"])
        return str(found[-1]["VersionId"]) if found else None

    return find


def _missing(key: str, of: Subject) -> Difference:
    folder = key.split("/")[1]
    if _OWNERS.get(folder) != "imaging":
        return _of(Kind.OBJECT_MISSING, folder, of, key, None, "no replay can repair it")
    replay = Replay(consumer="imaging", kind=ReplayKind.REPROCESS, types=(ItemUploaded.event_type,))
    return _of(Kind.OBJECT_MISSING, folder, of, key, replay)


def _superfluous(each: Stored, named: Named, scope: Scope, known: Mapping[Subject, datetime]) -> Difference | None:
    if each.modified >= scope.before or (scope.subjects is not None and each.item not in scope.subjects):
        return None
    if each.of in named.deleted:
        replay = Replay(consumer=_OWNERS[each.folder], kind=ReplayKind.REPROCESS, types=(ItemDeleted.event_type,))
        return _of(Kind.OBJECT_OF_DELETED, each.folder, each.of, each.key, replay)
    latest = known.get(each.of)
    is_looked_at = scope.is_whole if latest is None else latest < scope.before
    may_be_pending = each.folder in {"images", "uploads"} and each.modified >= scope.before - PENDING
    if each.key in named.keys or not is_looked_at or may_be_pending:
        return None
    advice = "no replay can tell whose it is; nothing is deleted"
    return _of(Kind.OBJECT_UNKNOWN, each.folder, each.of, each.key, None, advice)


def _of(kind: Kind, folder: str, of: Subject, key: str, replay: Replay | None, advice: str = "") -> Difference:
    where = f"{_OWNERS[folder]}.{folder}"
    return Difference(kind=kind, where=where, tenant=of[0], subject=of[1], what=key, replay=replay, advice=advice)


def _renditions(document: Mapping[str, Any]) -> list[str]:
    return [rendition["key"] for rendition in document["data"]["renditions"]]


def _is_chosen(scope: Scope, tenant_id: str, hashed: str) -> bool:
    return scope.tenant is None or scope.tenant in {tenant_id, hashed}


def _read(entry: Mapping[str, Any]) -> Stored | None:
    match = _KEY.fullmatch(entry["Key"])
    if match is None:
        return None
    tenant_id, folder, item, extension = match.groups()
    hashed = hash_tenant(tenant_id)
    key = f"{hashed}/{folder}/{item}{extension or ''}"
    return Stored(key, tenant_id, hashed, folder, item, entry["LastModified"])
