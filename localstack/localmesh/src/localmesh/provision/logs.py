"""The log group of each function, with its retention."""

from __future__ import annotations

from localmesh.provision.context import Action, Context


def provision_log_groups(context: Context) -> None:
    """Make and mend the log groups; those of functions that are gone keep what was logged."""
    logs, days = context.clients.logs, context.manifests.platform.logs.retention_days
    pages = logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/aws/lambda/{context.names.prefix}")
    found = {group["logGroupName"]: group.get("retentionInDays") for page in pages for group in page["logGroups"]}
    for ref in context.manifests.functions:
        name = context.names.log_group(ref)
        if name not in found:
            logs.create_log_group(logGroupName=name)
            context.note("log group", name, Action.CREATED)
        if found.get(name) != days:
            logs.put_retention_policy(logGroupName=name, retentionInDays=days)
            if name in found:
                context.note("log group", name, Action.UPDATED)
