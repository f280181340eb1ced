"""Terraform, the local provisioner and the manifests agree about what there is: each two of them, both ways."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from localmesh.config import MeshSettings
from localmesh.emulator import Emulator
from localmesh.postgres import Postgres
from localmesh.provision import Provisioned, provision
from localmesh.provision.clients import Clients, make_clients
from localmesh.provision.place import deployment_of
from manifests import Deployment, Manifests
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.topology import (
    Topology,
    differences,
    topology_from_aws,
    topology_from_manifests,
    topology_from_terraform,
)
from policy_checks.topology.forms import Key
from workspace import REPOSITORY

# More of everything than would be left if a reader overlooked a kind.
_AT_LEAST = {
    "function": 20, "role": 20, "log group": 20, "queue": 15, "rule": 15, "mapping": 8, "invokers": 12, "route": 20,
    "table": 2, "bus": 1, "archive": 1, "bucket": 1, "api": 1, "user pool": 1, "client": 1,
}  # fmt: skip


@dataclass
class Place:
    """A mesh that the local provisioner made on an emulator of its own."""

    settings: MeshSettings
    clients: Clients
    provisioned: Provisioned

    @property
    def topology(self) -> Topology:
        return topology_from_aws(self.clients, self.provisioned)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Provisioned with everything, functions and all."""
    state = tmp_path_factory.mktemp("mesh")
    with Emulator(state / "emulator") as emulator, Postgres(state / "postgres", fast=True) as postgres:
        settings = MeshSettings(
            _env_file=None,
            state_dir=state,
            emulator_port=emulator.options.port,
            postgres_port=postgres.port,
            anthropic_api_key=None,
            openai_api_key=None,
            voyage_api_key=None,
            tavily_api_key=None,
            langsmith_api_key=None,
        )
        provisioned = provision(settings, lambda _: None)
        yield Place(settings, make_clients(settings.emulator_url, settings.region), provisioned)


@pytest.fixture
def local(place: Place, manifests: Manifests) -> Topology:
    """What the manifests want of a local mesh."""
    return topology_from_manifests(manifests, deployment_of(place.settings, REPOSITORY))


@pytest.mark.integration
def test_the_local_provisioner_makes_what_the_manifests_want(place: Place, local: Topology) -> None:
    counts: dict[str, int] = {}
    for key in local:
        counts[key.kind] = counts.get(key.kind, 0) + 1
    assert counts.keys() == _AT_LEAST.keys()
    assert {kind: number for kind, number in _AT_LEAST.items() if counts[kind] < number} == {}
    assert differences(local, place.topology, "the manifests", "the emulator") == []


@pytest.mark.parametrize("environment", ["local"])
def test_terraform_makes_for_an_emulator_what_the_manifests_want(
    planned: PlannedEnvironment, local: Topology, environment: str
) -> None:
    assert differences(local, topology_from_terraform(planned), "the manifests", "Terraform") == []


@pytest.mark.integration
@pytest.mark.parametrize("environment", ["local"])
def test_terraform_and_the_local_provisioner_make_the_same(
    planned: PlannedEnvironment, place: Place, environment: str
) -> None:
    assert differences(topology_from_terraform(planned), place.topology, "Terraform", "the emulator") == []


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_terraform_makes_in_aws_what_the_manifests_want(
    planned: PlannedEnvironment, manifests: Manifests, environment: str
) -> None:
    deployment = Deployment(
        planned.names,
        planned.database,
        f"https://sqs.{planned.names.region}.amazonaws.com",
    )
    wanted = topology_from_manifests(manifests, deployment)
    assert differences(wanted, topology_from_terraform(planned), "the manifests", "Terraform") == []
    signs_in = wanted[Key("function", f"collections-{environment}-chat-http")]["variables"]
    assert (signs_in["DATABASE_AUTH"], signs_in["DATABASE_SSLMODE"]) == ("iam", "verify-full")


