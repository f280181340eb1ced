"""Logs, metrics and traces: what a line holds, and what it never holds."""

import hashlib
import io
import json
import re
import runpy
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from chassis import observability
from chassis.observability import (
    MetricUnit,
    annotate,
    child_span,
    event_context,
    hash_tenant,
    logger,
    metrics,
    redacted,
    redacting,
)

LogLines = Callable[[], list[dict[str, Any]]]


def without_secrets(text: str) -> str:
    return text.replace("secret", "***")


def test_a_tenant_is_twelve_digits_of_a_hash() -> None:
    assert hash_tenant("tenant-a") == hashlib.sha256(b"tenant-a").hexdigest()[:12]
    assert len(hash_tenant("ü")) == 12


def test_a_line_is_one_json_document_in_utf_8(log_lines: LogLines) -> None:
    logger.info("Käse", extra={"when": datetime(2026, 11, 30, tzinfo=UTC), "none": None})
    (line,) = log_lines()
    assert line["message"] == "Käse"
    assert line["when"] == "2026-11-30 00:00:00+00:00", "what JSON does not know is text"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d", line["timestamp"]), "RFC 3339"
    assert line["service"]


def test_while_redacting_every_text_of_a_line_is_redacted(log_lines: LogLines) -> None:
    with redacting(without_secrets):
        logger.info(
            "a secret",
            extra={
                "text": "secret",
                "nested": {"list": ["secret", ("secret",), None, False], "set": {"secret"}, "of a secret": 1},
                "number": 1.5,
                "truth": True,
                "thing": ValueError("secret"),
                "correlation_id": "secret",
                "tenant": "secret",
            },
        )
    logger.info("no more a secret")
    line, after = log_lines()
    assert line["message"] == "a ***"
    assert line["text"] == "***"
    assert line["nested"] == {"list": ["***", ["***"], None, False], "set": ["***"], "of a ***": 1}
    assert (line["number"], line["truth"]) == (1.5, True)
    assert line["thing"] == "***"
    assert (line["correlation_id"], line["tenant"]) == ("secret", "secret"), "ours, and used to find lines"
    assert after["message"] == "no more a secret"


def test_a_traceback_is_redacted_too(log_lines: LogLines) -> None:
    with redacting(without_secrets):
        try:
            raise ValueError("a secret")
        except ValueError:
            logger.exception("it failed")
    (line,) = log_lines()
    assert line["exception_name"] == "ValueError"
    assert "a ***" in line["exception"]


@pytest.mark.parametrize(
    "key",
    ["level", "location", "timestamp", "service", "correlation_id", "event_id", "event_type", "tenant", "replay_id"],
)
def test_what_we_alone_write_is_left_as_it_is(key: str, log_lines: LogLines) -> None:
    with redacting(lambda text: "***"), event_context(correlation_id="c", event_id="e", event_type="t", tenant="x"):
        logger.info("text", extra={"replay_id": "r"})
    (line,) = log_lines()
    assert line[key] != "***"
    assert line["message"] == "***"


def test_a_line_is_compact_and_keeps_every_script(monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(logger.registered_handler, "stream", log)
    logger.info("駅", extra={"list": [1, 2]})
    (line,) = log.getvalue().splitlines()
    assert "駅" in line
    assert line == json.dumps(json.loads(line), separators=(",", ":"), ensure_ascii=False)


def test_redactions_end_with_their_block_also_when_it_fails() -> None:
    assert redacted("secret") == "secret"
    with redacting(without_secrets):
        assert redacted("a secret") == "a ***"
        with redacting(str.upper):
            assert redacted("a secret") == "A SECRET"
        assert redacted("a secret") == "a ***"
    with pytest.raises(RuntimeError), redacting(without_secrets):
        raise RuntimeError
    assert redacted("secret") == "secret"


def test_a_context_adds_what_is_known_to_every_line_inside(log_lines: LogLines) -> None:
    with event_context(event_id="1", replay_id=None, tenant=""):
        logger.info("inside")
    logger.info("outside")
    inside, outside = log_lines()
    assert inside["event_id"] == "1"
    assert "replay_id" not in inside
    assert "tenant" not in inside
    assert "event_id" not in outside


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "00-" + "x" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "0" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "1" * 32 + "-" + "1" * 15 + "-01",
        "00-" + "2" * 31 + "-" + "1" * 16 + "-01",
        "0-" + "3" * 32 + "-" + "1" * 16 + "-01",
        "00-" + "4" * 32 + "-" + "1" * 16 + "-1",
        "00-" + "5" * 32 + "-" + "1" * 16 + "-01-more",
        "00-" + "AB" * 16 + "-" + "1" * 16 + "-01",
    ],
)
def test_a_malformed_trace_is_not_carried_on(given: str | None) -> None:
    span = child_span(given)
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", span)
    assert not given or given.split("-")[1] not in span
    assert child_span(given) != span


