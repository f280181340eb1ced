"""Both back ends, each without the mesh on it, and the table that is printed at the end.

A case says what AWS does. Where a back end is known to differ, the case has `@pytest.mark.differs(<backend>="how")`: it
then has to fail there (a back end that has learnt it is noticed), and localstack/README.md lists it.
"""

from __future__ import annotations

import io
import json
import secrets
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from localstack_client.session import Session

from localmesh import hostmode
from localmesh.config import Backend, MeshSettings
from localmesh.emulator import Emulator
from localmesh.errors import PreflightError
from localmesh.lifecycle import make_state
from localmesh.members import members_of
from localmesh.processes import free_port
from localmesh.supervisor import Supervisor
from testkit import eventually

ROLE = "arn:aws:iam::000000000000:role/conformance"
BACKENDS = [
    pytest.param("ministack"),
    # It takes half a minute to start.
    pytest.param("localstack", marks=pytest.mark.scheduled),
]
_outcomes: dict[str, dict[str, str]] = {}


@dataclass(frozen=True)
class Aws:
    """One back end, and short ways to what most cases need."""

    backend: str
    url: str

    def client(self, service: str, credentials: dict[str, str] | None = None) -> Any:
        """A client that does not retry: what is refused is what the case sees."""
        config = Config(
            retries={"total_max_attempts": 1}, signature_version="s3v4" if service == "s3" else None,
            s3={"addressing_style": "path"}, proxies={},
        )  # fmt: skip
        given = credentials or {"AccessKeyId": "test", "SecretAccessKey": "test"}
        session = Session(
            given["AccessKeyId"], given["SecretAccessKey"], region_name="us-east-1",
            localstack_host=self.url.removeprefix("http://"),
        )  # fmt: skip
        return session.client(service, config=config)

    def queue(self, **attributes: str) -> tuple[str, str]:
        """URL and ARN of a new queue."""
        sqs = self.client("sqs")
        url = sqs.create_queue(QueueName=name("queue"), Attributes=attributes)["QueueUrl"]
        return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def received(self, url: str, count: int, *, timeout_s: float = 15) -> list[Any]:
        """The first so many messages of a queue, as JSON."""
        found: list[Any] = []

        def enough() -> bool:
            got = self.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            found.extend(json.loads(message["Body"]) for message in got.get("Messages", []))
            return len(found) >= count

        eventually(enough, timeout_s=timeout_s)
        return found

    def function(self, code: str, *, timeout_s: int = 20, variables: dict[str, str] | None = None) -> str:
        """The name of a new function with this module."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("case.py", code)
        lambdas, function = self.client("lambda"), name("function")
        lambdas.create_function(
            FunctionName=function, Role=ROLE, Runtime="python3.13", Handler="case.handler", Timeout=timeout_s,
            Code={"ZipFile": package.getvalue()}, Environment={"Variables": variables or {}},
        )  # fmt: skip
        lambdas.get_waiter("function_active_v2").wait(FunctionName=function, WaiterConfig={"Delay": 1})
        return function

    def bus_to_queue(self, pattern: dict[str, Any]) -> tuple[str, str, str]:
        """A bus, the ARN of a rule on it, and the URL of the queue that gets what matches."""
        events, bus = self.client("events"), name("bus")
        events.create_event_bus(Name=bus)
        url, arn = self.queue()
        rule = events.put_rule(Name=name("rule"), EventBusName=bus, EventPattern=json.dumps(pattern))["RuleArn"]
        events.put_targets(Rule=rule.split("/")[-1], EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn}])
        return bus, rule, url

    def put(self, bus: str, **fields: Any) -> dict[str, Any]:
        """The result of one entry."""
        entry = {"EventBusName": bus, "Source": "case", "DetailType": "thing", "Detail": "{}", **fields}
        result: dict[str, Any] = self.client("events").put_events(Entries=[entry])["Entries"][0]
        return result


def name(kind: str) -> str:
    """One that no other case has."""
    return f"{kind}-{secrets.token_hex(4)}"


@pytest.fixture(scope="session")
def _localstack() -> Iterator[str]:
    try:
        hostmode.install(lambda line: None)
    except PreflightError as error:
        pytest.fail(f"the cases on LocalStack cannot run: {error}")
    with tempfile.TemporaryDirectory(prefix="collections-conformance-") as folder:
        settings = MeshSettings(
            _env_file=None, backend=Backend.LOCALSTACK, state_dir=Path(folder), emulator_port=free_port(),
            companion_port=free_port(), postgres_port=free_port(), providers_port=free_port(),
        )  # fmt: skip
        supervisor = Supervisor(make_state(settings), lambda line: None)
        members = [member for member in members_of(settings) if member.name in {"emulator", "companion"}]
        try:
            supervisor.start(members)
            yield settings.emulator_url
        finally:
            supervisor.stop(members)


@pytest.fixture(params=BACKENDS)
def aws(request: pytest.FixtureRequest) -> Aws:
    """A back end; every case runs on each."""
    if request.param == "localstack":
        return Aws("localstack", request.getfixturevalue("_localstack"))
    emulator: Emulator = request.getfixturevalue("emulator")
    return Aws("ministack", emulator.url)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A known difference has to show."""
    for item in items:
        backend = getattr(item, "callspec", None) and item.callspec.params.get("aws")  # type: ignore[attr-defined]
        for marker in item.iter_markers("differs"):
            if backend in marker.kwargs:
                item.add_marker(pytest.mark.xfail(strict=True, reason=marker.kwargs[backend]))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note how each case ended on each back end."""
    case, _, backend = report.nodeid.rpartition("::")[2].partition("[")
    if "/conformance/" not in report.nodeid or not backend or (report.when != "call" and not report.failed):
        return
    outcome = "as AWS" if report.passed else "FAILED"
    if getattr(report, "wasxfail", None):
        outcome = "differs"
    elif report.skipped:
        outcome = "skipped"
    _outcomes.setdefault(case, {})[backend.removesuffix("]")] = outcome


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table: a line for each case, a column for each back end."""
    if not _outcomes:
        return
    terminalreporter.section("conformance with AWS")
    terminalreporter.write_line(f"{'case':<72}{'ministack':<12}localstack")
    for case, found in sorted(_outcomes.items()):
        said = case.removeprefix("test_").replace("_", " ")
        terminalreporter.write_line(f"{said:<72}{found.get('ministack', '-'):<12}{found.get('localstack', '-')}")
