"""The topology of an environment in one form, whoever made it.

Read from an applied Terraform state (`planted`), from AWS's APIs or an emulator's (`found`), and derived from the
manifests (`declared`); `differences` compares any two. What only one place can have (addresses, ids, times) is left
out of all three in the same way, see `forms`.
"""

from mesh.auditing.topology.declared import declared_topology
from mesh.auditing.topology.differing import differences
from mesh.auditing.topology.forms import Key, Topology
from mesh.auditing.topology.found import found_topology
from mesh.auditing.topology.planted import planted_topology

__all__ = ["Key", "Topology", "declared_topology", "differences", "found_topology", "planted_topology"]
