"""The rows of the read model.

Each function applies one event inside the caller's transaction (READ COMMITTED) and returns the outcome. Applied in any
order and any number of times, the same events result in the same rows:

- a higher analysis version wins; of one version the later time, then the greater digest;
- likewise for vectors; one that arrives before its document is stored and becomes visible with the document. A vector
  of another version than the document's stays visible until its successor arrives: a stale vector is better than none;
- a deletion is final.

Writes of one item are serialised (an advisory lock until the transaction ends), so a deletion cannot commit between
the check and the write of an older event. Apply one item per transaction: two transactions that take several items
in opposite order deadlock, and Postgres aborts one of them.
"""

import hashlib
import json
import struct
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString

from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from retrieval import statements
from retrieval.documents import AnalyzedItem
from retrieval.errors import TransactionRequiredError
from retrieval.pictures import Picture
from retrieval.text import document_tokens
from retrieval.vectors import PassageVector, unit_vector, vector_cursor


class Outcome(StrEnum):
    """The outcome of applying an event."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"
    """The read model already has this event or a newer one."""
    DELETED = "deleted"
    """The item is deleted."""


def project_analysis(conn: Connection[Any], tenant_id: str, item: AnalyzedItem) -> Outcome:
    """Make the item's description findable.

    Raises:
        TransactionRequiredError: there is no READ COMMITTED transaction.
    """
    item = item.storable()
    keys = _lock(conn, tenant_id, item.item_id)
    deleted, *known, lexemes, length = _one(conn, statements.KNOWN_DOCUMENT, keys)
    if deleted:
        return Outcome.DELETED
    order = (item.version, item.analyzed_at, item.digest())
    if known[0] is not None and order <= tuple(known):
        if conn.execute(statements.WAS_ADDED, {**keys, "analyzed_at": item.analyzed_at}).rowcount:
            conn.execute(statements.SHOW_VECTOR, keys)
        return Outcome.SUPERSEDED
    if lexemes:
        conn.execute(statements.DELETE_POSTINGS, {**keys, "lexemes": lexemes})
    body = item.body()
    counts = Counter((line, token) for line, text in enumerate(body.split("\n")) for token in document_tokens(text))
    columns = {
        "analysis_version": item.version,
        "analyzed_at": item.analyzed_at,
        "digest": order[2],
        "analysis_id": item.analysis_id,
        "category": item.text("category"),
        "headline": item.text("headline"),
        "summary": item.text("summary"),
        "filename": item.filename,
        "original_filename": item.original_filename,
        "description": Jsonb(item.description),
        "body": body,
        "spelling": item.spelling(),
        **item.keys(),
        "lines": [line for line, _ in counts],
        "tokens": [token for _, token in counts],
        "counts": list(counts.values()),
    }
    (new_length,) = _one(conn, statements.WRITE_DOCUMENT, {**keys, **columns})
    conn.execute(statements.SHOW_VECTOR, keys)
    _count(conn, tenant_id, documents=0 if known[0] is not None else 1, tokens=new_length - (length or 0))
    return Outcome.APPLIED


def project_vector(
    conn: Connection[Any],
    tenant_id: str,
    item_id: str,
    *,
    vector: Sequence[float],
    model: str,
    analysis_version: int,
    embedded_at: datetime,
    passages: Sequence[PassageVector] = (),
) -> Outcome:
    """Make the item findable by meaning, now or when its description arrives; by each of its passages, too.

    `embedded_at` (with a zone) decides between vectors of one analysis version, e.g. after a rebuild with another
    model.

    Raises:
        InvalidVectorError: not 1,024 finite values of non-zero norm.
        TransactionRequiredError: there is no READ COMMITTED transaction.
    """
    direction = unit_vector(vector)
    # By its start; where two are told to begin at one place, the last.
    parts = {
        part.start: {"start": part.start, "end": part.end, "embedding": unit_vector(part.values)} for part in passages
    }
    digest = _digest(model, vector, passages)
    keys = _lock(conn, tenant_id, item_id)
    deleted, *known = _one(conn, statements.KNOWN_VECTOR, keys)
    if deleted:
        return Outcome.DELETED
    if known[0] is not None and (analysis_version, embedded_at, digest) <= tuple(known):
        return Outcome.SUPERSEDED
    columns = {
        "version": analysis_version,
        "embedded_at": embedded_at,
        "digest": digest,
        "model": model,
        "dimensions": len(vector),
        "embedding": direction,
    }
    cursor = vector_cursor(conn, tuple_row)
    cursor.execute(statements.WRITE_VECTOR, {**keys, **columns})
    if known[0] is not None:
        conn.execute(statements.DELETE_PASSAGES, keys)
    if parts:
        cursor.executemany(statements.WRITE_PASSAGE, [{**keys, "model": model, **part} for part in parts.values()])
    _count(conn, tenant_id, vectors=0 if known[0] is not None else 1)
    return Outcome.APPLIED


def project_picture(conn: Connection[Any], tenant_id: str, picture: Picture) -> Outcome:
    """Make the item findable by what its picture's file says, now or when its description arrives.

    Of two processings the later counts, of one time that of the greater digest.

    Raises:
        TransactionRequiredError: there is no READ COMMITTED transaction.
    """
    keys = _lock(conn, tenant_id, picture.item_id)
    deleted, *known = _one(conn, statements.KNOWN_PICTURE, keys)
    if deleted:
        return Outcome.DELETED
    order = (picture.processed_at, picture.digest())
    if known[0] is not None and order <= tuple(known):
        return Outcome.SUPERSEDED
    columns = {"processed_at": picture.processed_at, "digest": order[1], **picture.columns()}
    conn.execute(statements.WRITE_PICTURE, {**keys, **columns})
    if conn.execute(statements.SHOW_PICTURE, keys).rowcount:
        conn.execute(statements.SHOW_VECTOR, keys)
    return Outcome.APPLIED


def project_deletion(conn: Connection[Any], tenant_id: str, item_id: str, deleted_at: datetime) -> Outcome:
    """Remove the item, and leave a tombstone for events that arrive later.

    Raises:
        TransactionRequiredError: there is no READ COMMITTED transaction.
    """
    keys = _lock(conn, tenant_id, item_id)
    deleted, *_, lexemes, length = _one(conn, statements.KNOWN_DOCUMENT, keys)
    conn.execute(statements.WRITE_TOMBSTONE, {**keys, "deleted_at": deleted_at})
    if deleted:
        return Outcome.DELETED
    if lexemes:
        conn.execute(statements.DELETE_POSTINGS, {**keys, "lexemes": lexemes})
    documents = conn.execute(statements.DELETE_DOCUMENT, keys).rowcount
    vectors = conn.execute(statements.DELETE_VECTOR, keys).rowcount
    conn.execute(statements.DELETE_PASSAGES, keys)
    conn.execute(statements.DELETE_PICTURE, keys)
    _count(conn, tenant_id, documents=-documents, tokens=-(length or 0), vectors=-vectors)
    return Outcome.APPLIED


def _digest(model: str, vector: Sequence[float], passages: Sequence[PassageVector]) -> bytes:
    content = hashlib.sha256(model.encode() + b"\x00" + struct.pack(f"<{len(vector)}f", *vector))
    for part in passages:
        content.update(struct.pack(f"<qq{len(part.values)}f", part.start, part.end, *part.values))
    return content.digest()


def _lock(conn: Connection[Any], tenant_id: str, item_id: str) -> dict[str, Any]:
    # The lock is a statement of its own: what follows must see what was committed while it waited.
    keys = {"tenant": tenant_id, "item": item_id}
    isolation, _ = _one(conn, statements.LOCK, {"subject": json.dumps([tenant_id, item_id])})
    if isolation != "read committed" or conn.info.transaction_status != TransactionStatus.INTRANS:
        raise TransactionRequiredError(f"{conn.info.transaction_status.name}, {isolation}")
    return keys


def _count(conn: Connection[Any], tenant_id: str, *, documents: int = 0, tokens: int = 0, vectors: int = 0) -> None:
    # Last in each function: all writers of a tenant share this row, and its lock lasts until they commit.
    change = {"tenant": tenant_id, "documents": documents, "tokens": tokens, "vectors": vectors}
    conn.execute(statements.COUNT, change)


def _one(conn: Connection[Any], statement: LiteralString | bytes, parameters: dict[str, Any]) -> tuple[Any, ...]:
    row = conn.cursor(row_factory=tuple_row).execute(statement, parameters).fetchone()
    if row is None:
        raise AssertionError("the statement always returns a row")
    return row
