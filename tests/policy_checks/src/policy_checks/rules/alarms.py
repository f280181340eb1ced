"""Alarms, their notifications, and the budget."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from manifests.naming import REPLAYED
from mesh.infra.resources import Resource
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import allows, policies_of_resources
from policy_checks.rules.base import Faults, Rule
from policy_checks.rules.queues import dead_letter_arns

_ALARMS: Final = ("aws_cloudwatch_metric_alarm", "aws_cloudwatch_composite_alarm")


def every_dead_letter_queue_has_an_alarm(planned: PlannedEnvironment) -> Faults:
    """On the first message."""
    dead = dead_letter_arns(planned)
    for queue in planned.of_type("aws_sqs_queue"):
        if queue["arn"] in dead:
            watching = _alarms(planned, "AWS/SQS", "ApproximateNumberOfMessagesVisible", QueueName=queue["name"])
            if not any(alarm["threshold"] == 0 and _above(alarm) for alarm in watching):
                yield queue.address, "has no alarm on its first dead letter"


def every_queue_has_an_alarm_on_its_oldest_message(planned: PlannedEnvironment) -> Faults:
    """A stalled consumer reports no errors. Whoever orders work follows it, and sees that it does not go on."""
    dead, ordered = dead_letter_arns(planned), _ordered(planned)
    for queue in planned.of_type("aws_sqs_queue"):
        if queue["arn"] not in dead and queue["name"] not in ordered and not queue["name"].endswith(REPLAYED):
            watching = _alarms(planned, "AWS/SQS", "ApproximateAgeOfOldestMessage", QueueName=queue["name"])
            if not any(alarm["threshold"] > 0 and _above(alarm) for alarm in watching):
                yield queue.address, "has no alarm on the age of its oldest message"


def every_function_has_alarms(planned: PlannedEnvironment) -> Faults:
    """Errors, and a p95 duration near the timeout; what operators' orders start ends in a dead letter.

    Throttles where somebody waits for the answer: of what a queue or a schedule starts, other alarms notice the delay.
    """
    ordered = _ordered(planned)
    # Rules have the names of the functions that they start.
    started = {rule["name"] for rule in planned.of_type("aws_cloudwatch_event_rule")}
    for function in planned.of_type("aws_lambda_function"):
        name = function["function_name"]
        if name in ordered:
            continue
        for metric in ("Errors", *(["Throttles"] if name not in started else [])):
            if not any(alarm["threshold"] == 0 and _above(alarm) for alarm in _of_function(planned, metric, name)):
                yield function.address, f"has no alarm on {metric}"
        limit = 1000 * int(function["timeout"] or 3)
        slow = [alarm for alarm in _of_function(planned, "Duration", name) if alarm["extended_statistic"] == "p95"]
        if not any(alarm["threshold"] < limit and _above(alarm) for alarm in slow):
            yield function.address, "has no alarm on a p95 near its timeout"


def _ordered(planned: PlannedEnvironment) -> set[str]:
    """Names of the functions, and of their queues, that take operators' orders."""
    rules = planned.of_type("aws_cloudwatch_event_rule")
    return {rule["name"] for rule in rules if "collections.operator." in (rule["event_pattern"] or "")}


def every_consuming_service_has_an_alarm_on_its_lag(planned: PlannedEnvironment) -> Faults:
    """Its projections are stale although nothing fails."""
    for service in _consuming_services(planned):
        watching = _alarms(
            planned,
            "Collections",
            "ProjectionLag",
            environment=planned.environment,
            service=service,
        )
        if not any(alarm["threshold"] > 0 and _above(alarm) for alarm in watching):
            yield service, "has no alarm on how far its projections are behind"


def every_publishing_service_has_an_alarm_on_parked_events(planned: PlannedEnvironment) -> Faults:
    """Events that the bus refuses wait for an operator, and nothing fails meanwhile."""
    for service in planned.manifests.services.values():
        watching = _alarms(
            planned, "Collections", "OutboxParked", environment=planned.environment, service=service.service
        )
        if service.publishes and not any(alarm["threshold"] == 0 and _above(alarm) for alarm in watching):
            yield service.service, "has no alarm on its parked events"


def the_database_has_alarms(planned: PlannedEnvironment) -> Faults:
    """Connections and storage run out; the alarms warn before."""
    limits = {"DatabaseConnections": "GreaterThanThreshold", "FreeStorageSpace": "LessThanThreshold"}
    for instance in planned.of_type("aws_db_instance"):
        for metric, comparison in limits.items():
            watching = _alarms(planned, "AWS/RDS", metric, DBInstanceIdentifier=instance["identifier"])
            if not any(alarm["comparison_operator"] == comparison for alarm in watching):
                yield instance.address, f"has no alarm on {metric}"


def everything_is_on_a_dashboard(planned: PlannedEnvironment) -> Faults:
    """The pipeline as a whole, and in AWS every service."""
    found = {str(dashboard["dashboard_name"]) for dashboard in planned.of_type("aws_cloudwatch_dashboard")}
    for name in (
        "pipeline",
        *(planned.manifests.services if planned.database.auth == "iam" else ()),
    ):
        if planned.names.prefix + name not in found:
            yield "aws_cloudwatch_dashboard", f"{name} is missing"


