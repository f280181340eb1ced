"""Environments: real processes, one event at a time in each."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from serving_fakes import function

from serving.container import Container
from serving.environments import Pool, Variables
from serving.errors import BusyError, EnvironmentEndedError, HandlerError, InitError, TimedOutError
from serving.metrics import Metrics
from serving.plan import FunctionPlan


def variables(plan: FunctionPlan) -> Variables:
    path = {"PYTHONPATH": str(Path(__file__).parent), "PATH": os.environ["PATH"]}
    return Variables({**path, **plan.variables})


@pytest.fixture
def pools() -> Iterator[list[Pool]]:
    made: list[Pool] = []
    yield made
    for pool in made:
        pool.close(kill=True)


def pool(pools: list[Pool], handler: str, size: int = 1, **given: Any) -> Pool:
    found = Pool(function(f"serving_handlers.{handler}", **given), size, variables, Metrics())
    pools.append(found)
    return found


def test_an_environment_is_used_again_and_has_its_own_variables(pools: list[Pool]) -> None:
    echo = pool(pools, "echo")
    first, second = (echo.invoke({"n": number}) for number in range(2))
    assert (first["event"], first["service"], second["calls"]) == ({"n": 0}, "shop", 2)
    assert 4000 < first["left_ms"] <= 5000
    assert first["pid"] == second["pid"] != os.getpid()


def test_a_handler_that_fails_keeps_its_environment(pools: list[Pool]) -> None:
    failing = pool(pools, "fails")
    for _ in range(2):
        with pytest.raises(HandlerError, match="ValueError: no such shop") as caught:
            failing.invoke({})
        assert any("serving_handlers.py" in line for line in caught.value.trace)
    assert failing.environments == 1
    with pytest.raises(HandlerError, match=r"Runtime\.MarshalError"):
        pool(pools, "unspeakable").invoke({})
    with pytest.raises(HandlerError, match=r"Runtime\.MarshalError"):
        pool(pools, "endless").invoke({})


def test_an_environment_that_ends_or_is_late_is_replaced(pools: list[Pool]) -> None:
    ending = pool(pools, "exits")
    with pytest.raises(EnvironmentEndedError, match="exit code 9"):
        ending.invoke({})
    late = pool(pools, "sleeps", timeout_s=1)
    begun = time.monotonic()
    with pytest.raises(TimedOutError, match=r"timed out after 1\.00 seconds"):
        late.invoke({})
    assert time.monotonic() - begun < 5
    assert (ending.environments, late.environments) == (0, 0)


def test_an_environment_that_ends_in_the_middle_of_its_answer_is_replaced(pools: list[Pool]) -> None:
    ending = pool(pools, "breaks_off")
    with pytest.raises(EnvironmentEndedError):
        ending.invoke({})
    assert ending.environments == 0


def test_a_process_that_cannot_be_started_is_a_failed_start(pools: list[Pool], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    starting = pool(pools, "echo")
    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "Popen", refuse)
        with pytest.raises(InitError, match="no process can be started"):
            starting.invoke({})
    assert starting.invoke({}, wait_s=1)["service"] == "shop"


def test_a_process_that_dies_while_it_imports_is_a_fault_not_the_end_of_the_container(
    pools: list[Pool], tmp_path: Path
) -> None:
    (tmp_path / "serving_dies.py").write_text("import os; os._exit(9)")
    plan = function("serving_dies.handler")
    dying = Pool(plan, 1, lambda _: Variables({"PYTHONPATH": str(tmp_path)}), Metrics())
    pools.append(dying)
    check = Container._warm_check(SimpleNamespace(_pools={plan: dying}), plan)  # type: ignore[arg-type]
    assert "the environment ended" in str(check())


def test_a_handler_that_cannot_be_imported(pools: list[Pool]) -> None:
    broken = pool(pools, "missing")
    for _ in range(2):  # the place in the pool is free again
        with pytest.raises(InitError, match="AttributeError"):
            broken.invoke({}, wait_s=1)


def test_at_most_as_many_at_once_as_the_pool_has(pools: list[Pool]) -> None:
    slow = pool(pools, "slow", size=1)
    with ThreadPoolExecutor(1) as other:
        running = other.submit(slow.invoke, {})
        while not slow.in_flight:
            time.sleep(0.01)
        with pytest.raises(BusyError):
            slow.invoke({}, wait_s=0.05)
        running.result()


def test_credentials_that_expire_take_their_environment_along(pools: list[Pool]) -> None:
    plan = function("serving_handlers.echo")
    expiring = Pool(plan, 1, lambda _: Variables(variables(plan).values, expire_at=time.time() - 1), Metrics())
    pools.append(expiring)
    assert expiring.invoke({})["pid"] != expiring.invoke({})["pid"]
    expiring.reap()
    assert expiring.environments == 0
