"""The plugin that checks what services emit against their contracts, on a small repository with its own tests."""

import json

import pytest

from testkit import documented
from workspace import REPOSITORY

pytest_plugins = ["pytester"]

ADDED, DONE = "collections.alpha.thing-added.v1", "collections.alpha.thing-done.v1"
CREATED = "collections.beta.thing-created.v1"
MANIFEST = f"""
service: alpha
summary: Emits events.
publishes: [{ADDED}, {DONE}]
functions:
  relay: {{handler: alpha.handler.relay, schedule: rate(1 minute), publish: true}}
"""
QUIET = """
service: beta
summary: Emits one event.
publishes: [collections.beta.thing-created.v1]
functions:
  relay: {handler: beta.handler.relay, schedule: rate(1 minute), publish: true}
"""
CONFTEST = """
import pytest
from chassis import store

class Emitted:
    # Stands in for an event on its way into the store.

    def __init__(self, document):
        self._document = document

    def to_wire(self):
        return self._document

def pytest_configure(config):
    # A store that keeps nothing, in every process of the run.
    kept = pytest.MonkeyPatch()
    kept.setattr(store, "append", lambda _, documents, **__: [(1, Emitted(document)) for document in documents])
    config.add_cleanup(kept.undo)

@pytest.fixture
def emit():
    def emit(event_type, **data):
        source, name = event_type.rsplit(".", 2)[0], event_type.removeprefix("collections.").rsplit(".", 1)[0]
        document = {"type": event_type, "source": source, "dataschema": f"urn:collections:contract:{name}:1.0"}
        store.append(None, [document | {"data": {"text": "x"} | data}])
    return emit
"""


@pytest.fixture
def repository(pytester: pytest.Pytester) -> pytest.Pytester:
    """Two services with their contracts, and a store that keeps nothing. Its tests call `emit(event_type, **data)`."""
    write_text(pytester, "services/platform.yaml", (REPOSITORY / "services" / "platform.yaml").read_text())
    write_text(pytester, "services/alpha/service.yaml", MANIFEST)
    write_text(pytester, "services/beta/service.yaml", QUIET)
    write_text(pytester, "conftest.py", CONFTEST)
    closed = {"type": "object", "properties": {"text": {"type": "string"}}, "additionalProperties": False}
    for event_type in (ADDED, DONE, CREATED):
        write_text(pytester, f"contracts/schemas/{event_type}/1.0.producer.json", json.dumps(closed))
    pytester.makeini("[pytest]\naddopts = --import-mode=importlib\nasyncio_default_fixture_loop_scope = function\n")
    return pytester


def write_text(repository: pytest.Pytester, place: str, text: str) -> None:
    path = repository.path / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def write(repository: pytest.Pytester, place: str, *statements: str) -> None:
    """A test file with one test for each statement."""
    write_text(repository, place, "".join(f"def test_{n}(emit):\n    {line}\n" for n, line in enumerate(statements)))


def run(repository: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """In the order in which they are written, in this process or in those of `-n`."""
    return repository.runpytest_inprocess("-p", "testkit.contract_tests.emissions", "-p", "no:randomly", *arguments)


EMIT_BOTH = (f"emit({ADDED!r})", f"emit({DONE!r})")


def test_services_that_emit_what_they_publish_pass(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH, EMIT_BOTH[0])
    result = run(repository)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["*2 different events (alpha 3): no faults*"])
    # A partial run must not be taken for a complete one.
    result.stdout.fnmatch_lines(["NOT CHECKED beta: none of their tests were selected"])


def test_a_published_type_that_no_own_test_emits_fails_a_run_of_all_tests(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", EMIT_BOTH[0])
    # What another package's test makes the service emit does not count.
    write(repository, "tests/contracts/test_others.py", EMIT_BOTH[1])
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED alpha publishes {DONE}, and none of its own tests emits it"])


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-k", "test_0"), "only some of its tests were selected"),
        (("services/alpha/tests/test_them.py::test_0",), "only some of its tests were selected"),
        (("services/alpha/tests/test_them.py", "-k", "0"), "1 of 2 test files were left out"),
        (("services/alpha/tests/test_them.py",), "1 of 2 test files were left out"),
    ],
    ids=["by name", "one test", "one file by name", "one file"],
)
def test_a_partial_run_lists_what_it_did_not_check(
    repository: pytest.Pytester, arguments: tuple[str, ...], why: str
) -> None:
    write(repository, "services/alpha/tests/test_them.py", EMIT_BOTH[0], "pass")
    write(repository, "services/alpha/tests/test_more.py", "pass", EMIT_BOTH[1])
    if arguments == ("services/alpha/tests/test_them.py::test_0",):
        (repository.path / "services/alpha/tests/test_more.py").unlink()
    result = run(repository, *arguments)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"NOT CHECKED alpha: {why}; not seen: {DONE}"])


def test_a_run_that_ends_early_reports_it(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", "assert False", *EMIT_BOTH)
    result = run(repository, "-x")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["NOT CHECKED alpha: the run ended after 1 of 3 tests; not seen: *"])


