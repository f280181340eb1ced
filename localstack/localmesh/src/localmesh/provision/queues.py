"""The queue in front of each consumer, and the dead-letter queues."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from localmesh.provision.context import Action, Context, in_parallel
from manifests.topology import Queue

if TYPE_CHECKING:
    from collections.abc import Mapping


def provision_queues(context: Context) -> None:
    """Create or update all queues; dead-letter queues first, because the others refer to them."""
    found, queues = _list(context), context.topology.of(Queue)
    for dead in (True, False):
        chosen = [queue for queue in queues if (queue.redrive is None) is dead]
        in_parallel(lambda queue: _provision(context, queue, found.get(queue.name)), chosen)


def remove_queues(context: Context) -> None:
    """Remove queues of functions that are no longer declared, with their messages."""
    wanted = {queue.name for queue in context.topology.of(Queue)}
    for name, url in _list(context).items():
        if name not in wanted:
            context.clients.sqs.delete_queue(QueueUrl=url)
            context.note("queue", name, Action.REMOVED)


def _list(context: Context) -> dict[str, str]:
    pages = context.clients.sqs.get_paginator("list_queues").paginate(QueueNamePrefix=context.names.prefix)
    return {url.rsplit("/", 1)[-1]: url for page in pages for url in page.get("QueueUrls", [])}


def _attributes(queue: Queue) -> dict[str, str]:
    """In SQS's form; an empty redrive policy removes it."""
    attributes = {
        "MessageRetentionPeriod": str(queue.retention_s),
        "MaximumMessageSize": str(queue.max_bytes),
        "Policy": json.dumps(queue.policy),
        "RedrivePolicy": "",
    }
    if queue.visibility_s is not None:
        attributes["VisibilityTimeout"] = str(queue.visibility_s)
    if queue.redrive:
        redrive = {"deadLetterTargetArn": queue.redrive.queue_arn, "maxReceiveCount": queue.redrive.max_receives}
        attributes["RedrivePolicy"] = json.dumps(redrive)
    return attributes


def _provision(context: Context, queue: Queue, url: str | None) -> None:
    sqs, attributes = context.clients.sqs, _attributes(queue)
    if url is None:
        given = {key: value for key, value in attributes.items() if value}
        sqs.create_queue(QueueName=queue.name, Attributes=given)  # type: ignore[arg-type]  # keys are literals
        context.note("queue", queue.name, Action.CREATED)
        return
    answer = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    current: Mapping[str, str] = {str(key): value for key, value in answer.get("Attributes", {}).items()}
    different = {key: value for key, value in attributes.items() if not _same(current.get(key, ""), value)}
    if different:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=different)  # type: ignore[arg-type]  # as above
        context.note("queue", queue.name, Action.UPDATED)


def _same(current: str, wanted: str) -> bool:
    if not (current.startswith("{") and wanted.startswith("{")):
        return current == wanted
    left, right = json.loads(current), json.loads(wanted)
    # The receive count is returned as text or as a number.
    for document in (left, right):
        if "maxReceiveCount" in document:
            document["maxReceiveCount"] = int(document["maxReceiveCount"])
    return bool(left == right)
