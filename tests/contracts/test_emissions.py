"""The plugin that holds what services say against their contracts, on a small repository with tests of its own."""

import json
from typing import Any

import pytest

from chassis import store
from workspace import REPOSITORY

pytest_plugins = ["pytester"]

SAID, DONE = "collections.alpha.thing-said.v1", "collections.alpha.thing-done.v1"
MADE = "collections.beta.thing-made.v1"
MANIFEST = f"""
service: alpha
summary: Says things.
publishes: [{SAID}, {DONE}]
functions:
  relay: {{handler: alpha.handler.relay, schedule: rate(1 minute), publish: true}}
"""
QUIET = """
service: beta
summary: Says one thing.
publishes: [collections.beta.thing-made.v1]
functions:
  relay: {handler: beta.handler.relay, schedule: rate(1 minute), publish: true}
"""
CONFTEST = """
import pytest
from chassis import store

@pytest.fixture
def say():
    def say(event_type, **data):
        source, name = event_type.rsplit(".", 2)[0], event_type.removeprefix("collections.").rsplit(".", 1)[0]
        document = {"type": event_type, "source": source, "dataschema": f"urn:collections:contract:{name}:1.0"}
        store.append(None, [document | {"data": {"text": "x"} | data}])
    return say
"""


class Said:
    """Stands in for an event on its way into the store."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def to_wire(self) -> dict[str, Any]:
        return self._document


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Two services with their contracts, and a store that keeps nothing. Tests in it call `say(event_type, **data)`."""
    monkeypatch.setattr(store, "append", lambda _, documents, **__: [(1, Said(document)) for document in documents])
    write_text(pytester, "services/platform.yaml", (REPOSITORY / "services" / "platform.yaml").read_text())
    write_text(pytester, "services/alpha/service.yaml", MANIFEST)
    write_text(pytester, "services/beta/service.yaml", QUIET)
    write_text(pytester, "conftest.py", CONFTEST)
    closed = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}
    for event_type in (SAID, DONE, MADE):
        write_text(pytester, f"contracts/schemas/{event_type}/1.0.producer.json", json.dumps(closed))
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def write_text(repository: pytest.Pytester, place: str, text: str) -> None:
    path = repository.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write(repository: pytest.Pytester, place: str, *statements: str) -> None:
    """A test file with one test for each statement."""
    write_text(repository, place, "".join(f"def test_{n}(say):\n    {line}\n" for n, line in enumerate(statements)))


def run(repository: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return repository.runpytest_inprocess("-p", "testkit.contract_tests.emissions", *arguments)


SAY_BOTH = (f"say({SAID!r})", f"say({DONE!r})")


def test_services_that_say_what_they_publish_pass(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", *SAY_BOTH, SAY_BOTH[0])
    result = run(repository)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*2 different events (alpha 3): no fault*"])
    # Nobody may take a part for the whole.
    result.stdout.fnmatch_lines(["NOT CHECKED beta: no tests of theirs were asked for"])


def test_a_published_type_that_no_own_test_brings_up_fails_a_run_of_all_tests(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", SAY_BOTH[0])
    # What somebody else's test makes the service say does not count.
    write(repository, "tests/contracts/test_others.py", SAY_BOTH[1])
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED alpha publishes {DONE}, and none of its own tests makes it say so"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-k", "test_0"), "only some of its tests were asked for"),
        (("services/alpha/tests/test_them.py::test_0",), "only some of its tests were asked for"),
        (("services/alpha/tests/test_them.py", "-k", "0"), "1 of 2 test files were left out"),
        (("services/alpha/tests/test_them.py",), "1 of 2 test files were left out"),
    ],
    ids=["by name", "one test", "one file by name", "one file"],
)
def test_a_run_of_a_part_says_what_it_did_not_look_at(
    repository: pytest.Pytester, arguments: tuple[str, ...], why: str
) -> None:
    write(repository, "services/alpha/tests/test_them.py", SAY_BOTH[0], "pass")
    write(repository, "services/alpha/tests/test_more.py", "pass", SAY_BOTH[1])
    if arguments == ("services/alpha/tests/test_them.py::test_0",):
        (repository.path / "services/alpha/tests/test_more.py").unlink()
    result = run(repository, *arguments)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"NOT CHECKED alpha: {why}; not seen: {DONE}"])


def test_a_run_that_ends_early_says_so(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", "assert False", *SAY_BOTH)
    result = run(repository, "-x")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT CHECKED alpha: the run ended after 1 of 3 tests; not seen: *"])


def test_a_skipped_test_is_no_excuse(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", "import pytest; pytest.skip()", SAY_BOTH[0])
    assert run(repository).ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("place", ["services/alpha/tests/test_them.py", "services/lib/chassis/tests/test_it.py"])
def test_what_the_closed_schema_forbids_fails_whoever_said_it(repository: pytest.Pytester, place: str) -> None:
    write(repository, place, *SAY_BOTH, f"say({DONE!r}, secret='do not show')")
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED {DONE} 1.0 breaks 'additionalProperties' at $ ({place}::test_2)"])
    result.stdout.no_fnmatch_line("*do not show*")


def test_what_the_manifest_does_not_publish_fails(repository: pytest.Pytester) -> None:
    write_text(repository, "services/alpha/service.yaml", MANIFEST.replace(f", {DONE}", ""))
    write(repository, "services/alpha/tests/test_them.py", *SAY_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED alpha says {DONE}, which its manifest does not publish (*::test_1)"])


def test_a_version_without_schema_fails(repository: pytest.Pytester) -> None:
    (repository.path / f"contracts/schemas/{DONE}/1.0.producer.json").unlink()
    write(repository, "services/alpha/tests/test_them.py", *SAY_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED {DONE} 1.0 was said, and *1.0.producer.json does not exist (*)"])


def test_somebody_elses_event_is_not_this_services(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", *SAY_BOTH, f"say({MADE!r})")
    assert run(repository).ret == pytest.ExitCode.OK


def test_a_run_without_services_says_nothing(repository: pytest.Pytester) -> None:
    write(repository, "tests/test_other.py", "pass")
    result = run(repository)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*events against their contracts*")


def test_collecting_alone_is_no_run(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", "pass")
    result = run(repository, "--collect-only")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.no_fnmatch_line("*events against their contracts*")


def test_manifests_that_cannot_be_read_fail(repository: pytest.Pytester) -> None:
    write_text(repository, "services/beta/service.yaml", "service: gamma\n")
    write(repository, "services/alpha/tests/test_them.py", *SAY_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED the manifests cannot be read: *"])
