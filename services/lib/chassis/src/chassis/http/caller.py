"""Who calls: the tenant is the verified token's `sub` and nothing else; API Gateway has verified the token before."""

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Depends
from aws_lambda_powertools.event_handler.request import Request

from chassis.errors import ProblemError
from chassis.http.bodies import raw_body
from chassis.http.correlation import CORRELATION_ID
from chassis.http.headers import header
from chassis.observability import annotate, child_span, hash_tenant, logger

__all__ = ["Caller", "CallerDep", "caller", "verified_tenant"]

_LONGEST_START_S = 10.0


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and the correlation id by which everything the request causes can be found.

    `waited_s` is how long the gateway has been holding the request: a cold start counts in its 30 s and not in the
    function's own.
    """

    tenant_id: str
    correlation_id: str
    traceparent: str
    waited_s: float = 0.0
    #: What `chassis.http.once` needs: the caller's key, the route, and a hash of all that was sent.
    idempotency_key: str | None = None
    route: str = ""
    fingerprint: str = ""
    #: When the person signed in, in seconds since 1970; refreshing a token changes nothing. 0 where it is not known.
    signed_in_at: int = 0


def caller(request: Request) -> Caller:
    """The caller of the current request.

    Raises:
        ProblemError: 401; the route was reached without an authorizer's verified claims. See also `raw_body`.
    """
    event = request.resolved_event.raw_event
    context = event.get("requestContext", {})
    tenant_id = verified_tenant(event)
    if not tenant_id:
        headers = {"WWW-Authenticate": "Bearer"}
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", "a valid token is required", headers=headers)
    correlation_id = header(event, CORRELATION_ID.lower())
    logger.append_keys(tenant=hash_tenant(tenant_id))
    annotate(correlation_id=correlation_id)
    key = header(event, "idempotency-key") or None
    return Caller(
        tenant_id,
        correlation_id,
        child_span(header(event, "traceparent") or None),
        _waited_s(context),
        idempotency_key=key,
        route=f"{context.get('http', {}).get('method')} {request.route}",
        fingerprint=_fingerprint(event) if key else "",
        signed_in_at=_signed_in_at(event),
    )


def verified_tenant(event: Mapping[str, Any]) -> str | None:
    """The `sub` of the token that the gateway has verified; None where the route needs none."""
    return _claims(event).get("sub")


def _claims(event: Mapping[str, Any]) -> Mapping[str, Any]:
    claims: Mapping[str, Any] = event.get("requestContext", {}).get("authorizer", {}).get("jwt", {}).get("claims", {})
    return claims


def _signed_in_at(event: Mapping[str, Any]) -> int:
    text = str(_claims(event).get("auth_time", ""))
    return int(text) if text.isdecimal() else 0


def _fingerprint(event: Mapping[str, Any]) -> str:
    """Of what was said: compression writes the same in many ways."""
    asked = f"{event['rawPath']}\0{event['rawQueryString']}\0"
    return hashlib.sha256(asked.encode(errors="surrogatepass") + raw_body(event)).hexdigest()


def _waited_s(context: Mapping[str, Any]) -> float:
    """Clamped to 0 to 10 s, because the clocks of two machines may disagree."""
    taken_ms = context.get("timeEpoch")
    return 0.0 if taken_ms is None else min(max(time.time() - taken_ms / 1000, 0.0), _LONGEST_START_S)


CallerDep = Annotated[Caller, Depends(caller)]
