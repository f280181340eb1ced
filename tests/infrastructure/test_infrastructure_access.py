"""Functions may do what their manifests declare, and nothing that is another's.

Decided by a small IAM from all policies of an environment, as it would be applied; what is tried is derived from the
manifests.
"""

from itertools import permutations
from pathlib import Path

import pytest

from manifests import Trigger, load_manifests
from policy_checks.access import EffectivePolicies, capabilities_of, evaluate_access, read_reasons, wildcards_of
from policy_checks.access.capabilities import key_of
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.roles import LAMBDA, trusted
from workspace import REPOSITORY

# One that people try things in, and the one that must not fail; the third differs from them in numbers alone.
ENVIRONMENTS = ("dev", "prod")
MANIFESTS = load_manifests(REPOSITORY)
SERVICES = tuple(MANIFESTS.services)
PAIRS = list(permutations(SERVICES, 2))
REASONS = Path(__file__).parent / "reasons.yaml"


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize(("service", "other"), PAIRS, ids=lambda name: name)
def test_a_service_cannot_touch_what_is_anothers(
    service: str, other: str, planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    functions = [ref for ref in MANIFESTS.functions if ref.service.service == service]
    capabilities = [capability for capability in capabilities_of(planned) if other in capability.owners]
    evaluation = evaluate_access(planned, effective, functions, capabilities)
    assert evaluation.faults == ()
    # A secret or a folder may be declared by both; most of what another has is its own.
    assert evaluation.count("denied") > 10 * evaluation.count("allowed")
    tried = {kind for kind, _ in evaluation.tried}
    assert tried >= {"publish", "queue", "secret", "database", "function", "role", "log", "rule"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_can_do_all_that_it_declares(
    service: str, planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    functions = [ref for ref in MANIFESTS.functions if ref.service.service == service]
    capabilities = [capability for capability in capabilities_of(planned) if service in capability.owners]
    evaluation = evaluate_access(planned, effective, functions, capabilities)
    assert evaluation.faults == ()
    assert evaluation.tried["log", "allowed"] == 2 * len(functions)
    assert evaluation.tried["database", "allowed"] == len(functions)
    assert evaluation.count("denied") > 0


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_no_function_can_do_what_is_the_operators(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    capabilities = [capability for capability in capabilities_of(planned) if not capability.owners]
    evaluation = evaluate_access(planned, effective, MANIFESTS.functions, capabilities)
    assert evaluation.faults == ()
    assert evaluation.count("denied") == len(MANIFESTS.functions) * len(capabilities)
    assert {kind for kind, _ in evaluation.tried} >= {"database", "package", "replay", "user", "alarm", "publish"}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_its_own_rules_send_to_a_queue(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    names, events = planned.names, "events.amazonaws.com"
    rules = {rule["arn"]: rule for rule in planned.of_type("aws_cloudwatch_event_rule")}
    consumers = [ref for ref in MANIFESTS.functions if ref.function.queue]
    let_in = 0
    for ref in consumers:
        for queue in (names.function(ref), names.dead_letter_queue(ref)):
            arn = names.queue_arn(queue)
            for rule, resource in rules.items():
                own = resource["name"] == names.function(ref)
                may = effective.service_may(events, "sqs:SendMessage", arn, {"aws:SourceArn": rule})
                assert may is own, f"{rule} to {queue}"
                let_in += may
            without_tls = {
                "aws:SourceArn": names.rule_arn(names.function(ref), names.bus),
                "aws:SecureTransport": "false",
            }
            assert not effective.service_may(events, "sqs:SendMessage", arn, without_tls)
            assert not effective.service_may("sns.amazonaws.com", "sqs:SendMessage", arn, {})
    assert let_in == 2 * len(consumers)


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_only_their_triggers_invoke_functions(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    names = planned.names
    (api,) = planned.of_type("aws_apigatewayv2_api")
    calls = {"aws:SourceArn": f"{api['execution_arn']}/$default/GET/items"}
    of_another = {"aws:SourceArn": f"{api['execution_arn'].replace(api['id'], 'another0')}/$default/GET/items"}
    for ref in MANIFESTS.functions:
        arn, trigger = names.function_arn(ref), ref.function.trigger

        def invoked(service: str, context: dict[str, str], arn: str = arn) -> bool:
            return effective.service_may(service, "lambda:InvokeFunction", arn, context)

        assert invoked("apigateway.amazonaws.com", calls) is (trigger is Trigger.ROUTES)
        assert not invoked("apigateway.amazonaws.com", of_another)
        for other in MANIFESTS.functions:
            own = other == ref and trigger is Trigger.SCHEDULE
            assert invoked("events.amazonaws.com", {"aws:SourceArn": names.rule_arn(names.function(other))}) is own


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_wildcard_has_a_reason_and_every_reason_a_wildcard(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    reasons, wildcards = read_reasons(REASONS), wildcards_of(planned, effective)
    assert [str(wildcard) for wildcard in reasons.unstated(wildcards)] == []
    assert reasons.unused(wildcards) == []


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_roles_are_taken_by_lambda_unless_there_is_a_reason(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    reasons = read_reasons(REASONS)
    taken_by = {principal for role in effective.trust for principal in trusted(planned, role)}
    assert taken_by == {LAMBDA, *reasons.trust}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_a_permission_too_many_and_one_too_few_are_found(
    planned: PlannedEnvironment, effective: EffectivePolicies, environment: str
) -> None:
    """The same tests on an environment in which one role has the policy of another."""
    roles = dict(effective.roles)
    chat, search = (
        planned.names.function(ref) for ref in MANIFESTS.functions if key_of(ref) in {"chat.events", "search.events"}
    )
    roles[chat] = roles[search]
    exchanged = EffectivePolicies(
        roles, effective.trust, effective.resources, effective.managed, effective.functions, effective.account
    )
    functions = [ref for ref in MANIFESTS.functions if ref.service.service == "chat"]
    faults = evaluate_access(planned, exchanged, functions, capabilities_of(planned)).faults
    assert any("may do what it does not declare: rds-db:connect" in fault for fault in faults)
    assert any("may do what it does not declare: sqs:ReceiveMessage" in fault for fault in faults)
    assert any("may not do what it declares: dynamodb:PutItem" in fault for fault in faults)
