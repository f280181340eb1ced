"""The command line: output and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import typer
from botocore.exceptions import BotoCoreError, EndpointConnectionError, ParamValidationError
from typer.testing import CliRunner

from localmesh.config import MeshSettings
from localmesh.inventory import function_error, process_errors
from localmesh.logs import LogLine, process_lines
from localmesh.status import MeshStatus, ProcessDeath, ProcessStatus
from mesh.cli import app
from mesh.environments import OutputsMalformedError, load_outputs
from mesh.logs import parse_duration, render
from mesh.run import guarded
from mesh.status import advice, duration
from workspace import OperatorError


@pytest.fixture(autouse=True)
def _own_mesh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MESH_STATE_DIR", str(tmp_path / "mesh"))


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, mesh.cli; print(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", code], text=True).split())
    assert loaded & {"boto3", "botocore", "psycopg", "httpx", "pydantic", "localmesh.config"} == set()


def test_status_of_a_stopped_mesh_has_its_own_exit_code() -> None:
    result = CliRunner().invoke(app, ["status", "--json"])
    assert result.exit_code == 3
    status = json.loads(result.stdout)
    assert {process["state"] for process in status["processes"]} == {"stopped"}
    assert status["functions"] is None


def test_down_of_a_mesh_that_is_down_is_harmless() -> None:
    result = CliRunner().invoke(app, ["down"])
    assert result.exit_code == 0
    assert "was not up" in result.stdout


def test_reset_asks_first(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    result = CliRunner().invoke(app, ["reset"], input="n\n")
    assert result.exit_code == 1
    assert "Delete everything" in result.stdout


@pytest.mark.parametrize(
    ("setting", "value", "arguments"),
    [("MESH_EMULATOR_PORT", "many", ["status"]), ("MESH_ENVIRONMENT", "No Name", ["down"])],
)
def test_unusable_settings_are_reported(
    monkeypatch: pytest.MonkeyPatch, setting: str, value: str, arguments: list[str]
) -> None:
    monkeypatch.setenv(setting, value)
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 1
    assert setting.removeprefix("MESH_").lower() in result.output


@pytest.mark.parametrize(
    ("fault", "code", "reported"),
    [
        (PermissionError(13, "Permission denied", "/etc/x"), 1, "mesh: /etc/x: Permission denied\n"),
        (OSError(28, "No space left on device"), 1, "mesh: [Errno 28] No space left on device\n"),
        (BotoCoreError(), 1, "mesh: An unspecified error occurred\n"),
        (ParamValidationError(report="two\nlines"), 1, "mesh: Parameter validation failed: two lines\n"),
        (KeyboardInterrupt(), 130, "mesh: interrupted\n"),
        (KeyboardInterrupt("what now"), 130, "mesh: interrupted; what now\n"),
        (EndpointConnectionError(endpoint_url="https://ssm.us-east-1.amazonaws.com/"), 1, "amazonaws.com"),
        (EndpointConnectionError(endpoint_url=f"{MeshSettings().emulator_url}/"), 3, "run `make up`\n"),
    ],
)
def test_external_faults_are_reported_in_one_line(
    fault: BaseException, code: int, reported: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise fault

    with pytest.raises(typer.Exit) as ended:
        guarded(fail)
    assert ended.value.exit_code == code
    out, err = capsys.readouterr()
    assert reported in err
    assert err.count("\n") == 1
    assert out == ""


def test_corrupt_state_of_the_mesh_is_reported(tmp_path: Path) -> None:
    (tmp_path / "mesh").mkdir()
    (tmp_path / "mesh/provisioned.json").write_text('{"environment": "lo')
    result = CliRunner().invoke(app, ["user", "list"])
    assert result.exit_code == 1
    assert result.stderr == f"mesh: the state in {tmp_path / 'mesh'} is corrupt: run `make up` again\n"


def test_a_settings_file_in_another_encoding_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_bytes("# für".encode("latin-1"))
    monkeypatch.setitem(MeshSettings.model_config, "env_file", file)
    result = CliRunner().invoke(app, ["status"])
    assert (result.exit_code, result.stderr) == (1, f"mesh: {file} is not UTF-8 text\n")
    file.unlink()

    def fail() -> None:
        b"\xfc".decode()

    with pytest.raises(UnicodeDecodeError):
        guarded(fail)


@pytest.mark.parametrize("name", ["folder", "long" * 100])
def test_saved_outputs_that_cannot_be_read_are_reported(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OutputsMalformedError, match="cannot be read"):
        load_outputs(name, tmp_path)


def test_bugs_are_not_hidden() -> None:
    def fail() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        guarded(fail)


def test_logs_of_a_process_that_never_ran() -> None:
    result = CliRunner().invoke(app, ["logs", "postgres"])
    assert result.exit_code == 1
    assert "has not run yet" in result.output


def test_process_lines_are_the_last_ones(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("one\ntwo\nthree\n")
    assert list(process_lines(log, lines=2)) == ["two", "three"]


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("10m", 600), ("2h", 7200), ("1d", 86400), ("9" * 30 + "d", 315_360_000)]
)
def test_durations_are_read(text: str, seconds: int) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "10", "m", "-5m", "10 m"])
def test_an_invalid_duration_is_refused(text: str) -> None:
    with pytest.raises(OperatorError, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"), [(3.9, "3 s"), (61, "1 min"), (3600 * 3 + 1200, "3 h 20 min"), (90_000, "1 d 1 h")]
)
def test_durations_are_written(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def line(message: str) -> LogLine:
    return LogLine(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "imaging-events", message)


def test_a_structured_line_is_readable() -> None:
    logged = {"level": "WARNING", "message": "too large", "item_id": "i1", "service": "imaging", "location": "x:1"}
    text = render(line(json.dumps(logged))).plain
    assert text.endswith("imaging-events WARNING too large item_id=i1")


def test_a_plain_line_stays_as_it_is() -> None:
    assert render(line("hello [bold]world")).plain.endswith("imaging-events hello [bold]world")


def test_lines_of_the_platform_and_measurements_are_known() -> None:
    assert line("START RequestId: 1 Version: $LATEST").is_platform
    assert line('{"_aws": {"CloudWatchMetrics": []}}').is_metric
    assert not line('{"level": "INFO"}').is_metric


def test_errors_of_functions_carry_their_reason() -> None:
    logged = {"level": "ERROR", "message": "no", "timestamp": "t", "exception": "Traceback…\nValueError: bad"}
    found = function_error("/aws/lambda/collections-local-x", json.dumps(logged))
    assert found is not None
    assert (found.source, found.message) == ("collections-local-x", "no: ValueError: bad")
    assert function_error("g", json.dumps({**logged, "level": "INFO"})) is None
    assert function_error("g", "REPORT RequestId: ERROR") is None


def test_errors_of_processes_count_from_when_they_were_ready(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(
        "2026-01-01 10:00:00.000 UTC [1] FATAL:  the database system is starting up\n"
        "2026-01-01 10:00:05.000 UTC [1] LOG:  ready\n"
        "2026-01-01 10:00:09.000 UTC [9] a@b ERROR:  no such table\n"
    )
    assert [error.message for error in process_errors("postgres", log, "2026-01-01T10:00:05Z")] == ["no such table"]
    assert len(list(process_errors("postgres", log))) == 2


def test_a_session_that_was_idle_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / "postgres.log"
    log.write_text(
        "2026-01-01 10:00:00.000 UTC [9] a@b FATAL:  terminating connection due to idle-session timeout\n"
        "2026-01-01 10:00:09.000 UTC [9] a@b FATAL:  sorry, too many clients already\n"
    )
    assert [error.message for error in process_errors("postgres", log)] == ["sorry, too many clients already"]


def dead(name: str, state: str, delay_s: float | None) -> MeshStatus:
    death = ProcessDeath(
        name=name, time="2026-01-02T03:04:05Z", reason="ended with exit code 3", lived_s=61, delay_s=delay_s,
        log_file="/m/logs/x.log", log=("no space",),
    )  # fmt: skip
    process = ProcessStatus(name=name, state=state, port=1)
    return MeshStatus(state_dir="/m", api_url="http://x", processes=(process,), deaths=(death,))


def test_the_status_names_what_died_when_why_and_what_to_do() -> None:
    died = "2026-01-02T03:04:05Z emulator died after 1 min: ended with exit code 3; "
    assert list(advice(dead("emulator", "running", 0.5))) == [f"{died}started again after 0.5 s"]
    assert list(advice(dead("emulator", "stopped", None))) == [
        f"{died}not started again, because it died too often",
        "the end of /m/logs/x.log:",
        "  no space",
        "emulator does not run: `make up` starts it",
    ]


def test_a_server_that_nothing_watches_is_named_with_what_to_do() -> None:
    process = ProcessStatus(name="emulator", state="running", port=1, is_watched=False)
    status = MeshStatus(state_dir="/m", api_url="http://x", processes=(process,))
    assert status.is_up
    assert list(advice(status)) == [
        "nothing watches emulator, whose keeper was killed: if it dies, it stays dead; if this line stays,"
        " `make up` puts it right (and starts it again)"
    ]
    assert list(advice(dead("emulator", "running", 0.5)))[1:] == []


def test_a_mesh_that_cannot_store_anything_is_not_up() -> None:
    status = dead("emulator", "running", 0.5)
    assert status.is_up
    assert not status.model_copy(update={"storage_fault": "the disk is full"}).is_up
