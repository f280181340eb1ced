"""Every wildcard in a policy has a stated reason."""

from pathlib import Path

import pytest

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.reasons import read_reasons
from policy_checks.wildcards import wildcards_of

REASONS = Path(__file__).parent / "reasons.yaml"


# The environment for experiments and production; staging differs from them only in numbers.
@pytest.mark.parametrize("environment", [pytest.param("dev", marks=pytest.mark.scheduled), "prod"])
def test_every_wildcard_has_a_reason_and_every_reason_a_wildcard(planned: PlannedEnvironment, environment: str) -> None:
    reasons, wildcards = read_reasons(REASONS), wildcards_of(planned)
    assert [str(wildcard) for wildcard in reasons.unstated(wildcards)] == []
    assert reasons.unused(wildcards) == []
