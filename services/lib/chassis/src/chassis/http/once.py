"""`Idempotency-Key`: a request that is sent again has one effect, and the first answer.

https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Annotated, Protocol, TypeVar

from aws_lambda_powertools.event_handler.openapi.params import Header
from pydantic import BaseModel, TypeAdapter

from chassis import idempotency
from chassis.database import Connection, Database
from chassis.errors import ConcurrencyError, ProblemError, TransientError
from chassis.http.caller import Caller
from chassis.idempotency import RequestKey

__all__ = ["IdempotencyKey", "Keep", "once"]

T = TypeVar("T", bound=BaseModel)

_KEPT_H = idempotency.KEPT_S // 3600
#: The parameter of a route that calls `once`; its value reaches that with the caller.
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        pattern="^[ -~]+$",
        description="The caller's name for this request, best a UUID: sent again within"
        f" {_KEPT_H} hours, the request has no other effect, and the first answer.",
        examples=["5c3d0b0e-6f0c-4a35-8a8e-0d5c1f1c7b52"],
    ),
]


class Keep(Protocol):
    """Keeps the answer of the request, in the transaction of its effect."""

    def __call__(self, connection: Connection, answer: BaseModel, *, subject: str) -> None:
        """`subject` is the item or session that was made.

        Raises:
            ConcurrencyError: another attempt took the place of this one.
        """


def once(
    database: Database, caller: Caller, answers: type[T], act: Callable[[Keep], T], *, fingerprint: bytes | None = None
) -> T:
    """What `act` answers, or what it answered when the request was sent before.

    `act` calls what it is given in the transaction of its effect; a request that ends in a problem had none, and is not
    remembered. `fingerprint` tells requests apart where their bytes do not.

    Raises:
        ProblemError: 409, the first attempt is not answered yet; 410, what it made is deleted; 422, the key belongs to
            another request.
    """
    if caller.idempotency_key is None:
        return act(lambda *_, **__: None)
    request = RequestKey(caller.tenant_id, caller.route, caller.idempotency_key)
    print_ = caller.fingerprint if fingerprint is None else hashlib.sha256(fingerprint).hexdigest()
    claim = secrets.token_hex(8)
    with database.transaction() as connection:
        kept = idempotency.claim(connection, request, fingerprint=print_, claim=claim)
    if kept is not None:
        return _repeated(kept, print_, answers)

    def keep(connection: Connection, answer: BaseModel, *, subject: str) -> None:
        text = answer.model_dump_json()
        if not idempotency.complete(connection, request, claim=claim, subject=subject, answer=text):
            raise ConcurrencyError(f"another attempt at the request has begun: {subject}")

    try:
        return act(keep)
    except BaseException:
        # Releases nothing where there was an effect after all (a COMMIT without an answer): its answer is kept with it.
        # A claim that cannot be released runs out.
        with suppress(TransientError), database.transaction() as connection:
            idempotency.release(connection, request, claim=claim)
        raise


def _repeated(kept: idempotency.Kept, fingerprint: str, answers: type[T]) -> T:
    if kept.fingerprint != fingerprint:
        detail = "this Idempotency-Key was sent with another request before"
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
    if not kept.is_answered:
        raise ProblemError(HTTPStatus.CONFLICT, "request-under-way", "the same request is still being answered")
    if kept.answer is None:
        raise ProblemError(HTTPStatus.GONE, "gone", "what this request made is deleted")
    return TypeAdapter(answers).validate_json(kept.answer)
