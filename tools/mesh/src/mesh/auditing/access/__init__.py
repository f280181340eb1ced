"""Whether every function may do what its manifest declares, and nothing that belongs to another."""

from mesh.auditing.access.authorities import Authorities, read_authorities
from mesh.auditing.access.capabilities import Capability, capabilities_of
from mesh.auditing.access.judging import Judgement, judge
from mesh.auditing.access.reasons import Reason, Reasons, read_reasons
from mesh.auditing.access.wildcards import Wildcard, wildcards_of

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
