"""Starting and ending the processes of a mesh, with small real servers in their place."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from localmesh.errors import MeshBusyError, PortInUseError, ProcessStartError
from localmesh.keeper import FIRST_DELAY_S, LIMIT, delay_s
from localmesh.keepers import start_keeper
from localmesh.lock import mesh_lock
from localmesh.members import Member
from localmesh.paths import StatePaths
from localmesh.processes import ProcessRef, free_port, group_members, is_listening, wait_gone
from localmesh.records import Deaths, Record, Records
from localmesh.supervisor import Supervisor, rotate
from testkit import eventually

pytestmark = pytest.mark.integration

SERVER = """
import socket, subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("serving", flush=True)
while True:
    server.accept()[0].close()
"""
SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
BROKEN = "import sys; sys.exit('cannot find my configuration')"


def member(name: str, code: str = SERVER, *, port: int = 0, extra: str = "") -> Member:
    port = port or free_port()
    return Member(
        name=name,
        host="127.0.0.1",
        port=port,
        port_setting=f"MESH_{name.upper()}_PORT",
        command=lambda: [sys.executable, "-c", code, str(port), extra],
        prepare=lambda: None,
        environment={"PATH": os.defpath},
        is_ready=lambda: is_listening("127.0.0.1", port),
        stop_signal=signal.SIGTERM,
        stop_grace_s=5.0,
        start_timeout_s=20.0,
    )


class Bench:
    """A supervisor, what it reported, and what the test has to clean up."""

    def __init__(self, root: Path) -> None:
        self.paths = StatePaths(root)
        self.paths.make()
        self.reported: list[str] = []
        self.supervisor = Supervisor(self.paths, self.reported.append)

    def record(self, one: Member) -> Record:
        record = Records(self.paths.run).read(one.name)
        assert record is not None
        return record


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    created = Bench(tmp_path)
    yield created
    with mesh_lock(created.paths.run / "lock", print):
        created.supervisor.stop([member(file.stem) for file in created.paths.run.glob("*.json")])


def test_processes_outlive_the_call_and_stop_leaves_none(bench: Bench) -> None:
    members = [member("one"), member("postgres")]
    started = bench.supervisor.start(members)
    assert all(is_listening("127.0.0.1", one.port) for one in members)
    groups = [one.record.pid for one in started]
    assert all(len(group_members(group)) == 2 for group in groups)
    assert bench.supervisor.stop(members) is True
    assert all(group_members(group) == [] for group in groups)
    assert bench.supervisor.stop(members) is False


def test_starting_twice_keeps_what_runs(bench: Bench) -> None:
    one = member("one")
    first = bench.supervisor.start([one])[0]
    second = bench.supervisor.start([one])[0]
    assert second.record == first.record
    assert second.seconds is None
    assert any("is already running" in line for line in bench.reported)


def test_changed_settings_restart_a_process(bench: Bench) -> None:
    first = bench.supervisor.start([member("one", extra="a")])[0]
    second = bench.supervisor.start([member("one", extra="b")])[0]
    assert second.record.pid != first.record.pid
    assert group_members(first.record.pid) == []


def test_a_killed_process_is_started_again_and_its_workers_ended(bench: Bench) -> None:
    one = member("one")
    record = bench.supervisor.start([one])[0].record
    first = record.pid
    os.kill(first, signal.SIGKILL)
    assert wait_gone(record.ref, 5)
    second = bench.supervisor.start([one])[0]
    assert second.seconds is not None
    assert group_members(first) == []


def test_a_server_that_dies_is_started_again_and_its_death_is_noted(bench: Bench) -> None:
    one = member("one")
    first = bench.supervisor.start([one])[0].record
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: bench.record(one).pid != first.pid and is_listening("127.0.0.1", one.port), timeout_s=20)
    assert group_members(first.pid) == []
    death = Deaths(bench.paths.run).of("one")[0]
    assert death.reason.startswith("killed by SIGKILL")
    assert death.delay_s == FIRST_DELAY_S
    assert bench.supervisor.start([one])[0].seconds is None
    bench.supervisor.stop([one])
    time.sleep(2 * FIRST_DELAY_S)
    assert not is_listening("127.0.0.1", one.port)
    assert len(Deaths(bench.paths.run).of("one")) == 1


def test_a_server_that_keeps_dying_is_given_up(bench: Bench, tmp_path: Path) -> None:
    """Its second start and all later ones fail."""
    failing = f"import pathlib, sys\nif pathlib.Path({str(tmp_path / 'dead')!r}).exists(): sys.exit(3)\n"
    one = member("one", failing + SERVER)
    record = bench.supervisor.start([one])[0].record
    (tmp_path / "dead").touch()
    os.kill(record.pid, signal.SIGKILL)
    deaths = Deaths(bench.paths.run)
    eventually(lambda: len(deaths.of("one")) > 2, timeout_s=30)
    assert bench.record(one).keeper is not None
    assert [death.delay_s for death in deaths.of("one")[:3]] == [0.5, 1.0, 2.0]
    assert deaths.of("one")[1].reason == "ended with exit code 3"
    bench.supervisor.stop([one])


def keep_impatiently(bench: Bench, one: Member) -> None:
    """Run a keeper until it ends, which is after the second death at the latest."""
    impatient = "from localmesh import keeper; keeper.LIMIT, keeper.FIRST_DELAY_S = 1, 0.01; keeper.main()"
    arguments = [one.name, bench.paths.run, bench.paths.log(one.name), *one.command()]
    subprocess.run([sys.executable, "-c", impatient, *map(str, arguments)], check=True, timeout=20, cwd="/")


def test_a_keeper_that_has_given_up_says_so(bench: Bench) -> None:
    """Else the keepers of others would take it for killed, and begin again."""
    one = member("one", BROKEN)
    Records(bench.paths.run).write(Record("one", 1, 0.0, tuple(one.command()), None))
    keep_impatiently(bench, one)
    assert bench.record(one).keeper is None
    assert [death.delay_s for death in Deaths(bench.paths.run).of("one")] == [0.01, None]


def test_a_server_that_has_never_been_ready_is_left_to_whoever_starts_it(bench: Bench) -> None:
    keep_impatiently(bench, member("one", BROKEN))
    assert Deaths(bench.paths.run).of("one") == []


def test_the_waiting_doubles_and_has_an_end() -> None:
    waits = [delay_s(deaths) for deaths in range(1, LIMIT + 2)]
    assert waits == [0.5, 1, 2, 4, 8, 16, *[30] * (LIMIT - 6), None]
    assert sum(wait or 0 for wait in waits) > 840, "a full disk is noticed, or has room again, within minutes"


@pytest.mark.parametrize("refused", ["deaths", "records"])
def test_a_keeper_outlives_a_folder_that_takes_nothing(bench: Bench, tmp_path: Path, refused: str) -> None:
    """A full disk may have been what the server died of."""
    started = tmp_path / "started"
    one = member("one", f"open({str(started)!r}, 'a').write('x')\nimport sys, time\ntime.sleep(0.1)\nsys.exit(3)\n")
    program = f"""
