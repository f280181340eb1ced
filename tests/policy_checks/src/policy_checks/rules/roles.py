"""Roles of functions: one each, taken by Lambda alone."""

from __future__ import annotations

from collections import Counter
from typing import Final

from policy_checks.access.effective_policies import read_authorities
from policy_checks.planned_environment import Estate
from policy_checks.rules.base import Faults, Rule

LAMBDA = "lambda.amazonaws.com"


def every_function_has_a_role_of_its_own(estate: Estate) -> Faults:
    """Two that share a role share their rights."""
    authorities = read_authorities(estate)
    counts = Counter(authorities.functions.values())
    for function in estate.of_type("aws_lambda_function"):
        role = authorities.functions[function["function_name"]]
        if counts[role] > 1 or role not in authorities.trust:
            yield function.address, f"has the role {role}, which is not its own"


def roles_of_functions_are_taken_by_lambda_alone(estate: Estate) -> Faults:
    """Nobody signs in as a function."""
    authorities = read_authorities(estate)
    for role in sorted(set(authorities.functions.values()) & set(authorities.trust)):
        taken_by = trusted(estate, role)
        if taken_by != {LAMBDA}:
            yield role, f"can be taken by {', '.join(sorted(taken_by))}"


def trusted(estate: Estate, role: str) -> set[str]:
    """Who may take a role."""
    statements = read_authorities(estate).trust[role].statements
    return {principal.name for statement in statements for principal in statement.principals or ()}


def there_are_no_people(estate: Estate) -> Faults:
    """Nor keys for them: people sign in to the account, not to the environment."""
    for resource in estate.of_type("aws_iam_user", "aws_iam_access_key", "aws_iam_group", "aws_iam_user_policy"):
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
