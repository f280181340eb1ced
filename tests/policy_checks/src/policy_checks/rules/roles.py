"""Roles: one for each function, assumed only by Lambda, with only its own inline policy; and that of operators.

`topology` compares the policies with the manifests, statement by statement.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.policies import statements
from policy_checks.rules.base import Faults, Rule

_TRUST: Final = [{"Effect": "Allow", "Action": ["sts:AssumeRole"], "Principal": {"Service": ["lambda.amazonaws.com"]}}]


def every_function_has_a_role_of_its_own(planned: PlannedEnvironment) -> Faults:
    """Functions that share a role share its permissions."""
    roles = {role["name"] for role in planned.of_type("aws_iam_role")}
    functions = planned.of_type("aws_lambda_function")
    counts = Counter(_last(function["role"]) for function in functions)
    for function in functions:
        role = _last(function["role"])
        if counts[role] > 1 or role not in roles:
            yield function.address, f"has the role {role}, which is not its own"


def only_functions_have_roles(planned: PlannedEnvironment) -> Faults:
    """A role without a function has no use, apart from that of operators."""
    used = {_last(function["role"]) for function in planned.of_type("aws_lambda_function")} | {planned.names.operators}
    for role in planned.of_type("aws_iam_role"):
        if role["name"] not in used:
            yield role.address, "belongs to no function"


def only_lambda_assumes_roles(planned: PlannedEnvironment) -> Faults:
    """No user or other service can act as a function; that of operators is assumed by whom the account lets."""
    root = {"AWS": [f"arn:aws:iam::{planned.names.account}:root"]}
    for role in planned.of_type("aws_iam_role"):
        found = statements(role["assume_role_policy"], role.address)
        if role["name"] == planned.names.operators:
            if found != [{**_TRUST[0], "Principal": root}]:
                yield role.address, "can be assumed by others than this account lets"
        elif found != _TRUST:
            yield role.address, "can be assumed by others than Lambda"


def roles_have_only_inline_policies(planned: PlannedEnvironment) -> Faults:
    """AWS can change a managed policy; a policy inside the role resource escapes the comparison."""
    for attachment in planned.of_type(
        "aws_iam_role_policy_attachment", "aws_iam_policy_attachment", "aws_iam_role_policy_attachments_exclusive"
    ):
        yield attachment.address, "attaches a managed policy"
    for role in planned.of_type("aws_iam_role"):
        if role["managed_policy_arns"] or any(item.get("policy") for item in role["inline_policy"] or ()):
            yield role.address, "has policies inside the role resource"


def policies_for_operators_stay_in_their_environment(planned: PlannedEnvironment) -> Faults:
    """Operators' policies cover only secrets of this environment."""
    root = planned.names.arn("ssm", f"parameter{planned.names.parameter_prefix}")
    for policy in planned.of_type("aws_iam_policy"):
        for statement in statements(policy["policy"], policy.address):
            for resource in statement["Resource"]:
                if resource != root and not resource.startswith(f"{root}/"):
                    yield policy.address, f"reaches {resource}"


def there_are_no_iam_users(planned: PlannedEnvironment) -> Faults:
    """Nor access keys: operators sign in to the account, not to the environment."""
    for resource in planned.of_type("aws_iam_user", "aws_iam_access_key", "aws_iam_group", "aws_iam_user_policy"):
        yield resource.address, "is an IAM user or belongs to one"


def _last(role: str) -> str:
    return str(role).rsplit("/", 1)[-1]


RULES: Final = tuple(
    map(
        Rule,
        (
            every_function_has_a_role_of_its_own,
            only_functions_have_roles,
            only_lambda_assumes_roles,
            roles_have_only_inline_policies,
            policies_for_operators_stay_in_their_environment,
            there_are_no_iam_users,
        ),
    )
)
