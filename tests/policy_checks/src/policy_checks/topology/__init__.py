"""The topology of an environment in one form, whoever made it.

Read from an applied Terraform state (`planted`), from AWS's APIs or an emulator's (`found`), and derived from the
manifests (`declared`); `differences` compares any two. What only one place can have (addresses, ids, times) is left
out of all three in the same way, see `forms`.
"""

from policy_checks.topology.differing import differences
from policy_checks.topology.forms import Key, Topology
from policy_checks.topology.from_aws import found_topology
from policy_checks.topology.from_manifests import declared_topology
from policy_checks.topology.from_terraform import planted_topology

__all__ = ["Key", "Topology", "declared_topology", "differences", "found_topology", "planted_topology"]
