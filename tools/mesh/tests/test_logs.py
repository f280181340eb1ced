"""Logs of functions in any environment, from the emulator's CloudWatch."""

import json
import secrets
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from typer.testing import CliRunner

from localmesh import logs
from localmesh.emulator import Emulator
from localmesh.logs import EMULATOR, function_lines
from mesh.cli import app
from mesh.environments import Environment
from testkit.operator.environments import bare_environment


@pytest.fixture
def environment(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """An environment in which chat's functions have logged, and search's have not."""
    name = f"e{secrets.token_hex(4)}"
    made = bare_environment(name, endpoint_url=emulator.url)
    monkeypatch.setattr("mesh.environments.open_environment", lambda asked: {name: made}[asked])
    client = made.client("logs")
    for function in ("http", "events"):
        client.create_log_group(logGroupName=group(made, function))
        client.create_log_stream(logGroupName=group(made, function), logStreamName="one")
    write(client, made, "http", "START RequestId: 1", json.dumps({"level": "INFO", "message": "answered", "turn": 3}))
    write(client, made, "events", json.dumps({"level": "ERROR", "message": "not understood"}))
    return made


def group(environment: Environment, function: str) -> str:
    return f"/aws/lambda/collections-{environment.environment}-chat-{function}"


def write(client: Any, environment: Environment, function: str, *lines: str) -> None:
    now = int(time.time() * 1000)
    client.put_log_events(
        logGroupName=group(environment, function),
        logStreamName="one",
        logEvents=[{"timestamp": now, "message": line} for line in lines],
    )


@pytest.mark.integration
def test_lines_of_a_service_in_an_environment(environment: Environment) -> None:
    result = CliRunner().invoke(app, ["logs", "chat", "--env", environment.environment])
    assert result.exit_code == 0, result.output
    assert "chat-http answered turn=3" in result.stdout
    assert "chat-events ERROR not understood" in result.stdout
    assert "START" not in result.stdout
    result = CliRunner().invoke(
        app, ["logs", "chat", "--env", environment.environment, "--function", "events", "--json"]
    )
    assert [json.loads(line)["message"] for line in result.stdout.splitlines()] == ["not understood"]


@pytest.mark.integration
def test_following_continues_with_new_lines(environment: Environment) -> None:
    client = environment.client("logs")
    lines = function_lines(
        client, environment.names.prefix, "chat", since=timedelta(minutes=5), follow=True, pace=EMULATOR
    )
    assert {line.function for line in islice(lines, 3)} == {"chat-http", "chat-events"}
    write(client, environment, "http", "later")
    assert next(lines).message == "later"


@pytest.mark.integration
def test_lines_logged_during_a_read_are_not_lost(environment: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first poll of a large log may take longer than polls overlap."""
    client, looks = environment.client("logs"), iter([True])
    read = logs._read

    def slowly(client: Any, prefix: str, group_read: str, start: datetime) -> Iterator[tuple[str, logs.LogLine]]:
        yield from read(client, prefix, group_read, start)
        if next(looks, False):  # the first group was read, the other not yet
            write(client, environment, "events" if group_read.endswith("-events") else "http", "meanwhile")
            time.sleep(0.5)

    monkeypatch.setattr(logs, "_read", slowly)
    pace = logs.Pace(0.1, timedelta(0))
    lines = function_lines(client, environment.names.prefix, "chat", since=timedelta(minutes=5), follow=True, pace=pace)
    assert len(list(islice(lines, 3))) == 3
    assert next(lines).message == "meanwhile"


@pytest.mark.integration
def test_a_service_that_has_not_logged_is_reported(environment: Environment) -> None:
    result = CliRunner().invoke(app, ["logs", "search", "--env", environment.environment])
    assert result.exit_code == 1
    assert "search has no log; there are: chat" in result.output


@pytest.mark.parametrize(
    ("arguments", "printed"),
    [
        (["postgres", "--env", "dev"], "postgres is a process of the local mesh"),
        (["chat", "--env", "no-such-place"], "no outputs are saved for the environment 'no-such-place'"),
    ],
)
def test_sources_that_an_environment_lacks(arguments: list[str], printed: str) -> None:
    result = CliRunner().invoke(app, ["logs", *arguments])
    assert result.exit_code == 1
    assert printed in result.output
