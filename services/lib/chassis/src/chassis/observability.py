"""Logs, metrics and traces. One structured line an invocation; tenants appear as a hash only.

The hash keeps a person's lines together without naming the person.
"""

import hashlib
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

__all__ = ["MetricUnit", "annotate", "child_span", "event_context", "hash_tenant", "logger", "metrics"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-((?!0{32})[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", os.environ.get("SERVICE", "collections"))

logger = Logger(service=_SERVICE, use_rfc3339=True)
metrics = Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "Collections"), service=_SERVICE)


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
