"""Finding and ending processes, without harm to others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from localmesh.processes import ProcessRef, end_group, group_members, tail, wait_gone

STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""
WILLING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("ready", flush=True)
time.sleep(600)
"""


def run(code: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def willing() -> Iterator[subprocess.Popen[str]]:
    process = run(WILLING)
    yield process
    if group_members(process.pid):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(5)


def test_a_willing_leader_goes_without_force_and_takes_its_workers_along(willing: subprocess.Popen[str]) -> None:
    assert len(group_members(willing.pid)) == 2
    assert end_group(ProcessRef.of(willing.pid), first=signal.SIGTERM, grace_s=10) is False
    assert group_members(willing.pid) == []


def test_a_stubborn_leader_is_killed_after_its_grace_with_its_workers() -> None:
    process = run(STUBBORN)
    begun = time.monotonic()
    assert end_group(ProcessRef.of(process.pid), first=signal.SIGTERM, grace_s=0.3) is True
    assert 0.3 <= time.monotonic() - begun < 5
    assert group_members(process.pid) == []
    process.wait(5)


def test_workers_of_a_leader_that_was_killed_from_outside_are_found(willing: subprocess.Popen[str]) -> None:
    ref = ProcessRef.of(willing.pid)
    willing.kill()
    willing.wait(5)
    assert len(group_members(willing.pid)) == 1
    end_group(ref, first=signal.SIGTERM, grace_s=1)
    assert group_members(willing.pid) == []


def test_a_stranger_with_a_recycled_id_is_left_alone(willing: subprocess.Popen[str]) -> None:
    recycled = ProcessRef(willing.pid, ProcessRef.of(willing.pid).started - 60)
    assert recycled.find() is None
    assert end_group(recycled, first=signal.SIGKILL, grace_s=1) is False
    assert willing.poll() is None


def test_wait_gone_gives_up(willing: subprocess.Popen[str]) -> None:
    assert wait_gone(ProcessRef.of(willing.pid), 0.05) is False


def test_tail_is_the_end_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    assert tail(log) == ""
    log.write_text("\n".join(f"line {number}" for number in range(50_000)))
    assert tail(log, 2) == "line 49998\nline 49999"
