"""Every error as problem details (RFC 9457) that also carry `detail` as text."""

import json
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestValidationError

from chassis.errors import (
    CommitUnknownError,
    ConcurrencyError,
    MalformedCursorError,
    ProblemError,
    TenantForgottenError,
    TransientError,
)
from chassis.observability import MetricUnit, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.event_handler.openapi.types import OpenAPIResponse

__all__ = ["ANSWERS", "PROBLEM_JSON", "answered", "documented", "not_found", "not_yet", "problem"]

PROBLEM_JSON = "application/problem+json"

#: What may have passed when the caller tries again.
_PASSING = frozenset({HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE})


def not_found(what: str, name: str) -> ProblemError:
    """404: it does not exist, or it belongs to another tenant; the caller cannot distinguish them."""
    return ProblemError(HTTPStatus.NOT_FOUND, "not-found", f"{what} {name} not found")


def not_yet(what: str, name: str) -> ProblemError:
    """409: it exists as far as can be told, but its events are still on their way to this service."""
    return ProblemError(HTTPStatus.CONFLICT, "not-processed-yet", f"{what} {name} is not processed yet; try again")


def documented(
    *problems: tuple[HTTPStatus, str], success: "Mapping[int, OpenAPIResponse] | None" = None
) -> "dict[int, OpenAPIResponse]":
    """The `responses` of a route: what it answers on success, and its own problems with their meanings.

    What every route of its kind may answer (no token, a malformed request, a silent dependency) is added to the
    merged document by `registry.openapi`.
    """
    responses: dict[int, OpenAPIResponse] = dict(success or {200: {"description": "OK"}})
    for status, meaning in problems:
        schema = {"$ref": "#/components/schemas/Problem"}
        responses[status.value] = {"description": meaning, "content": {PROBLEM_JSON: {"schema": schema}}}
    return responses


def problem(
    status: HTTPStatus, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **extensions: object
) -> Response[str]:
    """A problem details answer (RFC 9457)."""
    body = {
        "type": f"urn:collections:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **extensions,
    }
    given: dict[str, str | list[str]] = {"Retry-After": "5"} if status in _PASSING else {}
    given |= headers or {}
    return Response(status_code=status.value, content_type=PROBLEM_JSON, body=json.dumps(body), headers=given)


def _invalid(error: RequestValidationError) -> Response[str]:
    faults = [{"loc": list(fault["loc"]), "type": fault["type"], "msg": fault["msg"]} for fault in error.errors()]
    detail = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, errors=faults)


def _conflict(_error: ConcurrencyError) -> Response[str]:
    return problem(HTTPStatus.CONFLICT, "conflict", "it was changed meanwhile; read it again")


def _unavailable(error: TransientError) -> Response[str]:
    logger.warning("unavailable", extra={"error": str(error)})
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "a dependency does not answer; try again")


def _outcome_unknown(error: CommitUnknownError) -> Response[str]:
    logger.error("outcome of a commit unknown", extra={"error": str(error)})
    detail = (
        "the connection to the database was lost while the request was being stored: it may have taken effect or not;"
        " look before you send it again"
    )
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "outcome-unknown", detail)


def _forgotten(_error: TenantForgottenError) -> Response[str]:
    return problem(HTTPStatus.GONE, "forgotten", "this account is deleted, with everything that belonged to it")


def _service_error(error: ServiceError) -> Response[str]:
    status = HTTPStatus(error.status_code)
    return problem(status, status.phrase.lower().replace(" ", "-"), str(error.msg))


def _no_route(_error: NotFoundError) -> Response[str]:
    return problem(HTTPStatus.NOT_FOUND, "no-route", "there is no such route")


def _fault(_error: Exception) -> Response[str]:
    logger.exception("unhandled fault")
    metrics.add_metric("HttpFaults", MetricUnit.Count, 1)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an unexpected error; it has been logged")


#: Error -> its answer; the most specific class counts.
ANSWERS: Sequence[tuple[type[Exception], Callable[[Any], Response[str]]]] = (
    (
        ProblemError,
        lambda error: problem(error.status, error.code, error.detail, headers=error.headers, **error.extensions),
    ),
    (MalformedCursorError, lambda error: problem(HTTPStatus.BAD_REQUEST, "malformed-cursor", str(error))),
    (RequestValidationError, _invalid),
    (ConcurrencyError, _conflict),
    (TenantForgottenError, _forgotten),
    (CommitUnknownError, _outcome_unknown),
    (TransientError, _unavailable),
    (NotFoundError, _no_route),
    (ServiceError, _service_error),
    (Exception, _fault),
)


def answered(error: Exception) -> dict[str, Any]:
    """The answer to an error that is raised before any route, as API Gateway takes it."""
    given = next(answer for kind, answer in ANSWERS if isinstance(error, kind))(error)
    return {
        "statusCode": given.status_code,
        "body": given.body,
        "isBase64Encoded": False,
        "headers": {"Content-Type": PROBLEM_JSON, **given.headers},
        "cookies": [],
    }
