"""A service's settings, dependencies and entry points, without servers."""

import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError

from chassis.aws import Aws
from chassis.bus import Bus
from chassis.entry_points import EntryPoints
from chassis.observability import MetricUnit, metrics
from chassis.projections import Projections
from chassis.schedule import relay, scheduled
from chassis.service import Service
from chassis.settings import Settings
from contracts import BrokenRegistryError, Registry
from contracts.ingest import ItemUploaded
from testkit.faults import AwsCalls, accepts_events, answers
from testkit.invoking import CONTEXT

LogLines = Callable[[], list[dict[str, Any]]]
Measured = Callable[[], dict[str, tuple[str, list[float]]]]


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {
        "service": "imaging",
        "function": "worker",
        "environment": "dev",
        "event_bus": "bus",
        "images_bucket": "images",
        "parameter_prefix": "/collections/dev",
        "database_host": "db",
        "database_port": 5433,
        "database_name": "other",
        "database_role": "role",
        "database_schema": "schema",
        "database_auth": "iam",
        "database_sslmode": "verify-full",
        "database_sslrootcert": "/ca.pem",
        "queue_url": "queue",
        "dead_letter_queue_url": "dead-letters",
        "max_receives": 3,
        "dead_letter_wait_s": 2,
        "backlog_queue_url": "backlog",
        "replay_budget_s": 20,
        "secrets_max_age_s": 1,
        "git_sha": "abc",
        "git_tag": "v1",
        "git_branch": "main",
        "build_timestamp": "now",
    }
    for name, value in given.items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.setenv("SOMETHING_ELSE", "is ignored")
    assert Settings().model_dump() == given


def test_a_service_does_not_start_on_a_broken_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chassis.service.REGISTRY", Registry([ItemUploaded, ItemUploaded]))
    with pytest.raises(BrokenRegistryError, match="declared twice"):
        Service(Settings(service="imaging"))


def test_what_is_not_set_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    settings = Settings(service="imaging")
    assert (settings.function, settings.environment) == ("local", "local")
    assert (settings.database_host, settings.database_port) == ("127.0.0.1", 5432)
    assert (settings.database_name, settings.database_auth) == ("collections", "password")
    assert (settings.database_sslmode, settings.database_sslrootcert) == ("prefer", None)
    assert (settings.max_receives, settings.replay_budget_s, settings.secrets_max_age_s) == (8, 15, 300)
    assert settings.dead_letter_wait_s == 1
    with pytest.raises(ValidationError, match="service"):
        Settings()


def test_settings_do_not_change(offline_aws: Aws) -> None:
    settings = Settings(service="imaging", unknown="is ignored")
    with pytest.raises(ValidationError, match="frozen"):
        setattr(settings, "service", "other")  # noqa: B010  # the type checker refuses it too
    with pytest.raises(ValidationError, match="database_auth"):
        Settings(service="imaging", database_auth="none")


def test_dependencies_are_those_of_the_settings_and_created_once(offline_aws: Aws) -> None:
    settings = Settings(service="imaging", event_bus="the-bus", images_bucket="the-bucket", parameter_prefix="/prefix")
    service = Service(settings, offline_aws)
    assert service.projections == Projections()
    assert service.bus is service.bus
    assert service.work.bus is service.bus
    assert service.work.database is service.database
    event = {"source": "s", "type": "t"}
    with AwsCalls(offline_aws.events, PutEvents=accepts_events()) as bus:
        list(service.bus.put([event]))
    assert bus.of("PutEvents")[0]["Entries"][0]["EventBusName"] == "the-bus"
    with AwsCalls(offline_aws.s3, HeadObject=answers(ContentLength=1)) as bucket:
        service.images.size("k")
    assert bucket.made == [("HeadObject", {"Bucket": "the-bucket", "Key": "k"})]
    assert isinstance(service.bus, Bus)


