"""The role of each function, with the inline policy derived from its manifest and no other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from manifests.topology import Role


def provision_roles(context: Context) -> None:
    """Create or update the roles of all functions."""
    in_parallel(lambda role: _provision(context, role), context.topology.of(Role))


def remove_roles(context: Context) -> None:
    """Remove roles of functions that are no longer declared."""
    iam, wanted = context.clients.iam, {role.name for role in context.topology.of(Role)}
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            if name.startswith(context.names.prefix) and name not in wanted:
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=name, PolicyName=policy)
                for arn in _attached(context, name):
                    iam.detach_role_policy(RoleName=name, PolicyArn=arn)
                iam.delete_role(RoleName=name)
                context.note("role", name, Action.REMOVED)


def _provision(context: Context, role: Role) -> None:
    iam, name = context.clients.iam, role.name
    try:
        trust = iam.get_role(RoleName=name)["Role"].get("AssumeRolePolicyDocument")
        if _document(trust) != role.trust:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(role.trust))
            context.note("role", name, Action.UPDATED)
    except ClientError as error:
        if error_code(error) != "NoSuchEntity":
            raise
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(role.trust))
        context.note("role", name, Action.CREATED)
    present = iam.list_role_policies(RoleName=name)["PolicyNames"]
    for undeclared in set(present) - set(role.policies):
        iam.delete_role_policy(RoleName=name, PolicyName=undeclared)
        context.note("policy", f"{name}/{undeclared}", Action.REMOVED)
    for arn in _attached(context, name):
        iam.detach_role_policy(RoleName=name, PolicyArn=arn)
        context.note("policy", f"{name}/{arn}", Action.REMOVED)
    for policy, wanted in role.policies.items():
        current = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"] if policy in present else None
        if _document(current) != wanted:
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(wanted))
            context.note("policy", name, Action.UPDATED if current else Action.CREATED)


def _attached(context: Context, name: str) -> list[str]:
    """ARNs of attached managed policies; none is declared for any role."""
    answer = context.clients.iam.list_attached_role_policies(RoleName=name)
    return [item["PolicyArn"] for item in answer["AttachedPolicies"]]


def _document(document: Any) -> Any:  # noqa: ANN401 - botocore decodes it, or not
    return json.loads(unquote(document)) if isinstance(document, str) else document
