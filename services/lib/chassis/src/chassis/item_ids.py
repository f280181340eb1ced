"""Ids of items, UUIDs (version 8, RFC 9562) that tell when, and for which tenant, they were issued.

So a service can tell an item that it has not heard of yet from one that never was, without asking the service that
issued the id. Another tenant's id is one that never was: it has not the mark of the caller's.

    48 bits  milliseconds since 1970     12 bits  random
    30 bits  random                      32 bits  mark: SHA-256 of the tenant and of the bits before
"""

import hashlib
import secrets
import time
import uuid

__all__ = ["RECENT_S", "issued_recently", "new_item_id"]

#: Seconds in which every service has heard of an item, however much there is to do.
RECENT_S = 24 * 3600
_MARK_BITS = 32


def new_item_id(tenant_id: str) -> str:
    """An id that sorts by its time of issue."""
    moment = int(time.time() * 1000)
    before = moment << 48 | 8 << 44 | secrets.randbits(12) << 32 | 0b10 << 30 | secrets.randbits(30)
    return str(uuid.UUID(int=before << _MARK_BITS | _mark(tenant_id, before)))


def issued_recently(tenant_id: str, item_id: str) -> bool:
    """Whether the id was issued for the tenant in the last `RECENT_S` seconds."""
    try:
        found = uuid.UUID(item_id)
    except ValueError:
        return False
    if found.version != 8 or str(found) != item_id:
        return False
    before, mark = divmod(found.int, 1 << _MARK_BITS)
    # The clocks of two machines may disagree.
    return abs(time.time() - (found.int >> 80) / 1000) < RECENT_S and mark == _mark(tenant_id, before)


def _mark(tenant_id: str, before: int) -> int:
    digest = hashlib.sha256(before.to_bytes(12, "big") + tenant_id.encode()).digest()
    return int.from_bytes(digest[: _MARK_BITS // 8], "big")
