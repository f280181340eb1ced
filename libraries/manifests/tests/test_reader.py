"""What the reader accepts, and that each of its rules can fire."""

from collections.abc import Callable
from pathlib import Path

import pytest

from manifests import ManifestsInvalidError, load_manifests
from manifests.checks import RULES
from manifests.picture import mermaid

Change = Callable[[str, str, object], None]
QUEUE = {"batch_size": 1}
HTTP = "functions.http"


def test_valid_manifests_are_read(root: Path) -> None:
    manifests = load_manifests(root)
    assert list(manifests.services) == ["listener", "talker"]
    assert [f"{ref.service.service}.{ref.name}" for ref in manifests.functions] == [
        "listener.events",
        "talker.http",
        "talker.relay",
    ]
    assert manifests.secrets == ("voyage-api-key",)


# file, path, value, path of the finding, part of its message
SHAPES = [
    ("talker", "memory", 1, "memory", "Extra inputs"),
    ("talker", f"{HTTP}.memory_gb", 1, "functions.http.memory_gb", "Extra inputs"),
    ("talker", f"{HTTP}.timeout_s", 30, "functions.http", "at most 29"),
    ("talker", "functions.relay.timeout_s", 901, "functions.relay.timeout_s", "less than or equal to 900"),
    ("talker", "functions.relay.schedule", "rate(1 minutes)", "functions.relay.schedule", "pattern"),
    ("talker", "functions.relay.schedule", "every minute", "functions.relay.schedule", "pattern"),
    ("talker", "functions.relay.schedule", "cron(0 12 * *)", "functions.relay.schedule", "pattern"),
    ("talker", "functions.relay.queue", QUEUE, "functions.relay", "exactly one of"),
    ("talker", f"{HTTP}.routes", [], "functions.http", "exactly one of"),
    ("talker", f"{HTTP}.routes.0.method", "FETCH", "functions.http.routes.0.method", "Input should be"),
    ("talker", f"{HTTP}.routes.0.method", "HEAD", "functions.http", "wherever GET is"),
    ("talker", f"{HTTP}.routes.0.path", "things", "functions.http.routes.0.path", "pattern"),
    ("talker", f"{HTTP}.routes.0.path", "/things/{id+}/end", "functions.http.routes.0.path", "pattern"),
    ("talker", f"{HTTP}.tables", {"notes": ["drop"]}, "functions.http.tables.notes.0", "Input should be"),
    ("talker", "tables.notes.kind", "log", "tables.notes.kind", "Input should be"),
    ("talker", "tables.notes", {"partition_key": "pk"}, "tables.notes.kind", "Field required"),
    ("talker", f"{HTTP}.configuration", {"lower": "x"}, "functions.http.configuration.lower.[key]", "pattern"),
    ("talker", "publishes", ["talker.added"], "publishes.0", "pattern"),
    ("talker", "owners", [{"team": "first"}], "owners.0.contact", "Field required"),
    ("talker", "owners", [{"team": "", "contact": "#first"}], "owners.0.team", "at least 1 character"),
    ("talker", "owners", [{"team": "first", "contact": ""}], "owners.0.contact", "at least 1 character"),
    ("talker", "owners", "first", "owners", "valid tuple"),
    ("listener", "functions.events.queue.max_concurrency", 1, "functions.events.queue.max_concurrency", "equal to 2"),
    ("listener", "consumes.0", {"function": "events"}, "consumes.0", "either event or aws_event"),
    ("listener", "service", "other", "service", "its folder is"),
    ("platform", "bus.archive_days", 0, "bus.archive_days", "greater than or equal to 1"),
]


@pytest.mark.parametrize(("file", "path", "value", "where", "what"), SHAPES)
def test_a_wrong_shape_is_named(
    root: Path, change: Change, file: str, path: str, value: object, where: str, what: str
) -> None:
    change(file, path, value)
    with pytest.raises(ManifestsInvalidError) as caught:
        load_manifests(root)
    (problem,) = caught.value.problems
    assert (problem.path, file in str(problem.file)) == (where, True)
    assert what in problem.message


@pytest.mark.parametrize("schedule", ["rate(1 hour)", "rate(15 minutes)", "cron(0 12 * * ? *)"])
def test_schedules_of_eventbridge_are_accepted(root: Path, change: Change, schedule: str) -> None:
    change("talker", "functions.relay.schedule", schedule)
    assert load_manifests(root).services["talker"].functions["relay"].schedule == schedule


