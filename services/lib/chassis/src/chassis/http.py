"""The HTTP entry point: tenant from the authorizer's claims, validation, problem details.

The tenant is the verified token's `sub` and nothing else; API Gateway has verified the token before we are called.
Errors are RFC 9457 problem details that also carry `detail` as text.
"""

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Depends, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError, ServiceError
from aws_lambda_powertools.event_handler.openapi.exceptions import RequestUnsupportedContentType, RequestValidationError
from aws_lambda_powertools.event_handler.request import Request

from chassis.errors import ChassisError, ConcurrencyError, TransientError
from chassis.observability import MetricUnit, annotate, child_span, hash_tenant, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["Caller", "CallerDep", "HttpEntry", "ProblemError", "Response", "create_api", "not_found", "problem"]

PROBLEM_JSON = "application/problem+json"
_LONGEST_START_S = 10.0
_CORRELATION_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class ProblemError(ChassisError):
    """An answer other than success, for the caller's eyes; `code` is stable and names the problem type."""

    def __init__(self, status: HTTPStatus, code: str, detail: str, **extensions: object) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.extensions = extensions


def not_found(what: str, name: str) -> ProblemError:
    """404: it does not exist, or it is somebody else's; the caller cannot tell which."""
    return ProblemError(HTTPStatus.NOT_FOUND, "not-found", f"{what} {name} not found")


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the thread by which everything the request causes can be found.

    `waited_s` is how long the gateway has been holding the request: a cold start counts in its 30 s and not in the
    function's own.
    """

    tenant_id: str
    correlation_id: str
    traceparent: str
    waited_s: float = 0.0


def caller(request: Request) -> Caller:
    """The caller of the current request.

    Raises:
        ProblemError: 401; the route was reached without an authorizer's verified claims.
    """
    event = request.resolved_event.raw_event
    context = event.get("requestContext", {})
    tenant_id = context.get("authorizer", {}).get("jwt", {}).get("claims", {}).get("sub")
    if not tenant_id:
        raise ProblemError(HTTPStatus.UNAUTHORIZED, "unauthorized", "a valid token is required")
    headers = {name.lower(): value for name, value in event.get("headers", {}).items()}
    correlation_id = _correlation_id(headers, context)
    logger.append_keys(correlation_id=correlation_id, tenant=hash_tenant(tenant_id))
    annotate(correlation_id=correlation_id)
    return Caller(tenant_id, correlation_id, child_span(headers.get("traceparent")), _waited_s(context))


def _waited_s(context: Mapping[str, Any]) -> float:
    """Clocks of two machines are compared, so that nothing below zero and nothing above a long start is believed."""
    taken_ms = context.get("timeEpoch")
    return 0.0 if taken_ms is None else min(max(time.time() - taken_ms / 1000, 0.0), _LONGEST_START_S)


CallerDep = Annotated[Caller, Depends(caller)]


def _correlation_id(headers: Mapping[str, str], context: Mapping[str, Any]) -> str:
    given = headers.get("x-correlation-id", "")
    if _CORRELATION_ID.match(given):
        return given
    return str(context.get("requestId") or uuid.uuid4())


def problem(status: HTTPStatus, code: str, detail: str, **extensions: object) -> Response[str]:
    """A problem details answer (RFC 9457)."""
    body = {
        "type": f"urn:collections:problem:{code}",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        **extensions,
    }
    headers = {"Retry-After": "5"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return Response(status_code=status.value, content_type=PROBLEM_JSON, body=json.dumps(body), headers=headers)


def _invalid(error: RequestValidationError) -> Response[str]:
    faults = [{"loc": list(fault["loc"]), "type": fault["type"], "msg": fault["msg"]} for fault in error.errors()]
    said = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", said, errors=faults)


def _unsupported(_error: RequestUnsupportedContentType) -> Response[str]:
    return problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", "the body has to be application/json")


def _conflict(_error: ConcurrencyError) -> Response[str]:
    return problem(HTTPStatus.CONFLICT, "conflict", "somebody else changed it meanwhile; read it again")


def _unavailable(error: TransientError) -> Response[str]:
    logger.warning("unavailable", extra={"error": str(error)})
    return problem(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "something this needs does not answer; try again")


def _service_error(error: ServiceError) -> Response[str]:
    status = HTTPStatus(error.status_code)
    return problem(status, status.phrase.lower().replace(" ", "-"), str(error.msg))


def _no_route(_error: NotFoundError) -> Response[str]:
    return problem(HTTPStatus.NOT_FOUND, "no-route", "there is no such route")


def _fault(_error: Exception) -> Response[str]:
    logger.exception("unhandled fault")
    metrics.add_metric("HttpFaults", MetricUnit.Count, 1)
    return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "an unexpected fault; it has been recorded")


_ANSWERS: Sequence[tuple[type[Exception], Callable[[Any], Response[str]]]] = (
    (ProblemError, lambda error: problem(error.status, error.code, error.detail, **error.extensions)),
    (RequestValidationError, _invalid),
    (RequestUnsupportedContentType, _unsupported),
    (ConcurrencyError, _conflict),
    (TransientError, _unavailable),
    (NotFoundError, _no_route),
    (ServiceError, _service_error),
    (Exception, _fault),
)


def create_api() -> APIGatewayHttpResolver:
    """A resolver that validates requests by their types and answers every fault with problem details."""
    api = APIGatewayHttpResolver(enable_validation=True)
    for fault, answer in _ANSWERS:
        api.exception_handler(fault)(answer)
    return api


class HttpEntry:
    """A Lambda entry point for an HTTP API (payload 2.0): resolves, and logs one line a request."""

    def __init__(self, api: APIGatewayHttpResolver) -> None:
        self._api = api

    def __call__(self, event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Answer one request."""
        started = time.perf_counter()
        logger.clear_state()
        answer = self._api.resolve(event, context)
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        logger.info(
            "request",
            extra={
                "method": event["requestContext"]["http"]["method"],
                "route": event.get("routeKey"),
                "status": answer["statusCode"],
                "duration_ms": duration_ms,
            },
        )
        metrics.add_metric("RequestDuration", MetricUnit.Milliseconds, duration_ms)
        metrics.flush_metrics()
        return answer
