"""The log group of each function, with its retention."""

from __future__ import annotations

from contextlib import suppress

from localmesh.provision.context import Action, Context
from manifests.topology import LogGroup


def provision_log_groups(context: Context) -> None:
    """Create or update the log groups; those of removed functions are kept."""
    logs = context.clients.logs
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{context.names.prefix}")
    found = {group["logGroupName"]: group.get("retentionInDays") for page in pages for group in page["logGroups"]}
    for group in context.topology.of(LogGroup):
        if group.name not in found:
            # A function that runs already, because its queue was full when the mesh started, makes its own.
            with suppress(logs.exceptions.ResourceAlreadyExistsException):
                logs.create_log_group(logGroupName=group.name)
            context.note("log group", group.name, Action.CREATED)
        if found.get(group.name) != group.retention_days:
            logs.put_retention_policy(logGroupName=group.name, retentionInDays=group.retention_days)
            if group.name in found:
                context.note("log group", group.name, Action.UPDATED)