SECOND_ROUTE = {
    "handler": "listener.handler.http",
    "timeout_s": 29,
    "routes": [{"method": "POST", "path": "/things/{other}"}],
}
BUCKET = "consumes.1.aws_event.bucket"
SECRET = {"read": ["*/secret/*"]}
TABLES = {"notes": {"kind": "projection", "partition_key": "pk"}}
# rule, file, path, value, path of the finding
ACROSS = [
    ("consumed_events_are_published", "talker", "publishes", ["collections.talker.other.v1"], "consumes.0.event"),
    (
        "consumed_events_are_published",
        "listener",
        "consumes.0.event",
        "collections.talker.thing-added.v2",
        "consumes.0.event",
    ),
    (
        "events_belong_to_their_publisher",
        "talker",
        "publishes",
        ["collections.talker.thing-added.v1", "collections.listener.thing-received.v1"],
        "publishes.1",
    ),
    ("publishers_have_a_publishing_function", "listener", "functions.events.publish", True, "functions.events.publish"),
    ("consumers_exist_and_have_a_queue", "listener", "consumes.0.function", "missing", "consumes.0.function"),
    ("consumers_exist_and_have_a_queue", "listener", "consumes", [], "functions.events.queue"),
    (
        "an_event_goes_to_one_function_of_a_service",
        "listener",
        "consumes",
        [{"event": "collections.talker.thing-added.v1", "function": "events"}] * 2,
        "consumes",
    ),
    ("handlers_belong_to_their_service", "talker", f"{HTTP}.handler", "other.handler.http", "functions.http.handler"),
    ("routes_are_unique", "listener", "functions.http", SECOND_ROUTE, "functions.http.routes.0"),
    ("table_grants_name_own_tables", "talker", f"{HTTP}.tables", {"others": ["read"]}, "functions.http.tables.others"),
    ("backlogs_are_of_own_queues", "talker", f"{HTTP}.backlog_of", "events", "functions.http.backlog_of"),
    ("backlogs_are_of_own_queues", "talker", f"{HTTP}.backlog_of", "relay", "functions.http.backlog_of"),
    ("table_names_are_unique", "listener", "tables", TABLES, "tables.notes"),
    ("aws_events_name_a_known_bucket", "listener", BUCKET, "other", BUCKET),
    ("image_keys_have_a_known_prefix", "talker", f"{HTTP}.images", SECRET, "functions.http.images.read"),
    ("retrieval_needs_a_database", "listener", "retrieval", True, "retrieval"),
    ("extras_are_optional_dependencies", "talker", f"{HTTP}.extras", ["voice"], "functions.http.extras"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "file", "path", "value", "where"), ACROSS)
def test_a_broken_rule_is_named(
    root: Path, change: Change, rule: str, file: str, path: str, value: object, where: str
) -> None:
    change(file, path, value)
    with pytest.raises(ManifestsInvalidError) as caught:
        load_manifests(root)
    assert where in {problem.path for problem in caught.value.problems}
    assert all(str(problem).startswith("services/") for problem in caught.value.problems)


def test_every_rule_across_services_has_a_case() -> None:
    assert {rule.__name__ for rule in RULES} == {case[0] for case in ACROSS}


def test_optional_dependencies_that_no_function_uses_are_named(root: Path, change: Change) -> None:
    (root / "services/talker/pyproject.toml").write_text('[project.optional-dependencies]\nvoice = ["espeak"]\n')
    with pytest.raises(ManifestsInvalidError, match="'voice' are in no function's extras"):
        load_manifests(root)
    change("talker", f"{HTTP}.extras", ["voice"])
    assert load_manifests(root).services["talker"].functions["http"].extras == ("voice",)


def test_a_publisher_without_permission_is_named(root: Path, change: Change) -> None:
    change("talker", "functions.http.publish", False)
    change("talker", "functions.relay.publish", False)
    with pytest.raises(ManifestsInvalidError, match="no function has publish"):
        load_manifests(root)


def test_all_problems_are_reported_at_once(root: Path, change: Change) -> None:
    change("talker", "memory", 1)
    change("listener", "memory", 1)
    (root / "services/platform.yaml").unlink()
    with pytest.raises(ManifestsInvalidError) as caught:
        load_manifests(root)
    assert [str(problem.file) for problem in caught.value.problems] == [
        "services/platform.yaml",
        "services/listener/service.yaml",
        "services/talker/service.yaml",
    ]


def test_invalid_yaml_and_an_empty_root_are_errors(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    (root / "services/talker/service.yaml").write_text("a: [")
    with pytest.raises(ManifestsInvalidError, match="is not YAML"):
        load_manifests(root)
    with pytest.raises(ManifestsInvalidError, match=r"platform\.yaml: is missing"):
        load_manifests(tmp_path_factory.mktemp("empty"))


def test_an_older_major_of_what_is_published_may_be_consumed(root: Path, change: Change) -> None:
    change("talker", "publishes", ["collections.talker.thing-added.v10"])
    majors = [f"collections.talker.thing-added.v{major}" for major in (9, 10)]
    change("listener", "consumes", [{"event": event, "function": "events"} for event in majors])
    manifests = load_manifests(root)
    assert manifests.services["listener"].consumed_by("events") == tuple(majors)
    assert mermaid(manifests).count("thing-added") == 1