@pytest.mark.parametrize("environment", ["local"])
@pytest.mark.parametrize(
    "type_",
    [
        "aws_apigatewayv2_authorizer",
        "aws_apigatewayv2_integration",
        "aws_apigatewayv2_route",
        "aws_apigatewayv2_stage",
        "aws_cloudwatch_event_archive",
        "aws_cloudwatch_event_bus",
        "aws_cloudwatch_event_rule",
        "aws_cloudwatch_event_target",
        "aws_cloudwatch_log_group",
        "aws_cognito_user_pool",
        "aws_cognito_user_pool_client",
        "aws_dynamodb_table",
        "aws_iam_role",
        "aws_iam_role_policy",
        "aws_lambda_event_source_mapping",
        "aws_lambda_function",
        "aws_lambda_permission",
        "aws_s3_bucket",
        "aws_s3_bucket_cors_configuration",
        "aws_s3_bucket_lifecycle_configuration",
        "aws_s3_bucket_notification",
        "aws_s3_bucket_public_access_block",
        "aws_s3_bucket_versioning",
        "aws_sqs_queue",
        "aws_sqs_queue_policy",
    ],
)
def test_what_terraform_forgets_is_noticed(
    type_: str, planned: PlannedEnvironment, manifests: Manifests, environment: str
) -> None:
    """One resource of each kind taken away, and the comparison of before and after says so in both directions."""
    whole = topology_from_terraform(planned)
    of_functions = [resource for resource in planned.of_type(type_) if "packages" not in str(resource["bucket"])]
    # The first that belongs to a function, not the log of the API and the like.
    forgotten = next(item for item in of_functions if "module.service" in item.address or len(of_functions) < 3)
    rest = replace(planned, resources=tuple(item for item in planned.resources if item is not forgotten))
    assert differences(whole, topology_from_terraform(rest), "all", "the rest") != []
    assert differences(topology_from_terraform(rest), whole, "the rest", "all") != []


Deed = Callable[[Place], Any]


def _forget_a_route(place: Place) -> None:
    api: Any = place.clients.apigateway
    routes = api.get_routes(ApiId=place.provisioned.api_id)["Items"]
    (route,) = [route for route in routes if route["RouteKey"] == "POST /chat"]
    api.delete_route(ApiId=place.provisioned.api_id, RouteId=route["RouteId"])


def _forget_a_queue(place: Place) -> None:
    place.clients.sqs.delete_queue(QueueUrl=str(place.provisioned.functions["chat.events"].queue_url))


def _forget_a_permission(place: Place) -> None:
    place.clients.iam.delete_role_policy(RoleName="collections-local-chat-events", PolicyName="declared")


def _forget_an_invoker(place: Place) -> None:
    place.clients.functions.remove_permission(FunctionName="collections-local-chat-relay", StatementId="schedule")


def _forget_a_rule(place: Place) -> None:
    bus, rule = place.provisioned.event_bus, "collections-local-chat-events"
    place.clients.events.remove_targets(Rule=rule, EventBusName=bus, Ids=["function"])
    place.clients.events.delete_rule(Name=rule, EventBusName=bus)


def _change_a_setting(place: Place) -> None:
    place.clients.functions.update_function_configuration(FunctionName="collections-local-chat-http", Timeout=3)


# What is done to the emulator, and how the comparison tells of it.
_DEEDS: dict[Deed, str] = {
    _forget_a_route: "route POST /chat: only in the manifests",
    _forget_a_queue: "queue collections-local-chat-events: only in the manifests",
    _forget_a_permission: "role collections-local-chat-events: policies.declared:",
    _forget_an_invoker: "invokers collections-local-chat-relay: only in the manifests",
    _forget_a_rule: "rule collections-local/collections-local-chat-events: only in the manifests",
    _change_a_setting: "function collections-local-chat-http: timeout_s: 29 in the manifests, 3 in the emulator",
}


@pytest.mark.integration
def test_what_the_emulator_lost_is_noticed_and_mended(place: Place, local: Topology) -> None:
    for deed in _DEEDS:
        deed(place)
    found = differences(local, place.topology, "the manifests", "the emulator")
    assert [told for told in _DEEDS.values() if not any(line.startswith(told) for line in found)] == []
    assert len(found) == len(_DEEDS), found
    provision(place.settings, lambda _: None)
    assert differences(local, place.topology, "the manifests", "the emulator") == []
