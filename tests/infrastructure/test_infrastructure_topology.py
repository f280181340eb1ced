"""Terraform and the local provisioner create what the manifests declare: one topology, compared with the former and
applied by the latter."""

from collections import Counter
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
from manifests.topology import LambdaFunction, topology_of
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.topology import differences, topology_from_terraform
from workspace import REPOSITORY

# Lower bounds, so that a kind that is not read fails the test.
_AT_LEAST = {
    "LambdaFunction": 20, "Role": 20, "LogGroup": 20, "Queue": 15, "Rule": 15, "QueueMapping": 8, "ApiRoute": 20,
    "DynamoTable": 2, "EventBus": 1, "Archive": 1, "Bucket": 1, "HttpApi": 1, "UserPool": 1, "UserPoolClient": 1,
}  # fmt: skip
_NO_KEYS = dict.fromkeys(
    ("anthropic_api_key", "openai_api_key", "voyage_api_key", "tavily_api_key", "langsmith_api_key")
)


@pytest.mark.parametrize("environment", [pytest.param("dev", marks=pytest.mark.scheduled), "local", "prod"])
def test_terraform_creates_what_the_manifests_declare(
    planned: PlannedEnvironment, manifests: Manifests, environment: str
) -> None:
    deployment = Deployment(planned.names, planned.database, f"https://sqs.{planned.names.region}.amazonaws.com")
    if environment == "local":
        deployment = deployment_of(MeshSettings(_env_file=None, **_NO_KEYS), REPOSITORY)
    (api,) = planned.of_type("aws_apigatewayv2_api")
    wanted = topology_of(manifests, deployment, api["id"])
    counts = Counter(type(resource).__name__ for resource in wanted.resources)
    assert counts.keys() == _AT_LEAST.keys()
    assert {kind: number for kind, number in _AT_LEAST.items() if counts[kind] < number} == {}
    assert differences(wanted, topology_from_terraform(planned), "the manifests", "Terraform") == []
    (chat,) = [item for item in wanted.of(LambdaFunction) if item.name == f"collections-{environment}-chat-http"]
    signs_in = (chat.variables["DATABASE_AUTH"], chat.variables["DATABASE_SSLMODE"])
    assert signs_in == (("password", "disable") if environment == "local" else ("iam", "verify-full"))


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
def test_a_resource_missing_in_terraform_is_found(
    type_: str, planned: PlannedEnvironment, manifests: Manifests, environment: str
) -> None:
    """Removing one resource of any kind is a difference in both directions."""
    whole = topology_from_terraform(planned)
    of_functions = [resource for resource in planned.of_type(type_) if "packages" not in str(resource["bucket"])]
    # The first one of a function, not the access log of the API and the like.
    forgotten = next(item for item in of_functions if "module.service" in item.address or len(of_functions) < 3)
    rest = replace(planned, resources=tuple(item for item in planned.resources if item is not forgotten))
    assert differences(whole, topology_from_terraform(rest), "all", "the rest") != []
    assert differences(topology_from_terraform(rest), whole, "the rest", "all") != []


@dataclass
class Place:
    """A mesh provisioned on an emulator of its own."""

    settings: MeshSettings
    clients: Clients
    provisioned: Provisioned


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Fully provisioned, functions included."""
    state = tmp_path_factory.mktemp("mesh")
    with Emulator(state / "emulator") as emulator, Postgres(state / "postgres", fast=True) as postgres:
        settings = MeshSettings(
            _env_file=None,
            state_dir=state,
            emulator_port=emulator.options.port,
            postgres_port=postgres.port,
            **_NO_KEYS,
        )
        provisioned = provision(settings, lambda _: None)
        yield Place(settings, make_clients(settings.emulator_url, settings.region), provisioned)


def _delete_a_route(place: Place) -> None:
    api: Any = place.clients.apigateway
    routes = api.get_routes(ApiId=place.provisioned.api_id)["Items"]
    (route,) = [route for route in routes if route["RouteKey"] == "POST /chat"]
    api.delete_route(ApiId=place.provisioned.api_id, RouteId=route["RouteId"])


def _delete_a_queue(place: Place) -> None:
    place.clients.sqs.delete_queue(QueueUrl=str(place.provisioned.functions["chat.events"].queue_url))


def _delete_a_permission(place: Place) -> None:
    place.clients.iam.delete_role_policy(RoleName="collections-local-chat-events", PolicyName="declared")


def _delete_an_invoker(place: Place) -> None:
    place.clients.functions.remove_permission(FunctionName="collections-local-chat-relay", StatementId="schedule")


def _delete_a_rule(place: Place) -> None:
    bus, rule = place.provisioned.event_bus, "collections-local-chat-events"
    place.clients.events.remove_targets(Rule=rule, EventBusName=bus, Ids=["function"])
    place.clients.events.delete_rule(Name=rule, EventBusName=bus)


def _change_a_setting(place: Place) -> None:
    place.clients.functions.update_function_configuration(FunctionName="collections-local-chat-http", Timeout=3)


# Damage to the emulator, and the changes that the provisioner reports.
_DAMAGES: dict[Callable[[Place], None], set[str]] = {
    _delete_a_route: {"route POST /chat created"},
    _delete_a_queue: {"queue collections-local-chat-events created"},
    _delete_a_permission: {"policy collections-local-chat-events created"},
    _delete_an_invoker: {"permission collections-local-chat-relay/schedule created"},
    _delete_a_rule: {f"{kind} collections-local-chat-events created" for kind in ("rule", "target")},
    _change_a_setting: {"function collections-local-chat-http updated"},
}


@pytest.mark.integration
def test_damage_is_reported_and_repaired(place: Place) -> None:
    """The provisioner's own tests cover every kind of resource; this uses the manifests of the repository."""
    for damage in _DAMAGES:
        damage(place)
    changes = provision(place.settings, lambda _: None).changes
    assert set(changes) == {change for expected in _DAMAGES.values() for change in expected}
    assert provision(place.settings, lambda _: None).changes == ()
