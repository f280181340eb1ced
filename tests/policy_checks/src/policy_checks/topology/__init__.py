"""The topology of an environment in one form, whoever made it.

Read from an applied Terraform state (`from_terraform`), from AWS's APIs or an emulator's (`from_aws`), and derived from
the manifests (`from_manifests`); `differences` compares any two. What only one place can have (addresses, ids, times)
is left out of all three in the same way, see `forms`.
"""

from policy_checks.topology.differing import differences
from policy_checks.topology.forms import Key, Topology
from policy_checks.topology.from_aws import topology_from_aws
from policy_checks.topology.from_manifests import topology_from_manifests
from policy_checks.topology.from_terraform import topology_from_terraform

__all__ = ["Key", "Topology", "differences", "topology_from_aws", "topology_from_manifests", "topology_from_terraform"]
