"""Queues, and what happens to messages and events that cannot be delivered."""

from __future__ import annotations

import json
from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import policies_of_resources, refuses_without_tls
from policy_checks.rules.base import Faults, Rule


def dead_letter_arns(planned: PlannedEnvironment) -> set[str]:
    """The ARNs of all queues that are the dead-letter queue of a queue or rule."""
    of_queues = {redrive_target(str(queue["redrive_policy"] or "")) for queue in planned.of_type("aws_sqs_queue")}
    of_rules = {
        str(rule.block("dead_letter_config").get("arn")) for rule in planned.of_type("aws_cloudwatch_event_target")
    }
    return {arn for arn in of_queues | of_rules if arn.startswith("arn:")}


def redrive_target(policy: str) -> str:
    """The ARN of the dead-letter queue that a redrive policy names; empty when it names none."""
    return str(json.loads(policy).get("deadLetterTargetArn", "")) if policy else ""


def every_queue_has_a_dead_letter_queue(planned: PlannedEnvironment) -> Faults:
    """Unless it is one itself."""
    queues = planned.of_type("aws_sqs_queue")
    arns, dead = {queue["arn"] for queue in queues}, dead_letter_arns(planned)
    for queue in queues:
        target = redrive_target(str(queue["redrive_policy"] or ""))
        if queue["arn"] not in dead and target not in arns:
            yield queue.address, "has no dead-letter queue of this environment"


def every_rule_target_has_a_dead_letter_queue(planned: PlannedEnvironment) -> Faults:
    """Without one, EventBridge drops events that it cannot deliver within a day."""
    arns = {queue["arn"] for queue in planned.of_type("aws_sqs_queue")}
    for target in planned.of_type("aws_cloudwatch_event_target"):
        if target.block("dead_letter_config").get("arn") not in arns:
            yield target.address, "has no dead-letter queue of this environment"


def queues_are_encrypted(planned: PlannedEnvironment) -> Faults:
    """With SQS's own key or one of ours."""
    for queue in planned.of_type("aws_sqs_queue"):
        if not (queue["sqs_managed_sse_enabled"] or queue["kms_master_key_id"]):
            yield queue.address, "is not encrypted"


def queues_require_tls(planned: PlannedEnvironment) -> Faults:
    """A denial for all principals, which no permission of a role overrides."""
    found = [
        item for _, policy in policies_of_resources(planned, "aws_sqs_queue", "aws_sqs_queue_policy") for item in policy
    ]
    refusing = [item for item in found if refuses_without_tls(item) and item["Action"] == ["sqs:*"]]
    for queue in planned.of_type("aws_sqs_queue"):
        if not any(queue["arn"] in item["Resource"] for item in refusing):
            yield queue.address, "accepts requests without TLS"


def dead_letters_are_kept_two_weeks(planned: PlannedEnvironment) -> Faults:
    """The maximum of SQS: operators need time to inspect them."""
    dead = dead_letter_arns(planned)
    for queue in planned.of_type("aws_sqs_queue"):
        if queue["arn"] in dead and queue["message_retention_seconds"] != 14 * 86400:
            yield queue.address, f"keeps dead letters for {queue['message_retention_seconds']} s"


RULES: Final = tuple(
    map(
        Rule,
        (
            every_queue_has_a_dead_letter_queue,
            every_rule_target_has_a_dead_letter_queue,
            queues_are_encrypted,
            queues_require_tls,
            dead_letters_are_kept_two_weeks,
        ),
    )
)
