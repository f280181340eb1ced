"""Whether every function may do what its manifest declares, and nothing that belongs to another."""

from policy_checks.access.capabilities import Capability, capabilities_of
from policy_checks.access.effective_policies import Authorities, read_authorities
from policy_checks.access.evaluate import Judgement, judge
from policy_checks.access.reasons import Reason, Reasons, read_reasons
from policy_checks.access.wildcards import Wildcard, wildcards_of

__all__ = [
    "Authorities",
    "Capability",
    "Judgement",
    "Reason",
    "Reasons",
    "Wildcard",
    "capabilities_of",
    "judge",
    "read_authorities",
    "read_reasons",
    "wildcards_of",
]
