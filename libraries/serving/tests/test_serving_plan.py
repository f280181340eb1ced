"""What a container runs follows from the manifests, as everything in AWS does."""

import json
import re

import pytest

from manifests import load_manifests
from manifests.topology import ApiRoute, LambdaFunction, Queue, QueueMapping, Rule, topology_of
from serving.__main__ import main
from serving.errors import PlanError
from serving.metrics import Metrics
from serving.plan import Role, make_plan
from serving.settings import Settings
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
VARIABLES = {
    "ENVIRONMENT": "dev",
    "AWS_REGION": "eu-west-1",
    "AWS_ACCOUNT_ID": "123456789012",
    "DATABASE_HOST": "db.example",
    "MANIFESTS_ROOT": str(REPOSITORY),
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in VARIABLES.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_containers_run_all_that_lambda_would(settings: Settings) -> None:
    deployment = settings.deployment()
    plan = make_plan(MANIFESTS, deployment, MANIFESTS.services, ())
    topology = topology_of(MANIFESTS, deployment, "any")
    functions = topology.of(LambdaFunction)
    assert {function.name: dict(function.variables) for function in plan.functions} == {
        function.name: dict(function.variables) for function in functions
    }
    assert {queue.arn for function in plan.functions for queue in function.queues} == {
        mapping.queue_arn for mapping in topology.of(QueueMapping)
    }
    receives = {queue.name: queue.redrive.max_receives for queue in topology.of(Queue) if queue.redrive}
    assert {queue.name: queue.max_receives for function in plan.functions for queue in function.queues} == receives
    assert {route.key for function in plan.functions for route in function.routes} == {
        route.name for route in topology.of(ApiRoute)
    }
    scheduled = [function for function in plan.functions if function.every_s]
    assert len(scheduled) == sum(rule.schedule is not None for rule in topology.of(Rule))
    assert all(function.schedule_event for function in scheduled)


def test_roles_and_concurrency_narrow_it(settings: Settings) -> None:
    plan = make_plan(MANIFESTS, settings.deployment(), ["search"], [Role.WORKER], concurrency=1)
    (function,) = plan.functions
    assert (function.key, {queue.concurrency for queue in function.queues}) == ("search.events", {1})
    with pytest.raises(PlanError, match="there is no service nope; there are: analysis, chat"):
        make_plan(MANIFESTS, settings.deployment(), ["nope"], ())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["worker", "nope"], "there is no service nope"),
        (["web", "search"], "JWT_ISSUER and JWT_AUDIENCE are needed"),
    ],
)
def test_what_cannot_run_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_settings_that_are_missing_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert main(["worker", "search"]) == 2
    assert "ENVIRONMENT: Field required" in capsys.readouterr().err


def test_a_dry_run_says_what_would_run(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["worker,schedule", "search", "--dry-run", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["functions"]
    assert {row["function"]: row["role"] for row in rows} == {
        "search.events": "worker",
        "search.maintenance": "schedule",
    }
    assert rows[1]["every_s"] == 3600


def test_the_readme_lists_every_setting_and_metric() -> None:
    text = (REPOSITORY / "libraries/serving/README.md").read_text(encoding="utf-8")
    settings_table = text.partition("## Settings")[2].partition("## Metrics")[0]
    listed = re.findall(
        r"`([A-Z][A-Z0-9_]+)`", "".join(line.split("|")[1] for line in settings_table.splitlines() if "|" in line)
    )
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)
    metrics = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name for metric in Metrics().registry.collect()
    }
    assert set(re.findall(r"`(serving_\w+)`", text)) == metrics
