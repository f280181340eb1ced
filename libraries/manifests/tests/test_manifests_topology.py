"""The topology derived from the manifests of a small workspace."""

import re
from pathlib import Path
from typing import Any

import pytest

from manifests import DatabaseAddress, Deployment, Names, load_manifests
from manifests.topology import (
    ApiRoute,
    Archive,
    Bucket,
    DynamoTable,
    EventBus,
    HttpApi,
    Invoker,
    LambdaFunction,
    LogGroup,
    Queue,
    QueueMapping,
    Role,
    Rule,
    Topology,
    UserPool,
    UserPoolClient,
    topology_of,
)

PLACE = "eu-west-1:123456789012"
REPOSITORY = Path(__file__).resolve().parents[3]


def deployment(environment: str = "test", auth: Any = "password") -> Deployment:
    names = Names(environment, "eu-west-1", "123456789012")
    return Deployment(names, DatabaseAddress("db.example", 5432, auth, "require", "db-A"), "https://sqs.example")


@pytest.fixture
def topology(root: Path) -> Topology:
    return topology_of(load_manifests(root), deployment(), "api0")


FACTS_OF_OPERATORS = ("requested", "paused", "resumed", "cancelled")


def test_each_function_has_what_its_trigger_needs(topology: Topology) -> None:
    names = {"collections-test-talker-http", "collections-test-talker-relay", "collections-test-listener-events"}
    assert {function.name for function in topology.of(LambdaFunction)} == names
    assert {role.name for role in topology.of(Role)} == names
    assert {group.name for group in topology.of(LogGroup)} == {f"/aws/lambda/{name}" for name in names}
    assert {route.name: route.authorizer for route in topology.of(ApiRoute)} == {
        "POST /things/{id}": "users",
        "GET /open": None,
        "HEAD /open": None,
    }
    assert {(mapping.name, mapping.queue_arn.rpartition(":")[2]) for mapping in topology.of(QueueMapping)} == {
        ("collections-test-listener-events", "collections-test-listener-events"),
        ("collections-test-listener-events", "collections-test-listener-events-replayed"),
    }
    assert {queue.name for queue in topology.of(Queue)} == {
        "collections-test-listener-events",
        "collections-test-listener-events-replayed",
        "collections-test-listener-events-dlq",
        "collections-test-schedules-dlq",
    }


