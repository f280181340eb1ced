"""Queues, and what happens to messages and events that cannot be delivered."""

from __future__ import annotations

import json
from typing import Final

from policy_checks.access.effective_policies import RESOURCE_POLICIES
from policy_checks.iam import Decision, Effect, Policy, Principal, Request, decide, read_policy
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule

_EVERYBODY_ELSE = Principal("AWS", "arn:aws:iam::999999999999:user/stranger")


def dead_letter_arns(planned: PlannedEnvironment) -> set[str]:
    """Queues that others give up their messages to, and rules theirs."""
    of_queues = {redrive_target(str(queue["redrive_policy"] or "")) for queue in planned.of_type("aws_sqs_queue")}
    of_rules = {
        str(rule.block("dead_letter_config").get("arn")) for rule in planned.of_type("aws_cloudwatch_event_target")
    }
    return {arn for arn in of_queues | of_rules if arn.startswith("arn:")}


def redrive_target(policy: str) -> str:
    """The ARN of the dead-letter queue that a redrive policy names; empty when it names none."""
    return str(json.loads(policy).get("deadLetterTargetArn", "")) if policy else ""


def every_queue_has_a_dead_letter_queue(planned: PlannedEnvironment) -> Faults:
    """Or is one."""
    queues = planned.of_type("aws_sqs_queue")
    arns, dead = {queue["arn"] for queue in queues}, dead_letter_arns(planned)
    for queue in queues:
        target = redrive_target(str(queue["redrive_policy"] or ""))
        if queue["arn"] not in dead and target not in arns:
            yield queue.address, "has no dead-letter queue of this environment"


def every_rule_target_has_a_dead_letter_queue(planned: PlannedEnvironment) -> Faults:
    """EventBridge drops what it cannot deliver for a day, unless it is told where to put it."""
    arns = {queue["arn"] for queue in planned.of_type("aws_sqs_queue")}
    for target in planned.of_type("aws_cloudwatch_event_target"):
        if target.block("dead_letter_config").get("arn") not in arns:
            yield target.address, "has no dead-letter queue of this environment"


def rules_may_send_to_their_queues(planned: PlannedEnvironment) -> Faults:
    """Target and dead-letter queue alike: without the permission EventBridge drops events silently."""
    policies = _queue_policies(planned)
    rules = {
        (rule["event_bus_name"] or "default", rule["name"]): rule["arn"]
        for rule in planned.of_type("aws_cloudwatch_event_rule")
    }
    for target in planned.of_type("aws_cloudwatch_event_target"):
        rule = rules.get((target["event_bus_name"] or "default", target["rule"]))
        if rule is None:
            yield target.address, f"belongs to no rule named {target['rule']}"
            continue
        for arn in (target["arn"], target.block("dead_letter_config").get("arn")):
            if str(arn).split(":")[2:3] != ["sqs"]:
                continue
            principal = Principal("Service", "events.amazonaws.com")
            request = Request(principal, "sqs:SendMessage", str(arn), {"aws:SourceArn": rule})
            if decide(request, (), policies) is not Decision.ALLOWED:
                yield target.address, f"may not send to {arn}"


def queues_are_encrypted(planned: PlannedEnvironment) -> Faults:
    """With SQS's own key or one of ours."""
    for queue in planned.of_type("aws_sqs_queue"):
        if not (queue["sqs_managed_sse_enabled"] or queue["kms_master_key_id"]):
            yield queue.address, "is not encrypted"


def queues_take_messages_over_tls_alone(planned: PlannedEnvironment) -> Faults:
    """From whomever: a denial that no permission of a role outweighs."""
    policies = _queue_policies(planned)
    for queue in planned.of_type("aws_sqs_queue"):
        for action in ("SendMessage", "ReceiveMessage"):
            context = {"aws:SecureTransport": "false"}
            request = Request(_EVERYBODY_ELSE, f"sqs:{action}", str(queue["arn"]), context)
            if decide(request, (), policies) is not Decision.DENIED:
                yield queue.address, f"takes {action} without TLS"


def dead_letters_are_kept_two_weeks(planned: PlannedEnvironment) -> Faults:
    """The longest there is: somebody has to look at them."""
    dead = dead_letter_arns(planned)
    for queue in planned.of_type("aws_sqs_queue"):
        if queue["arn"] in dead and queue["message_retention_seconds"] != 14 * 86400:
            yield queue.address, f"keeps dead letters {queue['message_retention_seconds']} s"


def nobody_unnamed_is_allowed_anything(planned: PlannedEnvironment) -> Faults:
    """No policy of a resource allows everybody, nor a service of AWS on behalf of everybody."""
    for type_, attribute in RESOURCE_POLICIES.items():
        for resource in planned.of_type(type_):
            if not str(resource[attribute] or "").startswith("{") or resource[attribute] == "{}":
                continue
            for statement in read_policy(resource[attribute], resource.address).statements:
                named = {condition.key.lower() for condition in statement.conditions}
                bound = bool(named & {"aws:sourcearn", "aws:sourceaccount"})
                principals = statement.principals or ()
                if statement.effect is Effect.ALLOW and any(item.name == "*" for item in principals):
                    yield resource.address, "allows everybody something"
                if (
                    statement.effect is Effect.ALLOW
                    and any(item.kind == "Service" for item in principals)
                    and not bound
                ):
                    yield resource.address, "allows a service something, for whomever it works"
    for permission in planned.of_type("aws_lambda_permission"):
        if not (permission["source_arn"] or permission["source_account"]):
            yield permission.address, "allows a service to invoke, for whomever it works"


def _queue_policies(planned: PlannedEnvironment) -> list[Policy]:
    found = [(queue["policy"], queue.address) for queue in planned.of_type("aws_sqs_queue", "aws_sqs_queue_policy")]
    return [read_policy(policy, address) for policy, address in found if policy]


RULES: Final = tuple(
    map(
        Rule,
        (
            every_queue_has_a_dead_letter_queue,
            every_rule_target_has_a_dead_letter_queue,
            rules_may_send_to_their_queues,
            queues_are_encrypted,
            queues_take_messages_over_tls_alone,
            dead_letters_are_kept_two_weeks,
            nobody_unnamed_is_allowed_anything,
        ),
    )
)
