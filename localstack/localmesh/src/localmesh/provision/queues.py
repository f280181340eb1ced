"""The queue in front of each consumer and its dead-letter queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localmesh.provision.bus import rule_arns
from localmesh.provision.context import Action, Context, in_parallel
from manifests import FunctionRef, queue_policy, queue_visibility_s, schedules_queue_policy

if TYPE_CHECKING:
    from collections.abc import Mapping

_RETENTION_S = 4 * 86400
# Longest that SQS keeps anything: a message is dead until somebody looked at it.
_DEAD_RETENTION_S = 14 * 86400


def provision_queues(context: Context) -> None:
    """Make and mend the queues of all functions that have one, and the dead-letter queue of the schedules."""
    found = _list(context)
    schedules = {
        "MessageRetentionPeriod": str(_DEAD_RETENTION_S),
        "Policy": json.dumps(schedules_queue_policy(context.names)),
    }
    _provision(context, context.names.schedules_dead_letter_queue, found, schedules)
    consumers = [ref for ref in context.manifests.functions if ref.function.queue]
    in_parallel(lambda ref: _provision_pair(context, ref, found), consumers)


def remove_queues(context: Context) -> None:
    """Remove queues of functions that are no longer declared, with whatever is in them."""
    names = context.names
    wanted = {
        name
        for ref in context.manifests.functions
        if ref.function.queue
        for name in (names.function(ref), names.dead_letter_queue(ref))
    } | {names.schedules_dead_letter_queue}
    for name, url in _list(context).items():
        if name not in wanted:
            context.clients.sqs.delete_queue(QueueUrl=url)
            context.note("queue", name, Action.REMOVED)


def _list(context: Context) -> dict[str, str]:
    pages = context.clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=context.names.prefix)
    return {url.rsplit("/", 1)[-1]: url for page in pages for url in page.get("QueueUrls", [])}


def _provision_pair(context: Context, ref: FunctionRef, found: Mapping[str, str]) -> None:
    names, queue = context.names, ref.function.queue
    if queue is None:
        return
    dead, rules = names.dead_letter_queue(ref), rule_arns(context, ref)
    of_dead = {
        "MessageRetentionPeriod": str(_DEAD_RETENTION_S),
        # What a rule cannot deliver goes there too.
        "Policy": json.dumps(queue_policy(names.queue_arn(dead), rules)),
    }
    _provision(context, dead, found, of_dead)
    redrive = {"deadLetterTargetArn": names.queue_arn(dead), "maxReceiveCount": queue.max_receives}
    attributes = {
        "MessageRetentionPeriod": str(_RETENTION_S),
        "VisibilityTimeout": str(queue_visibility_s(ref)),
        "RedrivePolicy": json.dumps(redrive),
        "Policy": json.dumps(queue_policy(names.queue_arn(names.function(ref)), rules)),
    }
    _provision(context, names.function(ref), found, attributes)


def _provision(context: Context, name: str, found: Mapping[str, str], attributes: Mapping[str, str]) -> None:
    sqs = context.clients.sqs
    if name not in found:
        sqs.create_queue(QueueName=name, Attributes=dict(attributes))  # type: ignore[arg-type]  # keys are literals
        context.note("queue", name, Action.CREATED)
        return
    answer = sqs.get_queue_attributes(QueueUrl=found[name], AttributeNames=["All"])
    current = {str(key): value for key, value in answer.get("Attributes", {}).items()}
    different = {key: value for key, value in attributes.items() if not _same(current.get(key), value)}
    if different:
        sqs.set_queue_attributes(QueueUrl=found[name], Attributes=different)  # type: ignore[arg-type]  # as above
        context.note("queue", name, Action.UPDATED)


def _same(current: str | None, wanted: str) -> bool:
    if current is None or not wanted.startswith("{"):
        return current == wanted
    left, right = json.loads(current), json.loads(wanted)
    # The receive count comes back as text or number.
    for document in (left, right):
        if "maxReceiveCount" in document:
            document["maxReceiveCount"] = int(document["maxReceiveCount"])
    return bool(left == right)
