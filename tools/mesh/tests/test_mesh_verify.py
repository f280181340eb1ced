"""Selection, execution, skipping and reporting of checks, and clean-up; the checks themselves are
tested on a running mesh."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import typer
from typer.testing import CliRunner

from manifests import load_manifests
from mesh.db.access import IamAccess
from mesh.environments import load_outputs, save_outputs
from mesh.verify import commands as verify_commands
from mesh.verify.checks import CHECKS
from mesh.verify.cleaning import Cleanup
from mesh.verify.errors import CheckFailedError, UnknownCheckError
from mesh.verify.functions import DATABASE_READINGS
from mesh.verify.invoking import http_event
from mesh.verify.model import Check, Verdict, Verification
from mesh.verify.probe import Probe
from mesh.verify.report import document, line, markdown, verdict
from mesh.verify.running import choose, verify
from mesh.verify.stores import MEANINGS
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

ENVIRONMENT = bare_environment("dev", account="123456789012", api_url="https://api.example")


def passes(probe: Probe) -> str:
    return "all is well"


def fails(probe: Probe) -> str:
    raise CheckFailedError("it is broken | badly\nand on two lines")


def made(*checks: Check, **how: Any) -> Verification:
    return verify(
        ENVIRONMENT, access=IamAccess(ENVIRONMENT), checks=checks, running_commit=lambda probe: "abc123", **how
    )


def verdicts(verification: Verification) -> dict[str, Verdict]:
    return {outcome.check.name: outcome.verdict for outcome in verification.outcomes}


def test_there_are_ten_checks_and_each_needs_only_what_comes_before_it() -> None:
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names) == 10
    for position, check in enumerate(CHECKS):
        assert set(check.needs) <= set(names[:position])
        assert not check.sentence.endswith(".")


def test_dependents_of_a_failed_check_are_skipped_and_the_others_run() -> None:
    verification = made(
        Check("first", "One", fails),
        Check("second", "Two", passes, needs=("first",)),
        Check("third", "Three", passes, needs=("second",)),
        Check("fourth", "Four", passes),
    )
    assert verdicts(verification) == {
        "first": Verdict.FAILED,
        "second": Verdict.SKIPPED,
        "third": Verdict.SKIPPED,
        "fourth": Verdict.PASSED,
    }
    assert verification.outcomes[1].detail == "it needs first, which was failed"
    assert verification.outcomes[2].detail == "it needs second, which was skipped"
    assert not verification.passed


def test_selected_checks_run_with_their_dependencies() -> None:
    assert [check.name for check in choose(CHECKS, ["function-database"])] == ["invoke", "function-database"]
    assert choose(CHECKS, []) == CHECKS
    with pytest.raises(UnknownCheckError, match="there is no check 'databse'; choose from database, parameters"):
        choose(CHECKS, ["databse"])


@pytest.mark.parametrize(
    ("fault", "reported"),
    [
        (httpx.ConnectError("no route"), "ConnectError: no route"),
        (TimeoutError("after 2 s"), "TimeoutError: after 2 s"),
        (CheckFailedError("a sentence"), "a sentence"),
    ],
)
def test_external_faults_fail_a_check(fault: Exception, reported: str) -> None:
    def breaks(probe: Probe) -> str:
        raise fault

    [outcome] = made(Check("world", "World", breaks)).outcomes
    assert (outcome.verdict, outcome.detail) == (Verdict.FAILED, reported)


@pytest.mark.parametrize("fault", [KeyError("ours"), KeyboardInterrupt()])
def test_bugs_are_not_hidden_and_everything_is_cleaned_up(fault: BaseException) -> None:
    removed: list[str] = []

    def makes(probe: Probe) -> str:
        probe.cleanup.add("one", lambda: removed.append("one"))
        probe.cleanup.add("two", lambda: removed.append("two"))
        raise fault

    with pytest.raises(type(fault)):
        made(Check("ours", "Ours", makes))
    assert removed == ["two", "one"]


def test_leftovers_of_an_interruption_are_reported() -> None:
    def refuse() -> None:
        raise CheckFailedError("denied")

    def makes(probe: Probe) -> str:
        probe.cleanup.add("a user", refuse)
        raise KeyboardInterrupt

    left: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        made(Check("makes", "Makes", makes), left=left.append)
    assert left == ["a user: denied"]


def test_a_failed_removal_is_reported_and_does_not_stop_the_others() -> None:
    removed: list[str] = []

    def refuse() -> None:
        raise CheckFailedError("denied")

    def makes(probe: Probe) -> str:
        probe.cleanup.add("a user", lambda: removed.append("a user"))
        probe.cleanup.add("an object", refuse)
        return "made"

    verification = made(Check("makes", "Makes", makes))
    assert removed == ["a user"]
    assert verification.left_behind == ("an object: denied",)
    assert verdicts(verification) == {"makes": Verdict.PASSED}
    assert not verification.passed
    assert "## Left behind\n\n- an object: denied" in markdown(verification)


def test_a_cleanup_is_done_once() -> None:
    removed: list[str] = []
    cleanup = Cleanup()
    cleanup.add("it", lambda: removed.append("it"))
    cleanup.run()
    cleanup.run()
    assert removed == ["it"]


def test_the_report_is_complete_and_its_cells_are_escaped() -> None:
    verification = made(Check("first", "One", fails), Check("second", "Two", passes, needs=("first",)))
    report = markdown(verification)
    assert report.startswith("# dev: not verified\n")
    assert "| Runs commit | abc123 |" in report
    assert "| first: One | failed | 0.0 | it is broken \\| badly and on two lines |" in report
    assert "### first\n\nExpected: One.\n\n> it is broken | badly and on two lines\n" in report
    assert "| second: Two | skipped | 0.0 | it needs first, which was failed |" in report
    assert "## Left behind" not in report
    assert "dev: 1 failed, 1 skipped in" in verdict(verification)
    assert line(verification.outcomes[0]).startswith("failed ")
    reported = json.loads(json.dumps(document(verification)))
    assert (reported["passed"], reported["commit"], reported["account"]) == (False, "abc123", "123456789012")
    assert [check["verdict"] for check in reported["checks"]] == ["failed", "skipped"]
    assert markdown(made(Check("second", "Two", passes))).startswith("# dev: verified\n")


def test_every_service_with_a_database_has_a_way_to_read_it() -> None:
    manifests = load_manifests(REPOSITORY)
    assert DATABASE_READINGS.keys() == {name for name, service in manifests.services.items() if service.database}
    for name, reading in DATABASE_READINGS.items():
        function = manifests.services[name].functions[reading.function]
        if reading.request is None:
            assert function.schedule == "rate(1 minute)"
        else:
            assert (reading.request.method, reading.request.path) in [
                (route.method, route.path) for route in function.routes
            ]


def test_every_secret_has_a_meaning() -> None:
    assert MEANINGS.keys() == set(load_manifests(REPOSITORY).secrets)


def test_requests_are_as_api_gateway_sends_them() -> None:
    event = http_event("GET", "/items/{id}", b"\x00\xff", "image/png", tenant="t1")
    assert event["requestContext"]["authorizer"]["jwt"]["claims"]["sub"] == "t1"
    assert base64.b64decode(event["body"]) == b"\x00\xff"
    assert event["isBase64Encoded"] is True
    assert "{id}" not in event["rawPath"]
    assert event["rawPath"] == event["requestContext"]["http"]["path"]
    anonymous = http_event("GET", "/health", None, "application/json", tenant=None)
    assert "authorizer" not in anonymous["requestContext"]
    assert "body" not in anonymous


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`mesh verify` in a repository where the outputs of dev are saved."""
    save_outputs(ENVIRONMENT.model_dump(), tmp_path)
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: load_outputs(name, tmp_path))
    app = typer.Typer(pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(verify_commands.verify)
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_wrong_usage_is_reported_before_anything_is_done(command: Callable[..., Any]) -> None:
    assert command().exit_code == 2
    unknown = command("--env", "dev", "--only", "databse")
    assert unknown.exit_code == 2
    assert "there is no check 'databse'" in " ".join(unknown.output.replace("│", " ").split())
    assert command("--env", "unheard-of").exit_code == 1


@pytest.mark.parametrize("file", ["taken/report.md", "taken"])
def test_a_report_that_cannot_be_written_is_reported_before_anything_is_done(
    command: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    (tmp_path / "taken").write_text("kept")
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # root may write to any
    result = command("--env", "dev", "--report", str(tmp_path / file))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"mesh: {tmp_path / file} cannot be written")
    assert result.stdout == ""
    assert (tmp_path / "taken").read_text() == "kept"
