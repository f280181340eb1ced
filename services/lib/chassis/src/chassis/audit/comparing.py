"""Finds in what the live rows of a service differ from a fold of the log.

The documents are folded under the first mask. Under the second mask are folded a few subjects, which shows in which
columns something personal is, and then only those subjects that differ in another column: of these both folds say
exactly what can be compared. So most subjects are folded once.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from chassis import folding
from chassis.audit import folds
from chassis.audit.folds import Subject, Table
from chassis.audit.log import tenant_ids
from chassis.audit.masks import MASKS
from chassis.database import Connection
from chassis.items import Items, Kept
from chassis.observability import hash_tenant
from chassis.projections import Projections

__all__ = ["Dependence", "Difference", "Rows", "compare", "dependence", "differences", "flat"]

#: Subjects that are folded under both masks from the start.
_SAMPLE: Final = 6
#: Of one subject: table -> key, as JSON -> path of a column -> value.
Rows = dict[str, dict[str, dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that is `missing`, that is there in spite of the log (`extra`), or that has other values (`stale`).

    `columns` are those of a stale row, with the path within a JSON document: `state/embedded/model`.
    """

    table: str
    kind: Literal["missing", "extra", "stale"]
    key: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Dependence:
    """What depends on something personal: (table, path) of columns, and tables in which it decides about rows."""

    columns: frozenset[tuple[str, str]] = frozenset()
    tables: frozenset[str] = frozenset()

    def __or__(self, other: "Dependence") -> "Dependence":
        """What depends in either."""
        return Dependence(self.columns | other.columns, self.tables | other.tables)


def compare(
    connection: Connection,
    schema: str,
    projections: Projections,
    subjects: Sequence[Subject],
    documents: Sequence[Mapping[str, Any]],
    *,
    items: Items | None = None,
) -> dict[str, Any]:
    """In what the live rows of these subjects differ from these masked documents, folded.

    `differences` are those of `Difference`, with the subject; `refused` the subjects of documents that this service's
    code cannot read or fold; `not_compared` the tables without rows by subject. `items` are what the service folds into
    DynamoDB, and are compared like rows.

    Raises:
        TransientError: a store does not answer.
    """
    every = folds.tables(connection, schema)
    chosen = [table for table in every if table.subject is not None]
    ids = tenant_ids(connection, [table.name for table in chosen], {tenant for tenant, _ in subjects})
    kinds = folding.temporary_tables(connection, schema) if documents else {}
    asked = [(ids[tenant], subject) for tenant, subject in subjects if tenant in ids]
    live = _by_subject(chosen, {table.name: folds.live_rows(connection, schema, table, asked) for table in chosen})

    folds_of = projections if items is None else items.projections

    def folded(which: Iterable[Subject], mask: int) -> dict[Subject, Rows]:
        wanted = set(which)
        mine = [each for each in documents if (each["tenantid"], each["subject"]) in wanted]
        if not mine:
            return {}
        refused.update(folds.fold(connection, folds_of, mine, MASKS[mask]))
        rows = _by_subject(chosen, {table.name: folds.folded_rows(connection, table) for table in chosen})
        folds.empty(connection, kinds)
        if items is not None:
            _add_items(rows, items.table, items.take())
        return rows

    refused: set[Subject] = set()
    first = folded(subjects, 0)
    if items is not None:
        # A service has rows of each of its conversations, in whatever state, and none of others' items.
        mine = [(ids[of], subject) for of, subject in {*first, *live} if of in ids]
        _add_items(live, items.table, items.live(mine), hidden=True)
    second = folded(sample := subjects[:_SAMPLE], 1)
    known = Dependence()
    for subject in sample:
        known |= dependence(first.get(subject, {}), second.get(subject, {}))
    suspects = [each for each in subjects if differences(first.get(each, {}), live.get(each, {}), known)]
    second |= folded(set(suspects) - set(sample), 1)
    found = [
        {"tenant": tenant, "subject": subject, **_described(difference)}
        for tenant, subject in suspects
        if (tenant, subject) not in refused
        for difference in _exactly(*(rows.get((tenant, subject), {}) for rows in (first, second, live)))
    ]
    return {
        "differences": found,
        "refused": sorted(refused),
        # Forgotten tenants are left out of an audit.
        "not_compared": [table.name for table in every if table.subject is None and table.name != "forgotten_tenants"],
    }


def dependence(first: Rows, second: Rows) -> Dependence:
    """What two folds of the same events under different masks do not have in common."""
    columns: set[tuple[str, str]] = set()
    tables: set[str] = set()
    for table in {*first, *second}:
        one, other = first.get(table, {}), second.get(table, {})
        if one.keys() != other.keys():
            tables.add(table)
        for key in one.keys() & other.keys():
            columns |= {(table, path) for path in _differing(one[key], other[key])}
    return Dependence(frozenset(columns), frozenset(tables))


def differences(fold: Rows, live: Rows, known: Dependence) -> list[Difference]:
    """In what the live rows differ from the fold, apart from what is known to depend on something personal."""
    found: list[Difference] = []
    for table in sorted({*fold, *live}):
        expected, actual = fold.get(table, {}), live.get(table, {})
        if table not in known.tables or not expected or not actual:
            found += [Difference(table, "missing", key) for key in sorted(expected.keys() - actual.keys())]
            found += [Difference(table, "extra", key) for key in sorted(actual.keys() - expected.keys())]
        for key in sorted(expected.keys() & actual.keys()):
            paths = [path for path in _differing(expected[key], actual[key]) if (table, path) not in known.columns]
            if paths:
                found.append(Difference(table, "stale", key, tuple(sorted(paths))))
    return found


def _exactly(first: Rows, second: Rows, live: Rows) -> list[Difference]:
    return differences(first, live, dependence(first, second))


def _differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    absent = object()
    return {path for path in {*one, *other} if one.get(path, absent) != other.get(path, absent)}


def flat(value: Any, path: str = "") -> dict[str, Any]:  # noqa: ANN401  # any JSON value
    """The leaves of a JSON value by their paths. A list is one leaf: its length may depend on something personal."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    return {
        leaf: found
        for name, item in value.items()
        for leaf, found in flat(item, f"{path}/{name}" if path else str(name)).items()
    }


def _by_subject(tables: Sequence[Table], rows: Mapping[str, Sequence[dict[str, Any]]]) -> dict[Subject, Rows]:
    found: dict[Subject, Rows] = {}
    for table in tables:
        for row in rows[table.name]:
            subject = (row["tenant_id"], row[table.subject or ""])
            # The subject is known, and the tenant's id is not told.
            named = [name for name in table.key if name not in {"tenant_id", table.subject}]
            key = json.dumps({name: row[name] for name in named})
            found.setdefault(subject, {}).setdefault(table.name, {})[key] = flat(row)
    return found


def _add_items(rows: dict[Subject, Rows], table: str, kept: Kept, *, hidden: bool = False) -> None:
    """`hidden` puts the hash in place of the tenant's id."""
    for (tenant, subject), items in kept.items():
        of = hash_tenant(tenant) if hidden else tenant
        found = {json.dumps({"item": key}): flat(item) for key, item in items.items()}
        rows.setdefault((of, subject), {})[table] = found


def _described(difference: Difference) -> dict[str, Any]:
    return {
        "table": difference.table,
        "kind": difference.kind,
        "key": json.loads(difference.key),
        "columns": list(difference.columns),
    }