def test_only_lambda_may_assume_roles(topology: Topology) -> None:
    for role in topology.of(Role):
        (statement,) = role.trust["Statement"]
        assert statement == {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
        assert (list(role.policies), role.attached) == (["declared"], ())


def test_rules_lead_to_queues_and_schedules_to_functions(topology: Topology) -> None:
    rules = {rule.key: rule for rule in topology.of(Rule)}
    name, relay = "collections-test-listener-events", "collections-test-talker-relay"
    assert rules.keys() == {
        f"collections-test/{name}",
        f"collections-test/{name}-replayed",
        f"default/{name}",
        f"default/{relay}",
    }
    (scheduled,), (consumed,) = rules[f"default/{relay}"].targets, rules[f"collections-test/{name}"].targets
    assert scheduled.arn == f"arn:aws:lambda:{PLACE}:function:{relay}"
    assert scheduled.dead_letter_arn == f"arn:aws:sqs:{PLACE}:collections-test-schedules-dlq"
    assert (consumed.arn, consumed.dead_letter_arn) == (
        f"arn:aws:sqs:{PLACE}:{name}",
        f"arn:aws:sqs:{PLACE}:{name}-dlq",
    )


def test_replayed_events_go_to_a_queue_of_their_own(topology: Topology) -> None:
    rules = {rule.key: rule for rule in topology.of(Rule)}
    name = "collections-test-listener-events"
    live, replayed = rules[f"collections-test/{name}"], rules[f"collections-test/{name}-replayed"]
    assert live.pattern is not None
    assert replayed.pattern is not None
    assert live.pattern["detail"] == {"replayfor": [{"exists": False}]}
    assert replayed.pattern["detail"] == {"replayfor": ["listener"]}
    (target,) = replayed.targets
    assert (target.arn, target.dead_letter_arn) == (
        f"arn:aws:sqs:{PLACE}:{name}-replayed",
        f"arn:aws:sqs:{PLACE}:{name}-dlq",
    )
    mapping = next(m for m in topology.of(QueueMapping) if m.queue_arn.endswith("-replayed"))
    assert (mapping.batch_size, mapping.max_concurrency) == (3, 2)


def test_only_the_rules_of_a_consumer_may_send_to_its_queues(topology: Topology) -> None:
    name = "collections-test-listener-events"
    rules = [f"arn:aws:events:{PLACE}:rule/collections-test/{name}", f"arn:aws:events:{PLACE}:rule/{name}"]
    replayed = [f"{rules[0]}-replayed"]
    queues = {queue.name: queue for queue in topology.of(Queue)}
    for queue, senders in ((name, rules), (f"{name}-replayed", replayed), (f"{name}-dlq", rules + replayed)):
        (statement,) = queues[queue].policy["Statement"]
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": senders}}
    assert queues[f"{name}-replayed"].redrive == queues[name].redrive
    redrive = queues[name].redrive
    assert redrive is not None
    assert (redrive.queue_arn, redrive.max_receives) == (f"arn:aws:sqs:{PLACE}:{name}-dlq", 4)
    assert queues[f"{name}-dlq"].redrive is None


def test_only_its_trigger_may_invoke_a_function(topology: Topology) -> None:
    invokers = {function.name.rpartition("test-")[2]: function.invokers for function in topology.of(LambdaFunction)}
    rule = f"arn:aws:events:{PLACE}:rule/collections-test-talker-relay"
    api = f"arn:aws:execute-api:{PLACE}:api0/*/*"
    assert invokers == {
        "talker-http": (Invoker(statement="api", principal="apigateway.amazonaws.com", source_arn=api),),
        "talker-relay": (Invoker(statement="schedule", principal="events.amazonaws.com", source_arn=rule),),
        "listener-events": (),
    }


def test_browsers_may_use_the_methods_that_routes_have(topology: Topology) -> None:
    cors = topology.only(HttpApi).cors
    assert cors.methods == ("GET", "HEAD", "OPTIONS", "POST")
    assert (cors.headers, cors.exposed) == (("authorization",), ("location",))


def test_what_is_shared_exists_once(topology: Topology) -> None:
    for kind in (EventBus, Archive, Bucket, HttpApi, UserPool, UserPoolClient):
        assert topology.only(kind).name.startswith("collections-test")
    table = topology.only(DynamoTable)
    assert (table.name, [index.name for index in table.indexes]) == ("collections-test-notes", ["by_time"])
    with pytest.raises(ValueError, match="unpack"):
        topology.only(Role)


def test_environments_differ_only_in_names(root: Path) -> None:
    manifests = load_manifests(root)

    def keys(environment: str) -> set[tuple[type, str]]:
        found = topology_of(manifests, deployment(environment), "api0").resources
        return {(type(resource), resource.key.replace(f"-{environment}", "-x")) for resource in found}

    assert keys("dev") == keys("prod")
    assert topology_of(manifests, deployment("dev"), "api0") == topology_of(manifests, deployment("dev"), "api0")


def test_operators_may_put_their_events_on_the_bus_and_nothing_else() -> None:
    manifests = load_manifests(REPOSITORY)
    (role,) = [
        role
        for role in topology_of(manifests, deployment(auth="iam"), "api0").of(Role)
        if role.name == "collections-test-operators"
    ]
    (trust,), (allowed,) = role.trust["Statement"], role.policies["declared"]["Statement"]
    assert trust["Principal"] == {"AWS": "arn:aws:iam::123456789012:root"}
    assert (allowed["Action"], allowed["Resource"]) == (
        ["events:PutEvents"],
        [f"arn:aws:events:{PLACE}:event-bus/collections-test"],
    )
    assert allowed["Condition"]["ForAllValues:StringEquals"] == {
        "events:source": "collections.operator",
        "events:detail-type": [
            *(f"collections.operator.replay-{fact}.v1" for fact in FACTS_OF_OPERATORS),
            "collections.operator.forget-requested.v1",
        ],
    }
    assert allowed["Condition"]["Null"] == {"events:source": "false", "events:detail-type": "false"}


def test_no_role_of_this_repository_reaches_resources_of_another_service() -> None:
    """Queues, logs and database users are a service's own; secrets, keys of objects and the bus may be shared."""
    manifests = load_manifests(REPOSITORY)
    others = {
        service: re.compile(
            rf"(collections-test-|dbuser:db-A/|database/)({'|'.join(set(manifests.services) - {service})})\b"
        )
        for service in manifests.services
    }
    for auth in ("iam", "password"):
        topology, reached = topology_of(manifests, deployment(auth=auth), "api0"), 0
        services = {function.name: function.service for function in topology.of(LambdaFunction)}
        for role in topology.of(Role):
            if role.name not in services:
                assert role.name == "collections-test-operators"
                continue
            for statement in role.policies["declared"]["Statement"]:
                if not statement["Action"][0].startswith("dynamodb:"):
                    reached += len(statement["Resource"])
                    assert [arn for arn in statement["Resource"] if others[services[role.name]].search(arn)] == []
        assert reached > 100
