"""What Terraform makes, in the classes of `manifests.topology`, and how it differs from what the manifests want.

What only one place can have (addresses, ids, times) is left out of the comparison.
"""

from policy_checks.topology.comparing import differences
from policy_checks.topology.from_terraform import topology_from_terraform

__all__ = ["differences", "topology_from_terraform"]
