"""Logs, metrics and traces. One structured line an invocation; tenants appear as a hash only.

The hash keeps a person's lines together without naming the person. While an event is handled, what its contract marks
personal is redacted in every line, whichever code logs it: the message of a third-party exception may quote a payload.
"""

import hashlib
import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = [
    "MetricUnit",
    "annotate",
    "child_span",
    "event_context",
    "hash_tenant",
    "logger",
    "metrics",
    "redacted",
    "redacting",
]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", os.environ.get("SERVICE", "collections"))

# Written by us alone, and used to find lines: redacted by accident they would be of no use.
_PLAIN = frozenset(
    {"level", "location", "timestamp", "service", "correlation_id", "event_id", "event_type", "tenant", "replay_id"}
)
_redact: ContextVar[Callable[[str], str] | None] = ContextVar("redact", default=None)


def redacted(text: str) -> str:
    """The text without what is personal in the event that is being handled."""
    redact = _redact.get()
    return redact(text) if redact else text


@contextmanager
def redacting(redact: Callable[[str], str]) -> Iterator[None]:
    """Every text of a line logged inside passes through the function."""
    token = _redact.set(redact)
    try:
        yield
    finally:
        _redact.reset(token)


def _all_redacted(value: Any) -> Any:  # noqa: ANN401  # whatever is logged
    if isinstance(value, str):
        return redacted(value)
    if isinstance(value, Mapping):
        return {redacted(str(name)): _all_redacted(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_all_redacted(item) for item in value]
    return value if value is None or isinstance(value, (bool, int, float)) else redacted(str(value))


def _line(log: Mapping[str, Any]) -> str:
    if _redact.get() is not None:
        log = {name: value if name in _PLAIN else _all_redacted(value) for name, value in log.items()}
    return json.dumps(log, default=str, separators=(",", ":"), ensure_ascii=False)


logger = Logger(service=_SERVICE, use_rfc3339=True, json_serializer=_line)
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Collections"), service=_SERVICE)
# Two environments may share an account: what one measures must not set off the other's alarms.
metrics.set_default_dimensions(environment=os.environ.get("ENVIRONMENT", "local"))


def hash_tenant(tenant_id: str) -> str:
    """Twelve hexadecimal digits that stand for the tenant in logs."""
    return hashlib.sha256(tenant_id.encode()).hexdigest()[:12]


def child_span(traceparent: str | None) -> str:
    """A W3C `traceparent` for work caused by another; a new trace where there is none or it is malformed.

    https://www.w3.org/TR/trace-context/#traceparent-header
    """
    given = _TRACEPARENT.fullmatch(traceparent or "")
    trace_id = given[1] if given else secrets.token_hex(16)
    return f"00-{trace_id}-{secrets.token_hex(8)}-01"


@contextmanager
def event_context(**keys: str | None) -> Iterator[None]:
    """Every line logged inside carries these keys."""
    present: Mapping[str, Any] = {name: value for name, value in keys.items() if value}
    with logger.append_context_keys(**present):
        yield


def annotate(**annotations: str) -> None:
    """Annotate the X-Ray segment, where X-Ray is on (`TRACING=true`).

    The SDK costs most of a second of start-up, so it is imported by those who trace.
    """
    if os.environ.get("TRACING") != "true":
        return
    from aws_lambda_powertools import Tracer

    tracer = Tracer(service=_SERVICE)
    for name, value in annotations.items():
        tracer.put_annotation(name, value)