def every_alarm_notifies_the_topic(planned: PlannedEnvironment) -> Faults:
    """The topic of the environment."""
    topics = {topic["arn"] for topic in planned.of_type("aws_sns_topic")}
    for alarm in planned.of_type(*_ALARMS):
        if not topics & set(alarm["alarm_actions"] or ()):
            yield alarm.address, "notifies no topic"
        if alarm["actions_enabled"] is False:
            yield alarm.address, "has its actions disabled"


def names_of_alarms_are_unique(planned: PlannedEnvironment) -> Faults:
    """In AWS alarms of the same name are one: the last one created wins."""
    counts = Counter(alarm["alarm_name"] for alarm in planned.of_type(*_ALARMS))
    for alarm in planned.of_type(*_ALARMS):
        if counts[alarm["alarm_name"]] > 1:
            yield alarm.address, f"shares the name {alarm['alarm_name']}"


def there_is_one_topic(planned: PlannedEnvironment) -> Faults:
    """Recipients of alarms subscribe to it."""
    topics = planned.of_type("aws_sns_topic")
    if [topic["name"] for topic in topics] != [f"{planned.names.bus}-alarms"]:
        yield "aws_sns_topic", f"the topics are {[topic['name'] for topic in topics]}"


def alarms_may_publish_to_the_topic(planned: PlannedEnvironment) -> Faults:
    """What the policies of the topic and its key do not allow is dropped silently; no other source is allowed."""
    names = planned.names
    senders = {"cloudwatch.amazonaws.com": names.arn("cloudwatch", f"alarm:{names.prefix}any")}
    if planned.of_type("aws_budgets_budget"):
        senders["budgets.amazonaws.com"] = f"arn:aws:budgets::{names.account}:budget/any"
    of_topics = [
        item for _, found in policies_of_resources(planned, "aws_sns_topic", "aws_sns_topic_policy") for item in found
    ]
    of_keys = dict(policies_of_resources(planned, "aws_kms_key"))
    keys = {key["arn"]: of_keys.get(key.address, []) for key in planned.of_type("aws_kms_key")}
    for topic in planned.of_type("aws_sns_topic"):
        for service, source in senders.items():
            if not allows(of_topics, service, "sns:Publish", topic["arn"], source):
                yield topic.address, f"does not allow {service} to publish"
            if allows(of_topics, service, "sns:Publish", topic["arn"], source.replace(names.account, "999999999999")):
                yield topic.address, f"allows {service} to publish on behalf of any source"
            key = topic["kms_master_key_id"]
            for action in ("kms:Decrypt", "kms:GenerateDataKey") if key else ():
                if not allows(keys.get(key, ()), service, action, key, source):
                    yield topic.address, f"has a key that does not allow {service} {action}"


def there_is_a_budget(planned: PlannedEnvironment) -> Faults:
    """Every environment in AWS has a budget with notifications of actual and forecast cost."""
    if planned.database.auth != "iam":
        return
    kinds = {
        item["notification_type"]
        for budget in planned.of_type("aws_budgets_budget")
        for item in budget["notification"] or ()
    }
    if not {"ACTUAL", "FORECASTED"} <= kinds:
        yield "aws_budgets_budget", f"notifies of {sorted(kinds) or 'nothing'}"


def _consuming_services(planned: PlannedEnvironment) -> list[str]:
    return sorted({ref.service.service for ref in planned.manifests.functions if ref.function.queue})


def _of_function(planned: PlannedEnvironment, metric: str, name: str) -> list[Resource]:
    return _alarms(planned, "AWS/Lambda", metric, FunctionName=name)


def _alarms(planned: PlannedEnvironment, namespace: str, metric: str, **dimensions: str) -> list[Resource]:
    def fits(alarm: Resource) -> bool:
        found: Mapping[str, str] = alarm["dimensions"] or {}
        return (alarm["namespace"], alarm["metric_name"], dict(found)) == (namespace, metric, dimensions)

    return [alarm for alarm in planned.of_type("aws_cloudwatch_metric_alarm") if fits(alarm)]


def _above(alarm: Resource) -> bool:
    return bool(alarm["comparison_operator"] == "GreaterThanThreshold")


RULES: Final = tuple(
    map(
        Rule,
        (
            every_dead_letter_queue_has_an_alarm,
            every_queue_has_an_alarm_on_its_oldest_message,
            every_function_has_alarms,
            every_consuming_service_has_an_alarm_on_its_lag,
            every_publishing_service_has_an_alarm_on_parked_events,
            the_database_has_alarms,
            everything_is_on_a_dashboard,
            every_alarm_notifies_the_topic,
            names_of_alarms_are_unique,
            there_is_one_topic,
            alarms_may_publish_to_the_topic,
            there_is_a_budget,
        ),
    )
)
