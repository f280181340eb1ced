"""The entry point of the HTTP API: validates requests by their types, answers, logs one line a request."""

import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
from aws_lambda_powertools.event_handler.middlewares.openapi_validation import OpenAPIRequestValidationMiddleware

from chassis import forgotten
from chassis.database import Database
from chassis.errors import TenantForgottenError, TransientError
from chassis.http.bodies import json_object, refuse_unstorable
from chassis.http.caller import verified_tenant
from chassis.http.codings import compressed
from chassis.http.correlation import CORRELATION_ID, correlated
from chassis.http.head import as_get, without_body
from chassis.http.problems import ANSWERS, answered
from chassis.http.validators import conditional
from chassis.observability import MetricUnit, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["HttpEntry", "create_api"]

_PLACEHOLDER = re.compile(r"<(\w+)>")


def create_api(*, with_slashes: frozenset[str] = frozenset()) -> APIGatewayHttpResolver:
    """A resolver that validates requests by their types and answers every error with problem details.

    Parameters of paths are any text but a slash; those in `with_slashes` may have slashes as well. Of two routes that
    match, the one that was added first counts.
    """
    api = _Resolver(with_slashes)
    for fault, answer in ANSWERS:
        api.exception_handler(fault)(answer)
    return api


class _Resolver(APIGatewayHttpResolver):
    """Powertools' own takes a small alphabet in paths, and bodies that break it or are not what the routes want."""

    def __init__(self, with_slashes: frozenset[str]) -> None:
        self._with_slashes = with_slashes
        super().__init__(enable_validation=True)
        self._request_validation_middleware = _RequestValidation()  # type: ignore[no-untyped-call]

    def _compile_regex(self, rule: str, *_: object) -> re.Pattern[str]:  # type: ignore[override]
        def parameter(found: re.Match[str]) -> str:
            return f"(?P<{found[1]}>{'.+' if found[1] in self._with_slashes else '[^/]+'})"

        return re.compile(_PLACEHOLDER.sub(parameter, rule) + r"\Z", re.DOTALL)

    def _convert_matches_into_route_keys(self, match: re.Match[str]) -> dict[str, str]:
        # The gateway has decoded the path, all but %25.
        return {name: unquote(value) for name, value in match.groupdict().items()}


class _RequestValidation(OpenAPIRequestValidationMiddleware):
    """Validation of all that a request carries; see `chassis.http.bodies`."""

    def handler(self, app: Any, next_middleware: Any) -> Any:  # noqa: ANN401  # powertools' own types are private
        for name, value in app.context["_route_args"].items():
            refuse_unstorable(value, "path", name)
        for name, values in app.current_event.resolved_query_string_parameters.items():
            for text in (name, *values):
                refuse_unstorable(text, "query", name)
        return super().handler(app, next_middleware)

    def _get_body(self, app: Any) -> dict[str, Any] | None:  # type: ignore[override]  # noqa: ANN401
        return json_object(app.current_event.raw_event)


class HttpEntry:
    """A Lambda entry point for an HTTP API (payload 2.0): resolves, and logs one line a request.

    A tenant that is forgotten gets 410 whatever they ask for, but from the routes in `open_to_forgotten`.
    """

    def __init__(
        self,
        api: APIGatewayHttpResolver,
        database: Database | None = None,
        *,
        open_to_forgotten: frozenset[str] = frozenset(),
    ) -> None:
        self.api = api
        self._database = database
        self._open_to_forgotten = open_to_forgotten

    def __call__(self, event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Answer one request."""
        started = time.perf_counter()
        logger.clear_state()
        correlation_id, event = correlated(event)
        logger.append_keys(correlation_id=correlation_id)
        method = event["requestContext"]["http"]["method"]
        is_head = method == "HEAD"
        asked = as_get(event) if is_head else event
        # Compressed before it is tagged: the tag is of what is sent.
        answer = conditional(asked, compressed(asked, self._refusal(event) or self.api.resolve(asked, context)))
        if is_head:
            answer = without_body(answer)
        answer["headers"] = {**answer["headers"], CORRELATION_ID: correlation_id}
        duration_ms = round((time.perf_counter() - started) * 1000, 1)
        logger.info(
            "request",
            extra={
                "method": method,
                "route": event.get("routeKey"),
                "status": answer["statusCode"],
                "duration_ms": duration_ms,
            },
        )
        metrics.add_metric("RequestDuration", MetricUnit.Milliseconds, duration_ms)
        metrics.flush_metrics()
        return answer

    def _refusal(self, event: dict[str, Any]) -> dict[str, Any] | None:
        """The answer to a forgotten tenant, whose token is valid until it runs out."""
        tenant_id = verified_tenant(event)
        if self._database is None or not tenant_id or event.get("routeKey") in self._open_to_forgotten:
            return None
        try:
            with self._database.transaction() as connection:
                if not forgotten.is_forgotten(connection, tenant_id):
                    return None
            fault: Exception = TenantForgottenError("the tenant is forgotten")
        except TransientError as error:
            fault = error
        return answered(fault)
