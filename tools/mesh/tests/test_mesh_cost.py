"""`mesh cost`: COST.md is up to date, every environment is affordable, and every resource has a price."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from manifests import load_manifests
from mesh.cost.commands import cost
from mesh.cost.data import load_prices, load_usage
from mesh.cost.errors import PlanUnreadableError, UnpricedResourceError, UsageUnknownError
from mesh.cost.estimating import Estimate, estimate
from mesh.cost.inventory import DETAILED, Inventory, inventory_of_plan, load_inventories
from mesh.cost.inventory import load_inventories as load_from
from mesh.cost.metering import meter
from mesh.cost.report import document, markdown
from workspace import REPOSITORY

Json = dict[str, Any]
ENVIRONMENTS = sorted(load_inventories())


@pytest.fixture
def inventory() -> Inventory:
    return load_inventories()[DETAILED]


@pytest.fixture
def bill(inventory: Inventory) -> Estimate:
    return estimate(inventory, load_prices(), load_usage())


def run(*arguments: str) -> Result:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(cost)
    return CliRunner().invoke(app, list(arguments))


def test_the_committed_document_is_up_to_date() -> None:
    prices, usage = load_prices(), load_usage()
    estimates = {name: estimate(each, prices, usage) for name, each in load_inventories().items()}
    committed = (REPOSITORY / "terraform/COST.md").read_text(encoding="utf-8")
    assert committed == markdown(estimates, DETAILED), "make it again: mesh cost --write"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_small_team_can_afford_every_environment(environment: str) -> None:
    usage = load_usage()
    lowest, highest = usage.range_usd
    assert (lowest, highest) == (29, 52)
    bill = estimate(load_inventories()[environment], load_prices(), usage)
    assert lowest <= bill.small_usd <= highest, [(row.charge.what, round(row.small_usd, 2)) for row in bill.rows]
    assert bill.large_usd > bill.small_usd


def test_the_environments_are_those_in_aws() -> None:
    folders = {path.name for path in (REPOSITORY / "terraform/environments").iterdir() if path.is_dir()}
    assert set(ENVIRONMENTS) == folders - {"local"}


def test_the_usage_profiles_are_the_agreed_ones() -> None:
    small, large = load_usage().profiles["small"], load_usage().profiles["large"]
    assert (small.uploads, small.messages) == (1000, 1000)
    assert (large.uploads, large.messages) == (100 * small.uploads, 100 * small.messages)


def test_a_resource_without_a_price_is_an_error(inventory: Inventory) -> None:
    dearer = inventory.model_copy(update={"resources": inventory.resources | {"aws_nat_gateway": 1}})
    with pytest.raises(UnpricedResourceError, match="aws_nat_gateway"):
        estimate(dearer, load_prices(), load_usage())
    no_longer_free = inventory.model_copy(update={"free_of_charge": (*inventory.free_of_charge, "aws_eip")})
    with pytest.raises(UnpricedResourceError, match="aws_eip"):
        estimate(no_longer_free, load_prices(), load_usage())


def test_a_metered_quantity_without_a_price_is_an_error(inventory: Inventory) -> None:
    assert inventory.database is not None
    larger = inventory.database.model_copy(update={"instance_class": "db.r8g.16xlarge"})
    with pytest.raises(UnpricedResourceError, match=r"database_hours_db\.r8g\.16xlarge"):
        estimate(inventory.model_copy(update={"database": larger}), load_prices(), load_usage())


def test_a_function_without_an_assumption_is_an_error_and_so_is_one_without_a_function(inventory: Inventory) -> None:
    usage = load_usage()
    more = inventory.model_copy(update={"functions": inventory.functions | {"chat.dreams": 512}})
    with pytest.raises(UsageUnknownError, match=r"chat\.dreams"):
        meter(more, usage, usage.profiles["small"])
    fewer = inventory.model_copy(update={"functions": {"chat.http": 1769}})
    with pytest.raises(UsageUnknownError, match=r"imaging\.events"):
        meter(fewer, usage, usage.profiles["small"])
    unscheduled = inventory.model_copy(update={"schedules": {}})
    with pytest.raises(UsageUnknownError, match=r"a schedule for .*ingest\.relay"):
        meter(unscheduled, usage, usage.profiles["small"])


def test_every_price_has_a_date_a_source_and_something_that_is_counted(inventory: Inventory) -> None:
    prices, usage = load_prices(), load_usage()
    assert prices.date == prices.models.date == "2026-11"
    assert not prices.resources.keys() & prices.free_of_charge.keys()
    assert all(reason for reason in prices.free_of_charge.values())
    charges = [charge for resource in prices.resources.values() for charge in resource.charges]
    assert all(charge.source.startswith("https://") for charge in charges)
    counted = meter(inventory, usage, usage.profiles["small"]).keys() | meter(inventory, usage, usage.profiles["large"])
    # Another size of the database, and another tier of the user pool, are a variable away.
    others = {"database_hours_db.t4g.small", "users_essentials"}
    assert {charge.meter for charge in charges} - counted == others


def test_the_assumptions_know_the_functions_as_the_manifests_do(inventory: Inventory) -> None:
    usage = load_usage()
    declared = {f"{ref.service.service}.{ref.name}": ref.function for ref in load_manifests(REPOSITORY).functions}
    assert {name: use.trigger for name, use in usage.functions.items()} == {
        name: function.trigger.value for name, function in declared.items()
    }
    assert inventory.functions == {name: function.memory_mb for name, function in declared.items()}
    schedules = {name: function.schedule for name, function in declared.items() if function.schedule}
    assert inventory.schedules == schedules
    for name, use in usage.functions.items():
        assert use.ms <= 1000 * declared[name].timeout_s


def test_the_models_are_those_that_run_at_the_prices_that_analysis_knows() -> None:
    known = json.loads((REPOSITORY / "services/analysis/src/analysis/models.json").read_text())["models"]
    configured = (
        " ".join(value for ref in load_manifests(REPOSITORY).functions for value in ref.function.configuration.values())
        + (REPOSITORY / "services/search/src/search/settings.py").read_text()
    )
    for model, price in load_prices().models.prices.items():
        assert model in configured
        if price.provider == "Anthropic":
            family = max((name for name in known if model.startswith(name)), key=len)
            assert (price.input, price.output) == (known[family]["input"], known[family]["output"]), model
    assert {use.model for use in load_usage().models} == load_prices().models.prices.keys()


def test_the_free_tier_is_deducted() -> None:
    [runs] = [c for c in load_prices().resources["aws_lambda_function"].charges if c.meter == "function_runs"]
    assert runs.usd(1_000_000) == 0
    assert runs.usd(3_000_000) == pytest.approx(0.40)


def test_quantities_can_be_followed(inventory: Inventory) -> None:
    usage = load_usage()
    small = meter(inventory, usage, usage.profiles["small"])
    large = meter(inventory, usage, usage.profiles["large"])
    # Six relays a minute, four jobs an hour, and what uploads and messages cause.
    by_upload = sum(use.upload for use in usage.functions.values())
    by_message = sum(use.message for use in usage.functions.values())
    assert small["function_runs"] == pytest.approx(6 * 60 * 730 + 4 * 730 + 1000 * (by_upload + by_message))
    # Fifteen queues, and seven for replayed events; five polls of 20 s each; three requests a message.
    queues = [use for use in usage.functions.values() if use.trigger == "queue"]
    messages = 1000 * sum(use.upload + use.message for use in queues)
    assert small["queue_requests"] == pytest.approx(22 * 5 * 730 * 180 + 3 * messages)
    assert small["database_storage"] == 20
    assert large["database_storage"] > 20
    assert large["object_storage"] == pytest.approx(1 + 100_000 * 12 * 0.0034)


def test_the_largest_growth_comes_first(bill: Estimate) -> None:
    growth = [each.usd for each in bill.growth()]
    assert growth == sorted(growth, reverse=True)
    assert sum(growth) == pytest.approx(bill.large_usd - bill.small_usd)
    text = markdown({DETAILED: bill}, DETAILED)
    first = bill.growth()[0]
    assert f"| {first.service} | {first.what} | +{first.usd:,.2f} |" in text


def resource(kind: str, label: str, /, **after: object) -> Json:
    return {
        "address": f"{kind}.{label}",
        "type": kind,
        "mode": "managed",
        "change": {"actions": ["create"], "after": after, "after_unknown": {"arn": True}},
    }


BUS = resource("aws_cloudwatch_event_bus", "main", name="collections-dev")


def test_a_plan_becomes_an_inventory() -> None:
    query = [{"expression": "a / b"}, {"metric": [{"metric_name": "a"}]}, {"metric": [{"metric_name": "b"}]}]
    plan = {
        "resource_changes": [
            resource("aws_cloudwatch_event_bus", "this", name="collections-test-two"),
            resource("aws_lambda_function", "a", function_name="collections-test-two-chat-http", memory_size=1769),
            resource("aws_lambda_function", "b", function_name="collections-test-two-chat-long-name", memory_size=128),
            resource(
                "aws_cloudwatch_event_rule",
                "b",
                name="collections-test-two-chat-long-name",
                schedule_expression="rate(1 hour)",
            ),
            resource("aws_cloudwatch_event_rule", "a", name="collections-test-two-x", schedule_expression=None),
            resource("aws_cloudwatch_metric_alarm", "plain", metric_name="Errors", metric_query=[]),
            resource("aws_cloudwatch_metric_alarm", "share", metric_query=query),
            resource("aws_cognito_user_pool", "this", user_pool_tier="LITE"),
            resource(
                "aws_db_instance",
                "this",
                instance_class="db.t4g.micro",
                allocated_storage=20,
                publicly_accessible=True,
                manage_master_user_password=True,
                multi_az=None,
            ),
            {**resource("aws_caller_identity", "current"), "mode": "data"},
        ]
    }
    found = inventory_of_plan(plan)
    assert found.environment == "test-two"
    assert found.functions == {"chat.http": 1769, "chat.long-name": 128}
    assert found.schedules == {"chat.long-name": "rate(1 hour)"}
    assert found.alarm_metrics == 3
    assert found.resources["aws_cloudwatch_metric_alarm"] == 2
    assert "aws_caller_identity" not in found.resources
    # However many there are: a route or a rule more changes no inventory.
    assert found.free_of_charge == ("aws_cloudwatch_event_rule",)
    assert "aws_cloudwatch_event_rule" not in found.resources
    assert found.database is not None
    assert (found.database.instance_class, found.database.managed_secret) == ("db.t4g.micro", True)


@pytest.mark.parametrize(
    "plan",
    [
        {},
        {"resource_changes": None},
        {"resource_changes": []},
        {"resource_changes": [{"address": "x"}]},
        {"resource_changes": [BUS, resource("aws_lambda_function", "nameless", memory_size=128)]},
        {"resource_changes": [BUS, resource("aws_lambda_function", "f", function_name="f", memory_size="much")]},
        {"resource_changes": [BUS, resource("aws_db_instance", "main", instance_class=1, allocated_storage=20)]},
        {"resource_changes": [BUS, resource("aws_cloudwatch_metric_alarm", "a", metric_query="x")]},
    ],
)
def test_a_document_that_is_not_an_environments_plan_is_refused(plan: Json) -> None:
    with pytest.raises(PlanUnreadableError):
        inventory_of_plan(plan)


def test_the_command_prints_totals_and_growth(bill: Estimate) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert f"{bill.small_usd:.2f}" in result.output
    assert "grows first: S3" in result.output
    assert json.loads(run("--json").output) == document(bill)


def test_the_command_refuses_what_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "plan.json"
    file.write_text("no JSON")
    assert run("--plan", str(file)).exit_code == 1
    assert run("--plan", str(file), "--env", "dev").exit_code == 2
    assert "terraform/environments/ does not exist" in run("--env", "").stderr
    with pytest.raises(PlanUnreadableError, match="does not hold inventories"):
        load_from(file)
