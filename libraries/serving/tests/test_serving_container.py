"""A whole container as a process: it drains, and when it cannot it says so; probes, metrics, invocations."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from localmesh.processes import free_port

pytestmark = pytest.mark.integration

HERE = Path(__file__).parent


@contextmanager
def container(handler: str, drain_s: float, port: int) -> Iterator[subprocess.Popen[str]]:
    """Started, and with a batch in the hands of its handler."""
    command = [sys.executable, str(HERE / "serving_container.py"), handler, str(drain_s), str(port)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(HERE)}, start_new_session=True
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if '"environment started"' in line:
                break
        else:
            pytest.fail("it did not start")
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None
        process.wait()


def test_sigterm_finishes_what_is_handled() -> None:
    with container("slow", 20, free_port()) as process:
        process.terminate()
        assert process.stdout is not None
        assert "deleted a,b" in process.stdout.read()
        assert process.wait(10) == 0


def test_a_drain_that_takes_too_long_fails_and_leaves_the_messages() -> None:
    with container("sleeps", 0.3, free_port()) as process:
        process.terminate()
        assert process.stdout is not None
        rest = process.stdout.read()
        assert process.wait(10) == 1
        assert "not drained in time" in rest
        assert "deleted" not in rest


def test_a_second_signal_ends_it_at_once() -> None:
    with container("sleeps", 60, free_port()) as process:
        process.terminate()
        time.sleep(0.3)
        process.terminate()
        assert process.wait(10) == 1


def test_probes_metrics_and_invocations() -> None:
    port = free_port()
    with container("echo", 5, port) as process, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/healthz").status_code == 200
        ready = client.get("/readyz")  # nothing listens where the database should be
        assert (ready.status_code, list(ready.json()["faults"])) == (503, ["database"])
        text = client.get("/metrics").text
        assert 'serving_invocation_seconds_count{function="shop.events",outcome="ok"} 1.0' in text
        assert 'serving_queue_messages{queue="q-events",state="waiting"} 0.0' in text
        path = "/2015-03-31/functions/collections-test-shop-events/invocations"
        assert client.post(path, json={"n": 1}).json()["event"] == {"n": 1}
        assert [client.post(path, content=text).status_code for text in (b"[1]", b"[" * 100_000)] == [400, 400]
        missing = client.post(path.replace("shop", "other"), json={})
        assert (missing.status_code, missing.headers["x-amzn-errortype"]) == (404, "ResourceNotFoundException")
        assert client.get("/items").status_code == 404
        process.terminate()
        assert process.wait(10) == 0
