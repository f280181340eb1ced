"""The entry point of the HTTP API: validates requests by their types, answers, logs one line a request."""

import time
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from chassis.http.problems import ANSWERS
from chassis.http.validators import conditional
from chassis.observability import MetricUnit, logger, metrics

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

__all__ = ["HttpEntry", "create_api"]


def create_api() -> APIGatewayHttpResolver:
    """A resolver that validates requests by their types and answers every error with problem details."""
    api = APIGatewayHttpResolver(enable_validation=True)
    for fault, answer in ANSWERS:
        api.exception_handler(fault)(answer)
    return api


class HttpEntry:
    """A Lambda entry point for an HTTP API (payload 2.0): resolves, and logs one line a request."""

    def __init__(self, api: APIGatewayHttpResolver) -> None:
        self.api = api

    def __call__(self, event: dict[str, Any], context: "LambdaContext") -> dict[str, Any]:
        """Answer one request."""
        started = time.perf_counter()
        logger.clear_state()
        answer = conditional(event, self.api.resolve(event, context))
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