def test_a_skipped_test_is_no_excuse(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", "import pytest; pytest.skip()", EMIT_BOTH[0])
    assert run(repository).ret == pytest.ExitCode.TESTS_FAILED


@pytest.mark.parametrize("place", ["services/alpha/tests/test_them.py", "services/lib/chassis/tests/test_it.py"])
def test_what_the_closed_schema_forbids_fails_in_any_test(repository: pytest.Pytester, place: str) -> None:
    write(repository, place, *EMIT_BOTH, f"emit({DONE!r}, secret='do not show')")
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED {DONE} 1.0 breaks 'additionalProperties' at $ ({place}::test_2)"])
    result.stdout.no_fnmatch_line("*do not show*")


def test_what_the_manifest_does_not_publish_fails(repository: pytest.Pytester) -> None:
    write_text(repository, "services/alpha/service.yaml", MANIFEST.replace(f", {DONE}", ""))
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED alpha emits {DONE}, which its manifest does not publish (*::test_1)"])


def test_a_version_without_schema_fails(repository: pytest.Pytester) -> None:
    (repository.path / f"contracts/schemas/{DONE}/1.0.producer.json").unlink()
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"FAILED {DONE} 1.0 was emitted, and *1.0.producer.json does not exist (*)"])


@pytest.mark.scheduled
def test_parallel_workers_are_checked_as_one_run(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", EMIT_BOTH[0], f"emit({ADDED!r}, secret=1)")
    write(repository, "services/alpha/tests/test_more.py", EMIT_BOTH[0], EMIT_BOTH[0])
    write(repository, "services/beta/tests/test_others.py", f"emit({CREATED!r})", "pass")
    result = run(repository, "-n", "2")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            f"FAILED {ADDED} 1.0 breaks 'additionalProperties' at $ (services/alpha/tests/test_them.py::test_1)",
            f"FAILED alpha publishes {DONE}, and none of its own tests emits it",
            "3 different events (alpha 4, beta 1): 2 faults",
        ]
    )


@pytest.mark.scheduled
def test_parallel_workers_that_emit_everything_pass(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH)
    write(repository, "services/beta/tests/test_others.py", f"emit({CREATED!r})")
    result = run(repository, "-n", "2")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["3 different events (alpha 2, beta 1): no faults"])
    result.stdout.no_fnmatch_line("NOT CHECKED*")


def test_another_services_event_is_not_checked_against_this_manifest(repository: pytest.Pytester) -> None:
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH, f"emit({CREATED!r})")
    assert run(repository).ret == pytest.ExitCode.OK


def test_a_run_without_services_prints_nothing(repository: pytest.Pytester) -> None:
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
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH)
    result = run(repository)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED the manifests cannot be read: *"])


COMMON = "tests/architecture/test_common_answers.py"
DOCUMENT = {
    "paths": {
        "/a": {
            "get": {
                "tags": ["alpha"],
                "responses": {
                    "200": {},
                    "404": {"$ref": "#/components/responses/Missing"},
                    "429": {"$ref": "#/components/responses/Slow"},
                    "default": {},
                },
            },
            "post": {"tags": ["alpha"], "responses": {"200": {}, "501": {}}},
        }
    },
    "components": {"responses": {"Missing": {}, "Slow": {"x-answered-by": "gateway"}}},
}
GOT = "from testkit import documented; documented.seen.add(('GET /a', '{}'))"


@pytest.fixture
def answering(repository: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A repository whose service alpha emits all that it publishes, and declares the answers of one route."""
    monkeypatch.setattr(documented, "seen", set())
    write_text(repository, "services/ingest/src/ingest/openapi.json", json.dumps(DOCUMENT))
    write(repository, "services/alpha/tests/test_them.py", *EMIT_BOTH, GOT.format(200))
    return repository


def test_answers_that_a_route_declares_and_tests_get_pass(answering: pytest.Pytester) -> None:
    """In whichever test; what the gateway alone answers cannot be got from a handler."""
    write(answering, COMMON, GOT.format(404))
    assert run(answering).ret == pytest.ExitCode.OK


@pytest.mark.parametrize("workers", ["0", pytest.param("2", marks=pytest.mark.scheduled)])
def test_an_answer_that_no_test_gets_fails_a_run_of_all_tests(answering: pytest.Pytester, workers: str) -> None:
    write(answering, COMMON, "pass")
    result = run(answering, "-n", workers)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["FAILED alpha declares GET /a -> 404, and no test gets it", "*: 1 faults*"])


def test_a_partial_run_says_that_answers_are_missing(answering: pytest.Pytester) -> None:
    result = run(answering)
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines([f"NOT CHECKED alpha: {COMMON} was left out; 1 declared answers not seen"])
    write(answering, COMMON, "pass")
    result = run(answering, "-k", "test_0")
    result.stdout.fnmatch_lines(["NOT CHECKED alpha: only some of its tests were selected; * declared answers not*"])
