"""Roles of functions: one each, taken by Lambda alone."""

from __future__ import annotations

from collections import Counter
from typing import Final

from policy_checks.access.effective_policies import read_effective_policies
from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules.base import Faults, Rule

LAMBDA = "lambda.amazonaws.com"


def every_function_has_a_role_of_its_own(planned: PlannedEnvironment) -> Faults:
    """Two that share a role share their rights."""
    policies = read_effective_policies(planned)
    counts = Counter(policies.functions.values())
    for function in planned.of_type("aws_lambda_function"):
        role = policies.functions[function["function_name"]]
        if counts[role] > 1 or role not in policies.trust:
            yield function.address, f"has the role {role}, which is not its own"


def roles_of_functions_are_taken_by_lambda_alone(planned: PlannedEnvironment) -> Faults:
    """Nobody signs in as a function."""
    policies = read_effective_policies(planned)
    for role in sorted(set(policies.functions.values()) & set(policies.trust)):
        taken_by = trusted(planned, role)
        if taken_by != {LAMBDA}:
            yield role, f"can be taken by {', '.join(sorted(taken_by))}"


def trusted(planned: PlannedEnvironment, role: str) -> set[str]:
    """Who may take a role."""
    statements = read_effective_policies(planned).trust[role].statements
    return {principal.name for statement in statements for principal in statement.principals or ()}


def there_are_no_people(planned: PlannedEnvironment) -> Faults:
    """Nor keys for them: people sign in to the account, not to the environment."""
    for resource in planned.of_type("aws_iam_user", "aws_iam_access_key", "aws_iam_group", "aws_iam_user_policy"):
        yield resource.address, "is made for a person"


RULES: Final = tuple(
    map(
        Rule,
        (
            every_function_has_a_role_of_its_own,
            roles_of_functions_are_taken_by_lambda_alone,
            there_are_no_people,
        ),
    )
)
