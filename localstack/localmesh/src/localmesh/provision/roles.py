"""The role of each function, with the one inline policy that its manifest makes."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from localmesh.provision.context import Action, Context, error_code, in_parallel
from manifests import FunctionRef, function_policy, trust_policy

_POLICY = "declared"


def provision_roles(context: Context) -> None:
    """Make and mend the roles of all functions."""
    in_parallel(lambda ref: _provision(context, ref), context.manifests.functions)


def remove_roles(context: Context) -> None:
    """Remove roles of functions that are no longer declared."""
    iam, wanted = context.clients.iam, context.function_names()
    for page in iam.get_paginator("list_roles").paginate():
        for role in page["Roles"]:
            name = role["RoleName"]
            if name.startswith(context.names.prefix) and name not in wanted:
                for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                    iam.delete_role_policy(RoleName=name, PolicyName=policy)
                iam.delete_role(RoleName=name)
                context.note("role", name, Action.REMOVED)


def _provision(context: Context, ref: FunctionRef) -> None:
    iam, name = context.clients.iam, context.names.function(ref)
    try:
        trust = iam.get_role(RoleName=name)["Role"].get("AssumeRolePolicyDocument")
        if _document(trust) != trust_policy():
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(trust_policy()))
            context.note("role", name, Action.UPDATED)
    except ClientError as error:
        if error_code(error) != "NoSuchEntity":
            raise
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust_policy()))
        context.note("role", name, Action.CREATED)
    policies = iam.list_role_policies(RoleName=name)["PolicyNames"]
    for stranger in set(policies) - {_POLICY}:
        iam.delete_role_policy(RoleName=name, PolicyName=stranger)
        context.note("policy", f"{name}/{stranger}", Action.REMOVED)
    wanted = function_policy(context.deployment, ref)
    current = iam.get_role_policy(RoleName=name, PolicyName=_POLICY)["PolicyDocument"] if _POLICY in policies else None
    if _document(current) != wanted:
        iam.put_role_policy(RoleName=name, PolicyName=_POLICY, PolicyDocument=json.dumps(wanted))
        context.note("policy", name, Action.UPDATED if current else Action.CREATED)


def _document(document: Any) -> Any:  # noqa: ANN401 - botocore decodes it, or not
    return json.loads(unquote(document)) if isinstance(document, str) else document