def test_a_password_is_the_services_secret(offline_aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords: list[Callable[[], str]] = []
    monkeypatch.setattr("chassis.service.Database", lambda settings, password: passwords.append(password))
    service = Service(Settings(service="imaging", parameter_prefix="/prefix"), offline_aws)
    assert service.database is None
    with AwsCalls(offline_aws.ssm, GetParameter=answers(Parameter={"Value": "the password"})) as calls:
        assert passwords[0]() == "the password"
    assert calls.made == [("GetParameter", {"Name": "/prefix/database/imaging", "WithDecryption": True})]


def test_with_iam_a_password_is_a_token_that_is_made_anew(offline_aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords: list[Callable[[], str]] = []
    monkeypatch.setattr("chassis.service.Database", lambda settings, password: passwords.append(password))
    settings = Settings(
        service="imaging", database_auth="iam", database_host="db", database_port=5433, database_role="role"
    )
    assert Service(settings, offline_aws).database is None
    token = passwords[0]()
    assert token.startswith("db:5433/?")
    assert "DBUser=role" in token


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A module of a service with a bootstrap and two builders; `built` says what was built on what."""
    built: list[tuple[str, object]] = []
    services = iter(range(10))

    def builder(name: str) -> Callable[[object], object]:
        def build(service: object) -> object:
            built.append((name, service))
            return object()

        return build

    created = SimpleNamespace(
        bootstrap=lambda: f"service {next(services)}", http=builder("http"), relay=builder("relay"), built=built
    )
    monkeypatch.setitem(sys.modules, "entry_points_of_a_test", created)
    return created


@pytest.fixture
def entry_points(module: SimpleNamespace) -> EntryPoints:
    name = "entry_points_of_a_test"
    return EntryPoints(bootstrap=f"{name}:bootstrap", http=f"{name}:http", relay=f"{name}:relay")


def test_entry_points_are_built_when_asked_for_on_one_service(
    entry_points: EntryPoints, module: SimpleNamespace
) -> None:
    assert entry_points.names == {"http", "relay"}
    assert entry_points.module_of_bootstrap == "entry_points_of_a_test"
    assert module.built == []
    http = entry_points("http")
    assert entry_points("http") is http
    entry_points("relay")
    assert module.built == [("http", "service 0"), ("relay", "service 0")]


def test_an_entry_point_that_nobody_named_is_a_missing_attribute(entry_points: EntryPoints) -> None:
    with pytest.raises(AttributeError, match=r"^on_events$"):
        entry_points("on_events")


def test_tests_build_entry_points_on_a_service_of_their_own(entry_points: EntryPoints, module: SimpleNamespace) -> None:
    mine: Any = "my service"
    assert entry_points.build("http", mine) is not entry_points.build("http", mine)
    assert module.built == [("http", mine)] * 2
    assert entry_points.bootstrap() != entry_points.bootstrap()


def test_a_scheduled_job_is_logged_and_counted(log_lines: LogLines, measured: Measured) -> None:
    assert scheduled("sweep", lambda: {"swept": 3})({}, CONTEXT) == {"swept": 3}
    (line,) = log_lines()
    assert (line["level"], line["message"], line["swept"]) == ("INFO", "sweep", 3)
    assert measured() == {"ScheduledRuns": ("Count", [1])}


def test_a_scheduled_job_that_fails_is_the_functions_error(log_lines: LogLines, measured: Measured) -> None:
    def fail() -> dict[str, Any]:
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        scheduled("sweep", fail)({}, CONTEXT)
    assert log_lines() == []


def test_what_a_failing_job_measured_is_emitted(measured: Measured) -> None:
    """The relay raises where the bus refused something, and an alarm waits for what it measured before."""

    def fail() -> dict[str, Any]:
        metrics.add_metric("OutboxParked", MetricUnit.Count, 2)
        raise RuntimeError("on purpose")

    with pytest.raises(RuntimeError, match="on purpose"):
        scheduled("relay", fail)({}, CONTEXT)
    assert measured() == {"ScheduledRuns": ("Count", [1]), "OutboxParked": ("Count", [2])}


def test_the_relay_says_how_many_it_published(log_lines: LogLines, monkeypatch: pytest.MonkeyPatch) -> None:
    service: Any = SimpleNamespace(relay=lambda: 7)
    cleared: list[Any] = []
    monkeypatch.setattr("chassis.schedule.clear_up", cleared.append)
    assert relay(service)({}, CONTEXT) == {"published": 7}
    assert cleared == [service]
    (line,) = log_lines()
    assert (line["message"], line["published"]) == ("relay", 7)
