"""Ids of items, UUIDs (version 8, RFC 9562) that tell for which tenant they were issued, and sort by when.

So a service can tell an item that it has not heard of yet from one that never was, without asking the service that
issued the id. Another tenant's id is one that never was: it has not the mark of the caller's.

However old an id is, its events may still come: a queue holds them for days, its dead letters for weeks, an outbox that
the bus refuses until somebody looks. Tombstones tell what was deleted, and are kept for ever.

    48 bits  milliseconds since 1970     12 bits  random
    30 bits  random                      32 bits  mark: SHA-256 of the tenant and of the bits before
"""

import hashlib
import secrets
import time
import uuid

__all__ = ["is_issued", "new_item_id"]

_MARK_BITS = 32


def new_item_id(tenant_id: str) -> str:
    """An id that sorts by its time of issue."""
    moment = int(time.time() * 1000)
    before = moment << 48 | 8 << 44 | secrets.randbits(12) << 32 | 0b10 << 30 | secrets.randbits(30)
    return str(uuid.UUID(int=before << _MARK_BITS | _mark(tenant_id, before)))


def is_issued(tenant_id: str, item_id: str) -> bool:
    """Whether the id was issued for the tenant."""
    try:
        found = uuid.UUID(item_id)
    except ValueError:
        return False
    if found.version != 8 or str(found) != item_id:
        return False
    before, mark = divmod(found.int, 1 << _MARK_BITS)
    return mark == _mark(tenant_id, before)


def _mark(tenant_id: str, before: int) -> int:
    digest = hashlib.sha256(before.to_bytes(12, "big") + tenant_id.encode()).digest()
    return int.from_bytes(digest[: _MARK_BITS // 8], "big")
