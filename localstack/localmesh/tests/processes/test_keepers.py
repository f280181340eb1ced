"""Keepers that look after one another, with sleeping processes in their place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from localmesh import inspection, keepers
from localmesh.config import MeshSettings
from localmesh.keepers import Neighbours
from localmesh.lock import mesh_lock
from localmesh.processes import ProcessRef
from localmesh.records import Record, Records
from testkit import eventually

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


class Bench:
    """The records of a mesh, and the keepers that were started."""

    def __init__(self, folder: Path) -> None:
        self.run = folder
        self.records = Records(folder)
        self.processes: list[subprocess.Popen[bytes]] = []
        self.started: list[tuple[Any, ...]] = []
        self.neighbours = Neighbours("me", folder, folder / "logs")

    def keeper(self, name: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(SLEEP, env={"OF": name})
        self.processes.append(process)
        eventually(psutil.Process(process.pid).environ)
        self.records.write(Record(name, 1, 2.0, ("serve", name), ProcessRef.of(process.pid)))
        return process

    def start(self, *arguments: Any) -> subprocess.Popen[bytes]:
        self.started.append(arguments)
        return self.keeper(arguments[0])


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    created = Bench(tmp_path)
    monkeypatch.setattr(keepers, "start_keeper", created.start)
    yield created
    for process in created.processes:
        process.kill()
        process.wait()


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_a_killed_keeper_is_replaced_with_its_command_and_environment(bench: Bench) -> None:
    first = bench.keeper("other")
    bench.neighbours.look_after()
    assert bench.started == []
    end(first)
    bench.neighbours.look_after()
    log, command = bench.run / "logs" / "other.log", ("serve", "other")
    replaced = ("other", bench.run, log, command)
    assert [(each[:4], each[4]["OF"]) for each in bench.started] == [(replaced, "other")]
    bench.neighbours.look_after()
    assert len(bench.started) == 1
    end(bench.processes[-1])
    bench.neighbours.look_after()
    assert len(bench.started) == 2, "also a second time, though nobody has looked at it in between"


def test_an_environment_is_not_taken_before_it_is_there(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.keeper("other")
    with monkeypatch.context() as beginning:
        beginning.setattr(psutil.Process, "environ", lambda _: {})
        bench.neighbours.look_after()
    bench.neighbours.look_after()
    end(first)
    bench.neighbours.look_after()
    assert [each[4]["OF"] for each in bench.started] == ["other"]


def test_nothing_is_replaced_that_nobody_saw_alive_or_that_gave_up_or_that_is_me(bench: Bench) -> None:
    end(bench.keeper("unseen"))
    given_up, mine = bench.keeper("given-up"), bench.keeper("me")
    bench.neighbours.look_after()
    bench.records.write(Record("given-up", 1, 2.0, ("serve",), None))
    end(given_up)
    end(mine)
    bench.neighbours.look_after()
    assert bench.started == []


def test_a_command_that_starts_or_stops_the_mesh_is_left_alone(bench: Bench) -> None:
    first = bench.keeper("other")
    bench.neighbours.look_after()
    end(first)
    with mesh_lock(bench.run / "lock", print):
        bench.neighbours.look_after()
        assert bench.started == []
    bench.neighbours.look_after()
    assert len(bench.started) == 1


def test_of_two_neighbours_one_replaces_it(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    first = bench.keeper("other")
    bench.neighbours.look_after()
    end(first)
    known = bench.records.all()
    bench.keeper("other")
    monkeypatch.setattr(Records, "all", lambda _: known)  # read before the other neighbour had replaced it
    bench.neighbours.look_after()
    assert bench.started == []


def test_what_cannot_be_started_is_reported_and_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first = bench.keeper("other")
    bench.neighbours.look_after()
    end(first)

    def fail(*_: Any) -> None:
        raise OSError("Cannot allocate memory")

    with monkeypatch.context() as broken:
        broken.setattr(keepers, "start_keeper", fail)
        bench.neighbours.look_after()
    assert "the keeper of other cannot be looked after" in caplog.text
    bench.neighbours.look_after()
    assert len(bench.started) == 1


def test_the_status_says_whether_a_server_is_watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = SimpleNamespace(name="one", port=1, is_ready=lambda: True)
    monkeypatch.setattr(inspection, "members_of", lambda _: [server])
    settings = MeshSettings(_env_file=None, state_dir=tmp_path)
    settings.paths.make()
    me = ProcessRef.current()
    for keeper, watched in ((me, True), (ProcessRef(me.pid, 0.0), False), (None, False)):
        Records(settings.paths.run).write(Record("one", me.pid, me.started, ("serve",), keeper))
        (found,) = inspection.read_status(settings).processes
        assert (found.state, found.is_watched) == ("running", watched)
