"""Holds what functions may do against what they declare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from manifests import FunctionRef
from policy_checks.access.capabilities import Capability, key_of
from policy_checks.access.effective_policies import EffectivePolicies
from policy_checks.planned_environment import PlannedEnvironment


@dataclass(frozen=True)
class Evaluation:
    """What came of it: `tried` counts by (kind, verdict), `faults` says what is not as declared."""

    tried: Counter[tuple[str, str]]
    faults: tuple[str, ...]

    def count(self, verdict: str) -> int:
        """How many of the requests ended so: `allowed` or `denied`."""
        return sum(number for (_, found), number in self.tried.items() if found == verdict)


def evaluate_access(
    planned: PlannedEnvironment,
    policies: EffectivePolicies,
    functions: Iterable[FunctionRef],
    capabilities: Iterable[Capability],
) -> Evaluation:
    """Try every capability as every one of the functions. Raises PolicyNotUnderstoodError."""
    tried: Counter[tuple[str, str]] = Counter()
    faults = []
    wanted = list(capabilities)
    for ref in functions:
        name, key = planned.names.function(ref), key_of(ref)
        for capability in wanted:
            may = policies.may(name, capability.action, capability.resource, capability.context)
            tried[capability.kind, "allowed" if may else "denied"] += 1
            if may and key not in capability.holders:
                faults.append(f"{key} may do what it does not declare: {capability}")
            elif not may and key in capability.holders:
                faults.append(f"{key} may not do what it declares: {capability}")
    return Evaluation(tried, tuple(faults))
