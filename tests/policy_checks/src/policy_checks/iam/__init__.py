"""A small IAM: reads policy documents and decides requests as AWS would within one account.

What it does not know (NotAction, NotResource, policy variables, other condition operators) raises
PolicyNotUnderstoodError instead of being guessed.
"""

from policy_checks.iam.deciding import Decision, Request, decide
from policy_checks.iam.documents import Condition, Effect, Policy, Principal, Statement, read_policy

__all__ = [
    "Condition",
    "Decision",
    "Effect",
    "Policy",
    "Principal",
    "Request",
    "Statement",
    "decide",
    "read_policy",
]