def test_a_trace_goes_on_in_a_span_of_its_own() -> None:
    given = "00-" + "ab" * 16 + "-" + "12" * 8 + "-00"
    version, trace_id, span_id, flags = child_span(given).split("-")
    assert (version, trace_id, flags) == ("00", "ab" * 16, "01")
    assert span_id != "12" * 8
    assert child_span(given).split("-")[2] != span_id


@pytest.mark.parametrize(("tracing", "annotated"), [("true", {"kind": "a", "id": "b"}), ("false", {}), (None, {})])
def test_segments_are_annotated_where_tracing_is_on(
    tracing: str | None, annotated: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The X-Ray daemon runs in AWS alone."""
    noted: dict[str, str] = {}
    services: list[str] = []

    def tracer(*, service: str) -> object:
        services.append(service)
        return SimpleNamespace(put_annotation=noted.__setitem__)

    monkeypatch.setattr(sys.modules["aws_lambda_powertools"], "Tracer", tracer, raising=False)
    if tracing is None:
        monkeypatch.delenv("TRACING", raising=False)
    else:
        monkeypatch.setenv("TRACING", tracing)
    annotate(kind="a", id="b")
    assert noted == annotated
    assert services == (["collections"] if annotated else [])


@pytest.mark.parametrize(
    ("variables", "service", "namespace", "environment"),
    [
        ({}, "collections", "Collections", "local"),
        ({"SERVICE": "imaging", "ENVIRONMENT": "dev"}, "imaging", "Collections", "dev"),
        (
            {"SERVICE": "imaging", "POWERTOOLS_SERVICE_NAME": "other", "POWERTOOLS_METRICS_NAMESPACE": "Own"},
            "other",
            "Own",
            "local",
        ),
    ],
    ids=["by default", "of a function", "overridden"],
)
def test_lines_and_metrics_name_the_service_of_the_environment(
    variables: dict[str, str], service: str, namespace: str, environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, dict[str, Any]] = {}

    def metrics(**given: Any) -> object:
        made["metrics"] = given
        return SimpleNamespace(set_default_dimensions=lambda **dimensions: made.update(dimensions=dimensions))

    for name in ("SERVICE", "ENVIRONMENT", "POWERTOOLS_SERVICE_NAME", "POWERTOOLS_METRICS_NAMESPACE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("aws_lambda_powertools.Logger", lambda **given: made.update(logger=given))
    monkeypatch.setattr("aws_lambda_powertools.Metrics", metrics)
    runpy.run_path(observability.__file__)
    assert made["logger"]["service"] == service
    assert made["metrics"] == {"namespace": namespace, "service": service}
    assert made["dimensions"] == {"environment": environment}


def test_metrics_carry_service_and_environment(capsys: pytest.CaptureFixture[str]) -> None:
    """Two environments may share an account."""
    metrics.clear_metrics()
    metrics.add_metric("Probe", MetricUnit.Count, 2)
    metrics.flush_metrics()
    printed = capsys.readouterr().out
    assert '"Namespace":"Collections"' in printed
    assert '"Dimensions":[["environment","service"]]' in printed
    assert '"environment":"local"' in printed
    assert '"Probe":[2.0]' in printed
