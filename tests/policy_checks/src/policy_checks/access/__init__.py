"""Whether every function may do what its manifest declares, and nothing that belongs to another."""

from policy_checks.access.capabilities import Capability, capabilities_of
from policy_checks.access.effective_policies import EffectivePolicies, read_effective_policies
from policy_checks.access.evaluate import Evaluation, evaluate_access
from policy_checks.access.reasons import Reason, Reasons, read_reasons
from policy_checks.access.wildcards import Wildcard, wildcards_of

__all__ = [
    "Capability",
    "EffectivePolicies",
    "Evaluation",
    "Reason",
    "Reasons",
    "Wildcard",
    "capabilities_of",
    "evaluate_access",
    "read_effective_policies",
    "read_reasons",
    "wildcards_of",
]
