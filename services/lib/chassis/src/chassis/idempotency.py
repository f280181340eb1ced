"""`idempotent_requests`: which requests with an Idempotency-Key were answered, and how.

The answer is stored in the transaction of the request's effect: there is never one without the other. Powertools'
idempotency utility keeps its records in DynamoDB, outside of that transaction: a crash in between repeats the effect.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from chassis.database import Connection
from chassis.retention import Rule

__all__ = ["KEPT_S", "RETENTION", "Kept", "RequestKey", "claim", "complete", "forget", "release"]

#: Seconds for which an answer is kept.
KEPT_S = 24 * 3600
RETENTION = Rule("idempotent_requests", "claimed_at", timedelta(seconds=KEPT_S))
#: Seconds after which an attempt has died: functions behind the API run for 29.
_CLAIM_S = 40


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What names a request: two tenants, or two routes, may have the same key."""

    tenant_id: str
    route: str
    key: str


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that was there before; it has no `answer` before it is answered, and after what it made is deleted."""

    fingerprint: str
    is_answered: bool
    answer: str | None


def claim(connection: Connection, request: RequestKey, *, fingerprint: str, claim: str) -> Kept | None:
    """Begin the request; what is kept of it where it was begun before, and has not died without an answer."""
    begun = connection.execute(
        """
        INSERT INTO idempotent_requests AS r (tenant_id, route, key, fingerprint, claim, claimed_until)
        VALUES (%(tenant)s, %(route)s, %(key)s, %(fingerprint)s, %(claim)s, now() + make_interval(secs => %(claim_s)s))
        ON CONFLICT (tenant_id, route, key) DO UPDATE SET
            fingerprint = excluded.fingerprint, claim = excluded.claim, claimed_until = excluded.claimed_until,
            claimed_at = excluded.claimed_at, subject = NULL, is_answered = false, answer = NULL
        WHERE r.claimed_at < now() - make_interval(secs => %(kept_s)s)
           OR (NOT r.is_answered AND r.claimed_until < now())
        RETURNING key
        """,
        {
            "tenant": request.tenant_id,
            "route": request.route,
            "key": request.key,
            "fingerprint": fingerprint,
            "claim": claim,
            "claim_s": _CLAIM_S,
            "kept_s": KEPT_S,
        },
    ).fetchone()
    if begun is not None:
        return None
    row = connection.execute(
        """
        SELECT fingerprint, is_answered, answer FROM idempotent_requests
        WHERE tenant_id = %s AND route = %s AND key = %s
        """,
        (request.tenant_id, request.route, request.key),
    ).fetchone()
    # Released in between: the caller tries again.
    return Kept(**row) if row else Kept(fingerprint, is_answered=False, answer=None)


def complete(connection: Connection, request: RequestKey, *, claim: str, subject: str, answer: str) -> bool:
    """Keep the answer of the attempt; False when another has taken its place."""
    kept = connection.execute(
        """
        UPDATE idempotent_requests SET subject = %s, is_answered = true, answer = %s
        WHERE tenant_id = %s AND route = %s AND key = %s AND claim = %s AND NOT is_answered
        """,
        (subject, answer, request.tenant_id, request.route, request.key, claim),
    )
    return kept.rowcount == 1


def release(connection: Connection, request: RequestKey, *, claim: str) -> None:
    """Forget an attempt that had no effect: the request may be sent again at once."""
    connection.execute(
        """
        DELETE FROM idempotent_requests
        WHERE tenant_id = %s AND route = %s AND key = %s AND claim = %s AND NOT is_answered
        """,
        (request.tenant_id, request.route, request.key, claim),
    )


def forget(connection: Connection, tenant_id: str, subject: str, *, until: datetime | None = None) -> None:
    """Erase the answers about a subject that is deleted; that they were given is still known.

    With `until` those to requests that came later stay: they are about a new subject of the same id.
    """
    connection.execute(
        """
        UPDATE idempotent_requests SET answer = NULL
        WHERE tenant_id = %s AND subject = %s AND claimed_at <= coalesce(%s, 'infinity'::timestamptz)
        """,
        (tenant_id, subject, until),
    )