from localmesh import keeper, records
def full(*_):
    raise OSError(28, "No space left on device")
keeper.LIMIT, keeper.FIRST_DELAY_S = 3, 0.01
own = keeper.Keeper._adopt
def adopt(self):
    self._received.add(keeper.signal.SIGUSR1)
    records.{"Deaths.add" if refused == "deaths" else "Records.write"} = full
keeper.Keeper._adopt = adopt
keeper.main()
"""
    arguments = [sys.executable, "-c", program, one.name, bench.paths.run, bench.paths.log(one.name), *one.command()]
    said = tmp_path / "said"
    with said.open("wb") as errors:
        process = subprocess.Popen(list(map(str, arguments)), cwd="/", stderr=errors)
    try:
        if refused == "deaths":
            assert process.wait(20) == 0
            assert started.read_text() == "xxxx"
        else:
            eventually(lambda: said.read_text().count("cannot be recorded") > 4)
            assert process.poll() is None, "it has tried more often than its limit"
            process.terminate()
            assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
    assert "No space left on device" in said.read_text()


def test_a_server_without_its_keeper_runs_on_with_another_after_the_next_start(bench: Bench) -> None:
    one = member("one")
    first = bench.supervisor.start([one])[0].record
    assert first.keeper is not None
    os.kill(first.keeper.pid, signal.SIGKILL)
    assert wait_gone(first.keeper, 5)
    (again,) = bench.supervisor.start([one])
    assert (again.record.ref, again.seconds) == (first.ref, None)
    assert again.record == bench.record(one)
    assert again.record.keeper is not None
    assert again.record.keeper.find() is not None
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: bench.record(one).pid != first.pid and is_listening("127.0.0.1", one.port), timeout_s=20)


def test_killed_keepers_are_replaced_while_one_is_left(bench: Bench) -> None:
    """The server runs on; and it is started again even if it is killed together with its keeper."""
    one, two = member("one"), member("two")
    first = bench.supervisor.start([one])[0].record
    bench.supervisor.start([two])
    time.sleep(1)  # the other keeper has looked round
    assert first.keeper is not None
    os.kill(first.keeper.pid, signal.SIGKILL)
    eventually(lambda: (keeper := bench.record(one).keeper) and keeper != first.keeper, timeout_s=20)
    second = bench.record(one)
    assert (second.ref, second.command) == (first.ref, first.command)
    assert second.keeper is not None
    assert is_listening("127.0.0.1", one.port)
    os.kill(second.keeper.pid, signal.SIGKILL)
    os.kill(second.pid, signal.SIGKILL)
    eventually(lambda: bench.record(one).pid != first.pid and is_listening("127.0.0.1", one.port), timeout_s=20)
    assert group_members(first.pid) == []
    (death,) = Deaths(bench.paths.run).of("one")
    assert death.reason == "ended after its keeper had been killed, so that nobody knows how"
    assert death.delay_s == FIRST_DELAY_S


def test_a_keeper_that_comes_late_harms_nobody_who_has_the_id_of_its_server(bench: Bench) -> None:
    one = member("one")
    stranger = subprocess.Popen(SLEEP, start_new_session=True)
    try:
        gone = ProcessRef(stranger.pid, 0.0)
        Records(bench.paths.run).write(Record("one", stranger.pid, 0.0, tuple(one.command()), gone))
        start_keeper("one", bench.paths.run, bench.paths.log("one"), one.command(), one.environment)
        eventually(lambda: bench.record(one).pid != stranger.pid and is_listening("127.0.0.1", one.port), timeout_s=20)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_port_in_use_is_named_with_its_process_and_the_setting(bench: Bench) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(PortInUseError) as refused:
            bench.supervisor.start([member("one", port=port)])
    for part in (str(port), f"process {os.getpid()}", "MESH_ONE_PORT"):
        assert part in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_process_that_dies_at_start_shows_its_last_words_and_the_others_are_ended(bench: Bench) -> None:
    good, bad = member("good"), member("bad", BROKEN)
    with pytest.raises(ProcessStartError, match="cannot find my configuration"):
        bench.supervisor.start([good, bad])
    assert not is_listening("127.0.0.1", good.port)
    assert list(bench.paths.run.glob("*.json")) == []


def test_what_ran_before_survives_the_failure_of_a_newcomer(bench: Bench) -> None:
    good, bad = member("good"), member("bad", BROKEN)
    bench.supervisor.start([good])
    with pytest.raises(ProcessStartError):
        bench.supervisor.start([good, bad])
    assert is_listening("127.0.0.1", good.port)


def test_a_damaged_record_is_no_record(bench: Bench) -> None:
    (bench.paths.run / "one.json").write_text("{")
    assert Records(bench.paths.run).read("one") is None
    assert bench.supervisor.start([member("one")])[0].seconds is not None


def test_logs_of_earlier_starts_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    for number in range(5):
        rotate(log)
        log.write_text(f"start {number}")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {
        "one.log": "start 4", "one.log.1": "start 3", "one.log.2": "start 2", "one.log.3": "start 1",
    }  # fmt: skip


def test_commands_take_turns(tmp_path: Path) -> None:
    reported: list[str] = []
    order: list[str] = []

    def second() -> None:
        with mesh_lock(tmp_path / "lock", reported.append):
            order.append("second")

    with ThreadPoolExecutor(1) as pool:
        with mesh_lock(tmp_path / "lock", reported.append):
            waiting = pool.submit(second)
            eventually(lambda: reported)
            order.append("first")
        waiting.result(10)
    assert order == ["first", "second"]
    assert reported == [f"waiting for process {os.getpid()}, which is starting or stopping this mesh"]


def test_waiting_for_another_command_has_an_end(tmp_path: Path) -> None:
    busy = pytest.raises(MeshBusyError, match=str(os.getpid()))
    with mesh_lock(tmp_path / "lock", print), busy, mesh_lock(tmp_path / "lock", print, timeout_s=0.1):
        pass
