"""Properties required of every environment, as a table of rules and one interpreter."""

from collections.abc import Iterable

from policy_checks.planned_environment import PlannedEnvironment
from policy_checks.rules import alarms, database, functions, policies, queues, roles, secrecy, storage, tables
from policy_checks.rules.base import Finding, Rule

RULES: tuple[Rule, ...] = (
    *queues.RULES,
    *alarms.RULES,
    *functions.RULES,
    *roles.RULES,
    *policies.RULES,
    *storage.RULES,
    *tables.RULES,
    *database.RULES,
    *secrecy.RULES,
)


def broken_rules(planned: PlannedEnvironment, rules: Iterable[Rule] = RULES) -> list[Finding]:
    """All violations of the rules."""
    return [Finding(rule.name, address, message) for rule in rules for address, message in rule.check(planned)]


__all__ = ["RULES", "Finding", "Rule", "broken_rules"]
