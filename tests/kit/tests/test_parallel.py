"""Which tests a run leaves out, which stay together, and that parallel workers share the run's servers."""

from types import SimpleNamespace
from typing import Any

import pytest
from xdist.remote import Producer  # type: ignore[import-untyped]

from testkit import parallel

pytest_plugins = ["pytester"]

INI = """
[pytest]
markers =
    integration: x
    terraform: x
    scheduled: x
    sampled(n): x
asyncio_default_fixture_loop_scope = function
"""


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    pytester.makeini(INI)
    return pytester


def run(inner: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return inner.runpytest_inprocess("-p", "testkit", "-p", "testkit.parallel", *arguments)


CORPUS = """
import pytest

@pytest.mark.sampled(3)
@pytest.mark.parametrize("case", range(20))
def test_case(case):
    pass

@pytest.mark.scheduled
def test_long():
    pass

def test_part(whole):
    assert whole is {whole}
"""


def test_a_push_runs_a_sample_and_says_what_it_left_out(inner: pytest.Pytester) -> None:
    inner.makepyfile(CORPUS.format(whole=False))
    result = run(inner)
    result.assert_outcomes(passed=4)
    result.stdout.fnmatch_lines(["18 tests are left to the scheduled run (--scheduled)"])


@pytest.mark.parametrize(
    ("marks", "workers"), [("", 3), ("integration or e2e", 3), ("not integration and not e2e", None)]
)
def test_a_worker_that_waits_for_the_mesh_leaves_its_core_to_another(
    monkeypatch: pytest.MonkeyPatch, marks: str, workers: int | None
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    config: Any = SimpleNamespace(option=SimpleNamespace(markexpr=marks))
    assert parallel.pytest_xdist_auto_num_workers(config) == workers


def test_the_sample_is_the_same_every_time(inner: pytest.Pytester) -> None:
    inner.makepyfile(CORPUS.format(whole=False))
    chosen = [sorted(line for line in run(inner, "-v").outlines if "PASSED" in line) for _ in range(2)]
    assert len(chosen[0]) == 4
    assert [line.partition(" ")[0] for line in chosen[0]] == [line.partition(" ")[0] for line in chosen[1]]


def test_the_scheduled_run_leaves_nothing_out(inner: pytest.Pytester) -> None:
    inner.makepyfile(CORPUS.format(whole=True))
    result = run(inner, "--scheduled")
    result.assert_outcomes(passed=22)
    result.stdout.no_fnmatch_line("*left to the scheduled run*")


def test_what_uses_terraform_is_marked(inner: pytest.Pytester) -> None:
    inner.makepyfile("""
        import pytest

        @pytest.fixture
        def terraform():
            raise AssertionError("not asked for")

        def test_plan(terraform):
            pass

        def test_other():
            pass
    """)
    run(inner, "-m", "not terraform").assert_outcomes(passed=1, deselected=1)


class Worker:
    """As xdist's scheduler sees one: what it was asked to run, and whether nothing more will come."""

    def __init__(self) -> None:
        self.gateway = SimpleNamespace(id="gw")
        self.asked: list[int] = []
        self.shutting_down = False

    def send_runtest_some(self, indexes: list[int]) -> None:
        self.asked += indexes

    def shutdown(self) -> None:
        self.shutting_down = True

    @property
    def runs(self) -> bool:
        """It runs a test when it knows the next one, or that there is none."""
        return len(self.asked) > (0 if self.shutting_down else 1)


@pytest.mark.parametrize("names", ["a", "ab", "abc"])
def test_workers_that_crash_at_once_are_replaced_one_after_the_other(names: str) -> None:
    """The first replacement collects while the second has not: nothing is asked of that one yet, and nothing lost."""
    config: Any = SimpleNamespace(option=SimpleNamespace(), getvalue=lambda _: ["popen"] * 2)
    scheduler = parallel.pytest_xdist_make_scheduler(config, Producer("test", enabled=False))
    collected = [f"test_{file}.py::test_{name}" for file in range(5) for name in names]
    ran: list[str] = []

    def join(worker: Worker) -> None:
        scheduler.add_node_collection(worker, collected)
        if scheduler.collection_is_completed:
            scheduler.schedule()

    first, second, third, fourth = workers = [Worker() for _ in range(4)]
    for worker in (first, second):
        scheduler.add_node(worker)
    for worker in (first, second):
        join(worker)
    for crashed, replacement in ((first, third), (second, fourth)):
        ran.append(collected[crashed.asked[0]])
        assert scheduler.remove_node(crashed) == ran[-1]
        scheduler.add_node(replacement)
    join(third)
    assert (bool(third.asked), fourth.asked) == (True, [])
    join(fourth)
    while running := [worker for worker in workers[2:] if worker.runs]:
        for worker in running:
            ran.append(collected[worker.asked[0]])
            scheduler.mark_test_complete(worker, worker.asked.pop(0))
    assert sorted(ran) == collected, "each once, the two that crashed included"
    assert scheduler.tests_finished


@pytest.mark.integration
@pytest.mark.scheduled
def test_tests_that_crash_their_worker_fail_once_and_cost_no_other(
    inner: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # four processes load them
    for n in range(3):
        crash = "os._exit(1)" if n < 1 else "pass"
        inner.makepyfile(**{f"test_{n}": f"import os\ndef test_a():\n    {crash}\ndef test_b():\n    pass\n"})
    result = inner.runpytest_subprocess("-p", "xdist", "-p", "testkit.parallel", "-n", "2", timeout=200)
    result.assert_outcomes(passed=5, failed=1)


WORKER = """
import os
import pytest

@pytest.mark.integration
@pytest.mark.parametrize("n", range(4))
def test_own(n, postgres_server):
    with open(os.environ["PYTEST_XDIST_WORKER"], "a") as ran:
        print(__file__, postgres_server.port, file=ran)
"""


@pytest.mark.integration
@pytest.mark.scheduled
def test_files_and_some_folders_stay_with_one_worker_and_servers_are_shared(inner: pytest.Pytester) -> None:
    folder = "tests/e2e/"
    files = [f"{folder}{name}" for name in ("test_one.py", "test_two.py")] + [f"test_{n}.py" for n in range(4)]
    for file in files:
        (inner.path / file).parent.mkdir(parents=True, exist_ok=True)
        (inner.path / file).write_text(WORKER)
    run(inner, "-n", "2").assert_outcomes(passed=4 * len(files))
    lines = [(inner.path / worker).read_text().splitlines() for worker in ("gw0", "gw1")]
    ran = [[line.split()[0] for line in of_worker] for of_worker in lines]
    assert not set(ran[0]) & set(ran[1]), "a file was split"
    [first] = (one for one in ran if folder in one[0])
    assert sum(folder in file for file in first) == 8
    assert len({line.split()[1] for of_worker in lines for line in of_worker}) == 1, "each has its own server"
