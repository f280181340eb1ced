"""The topology that Terraform creates, as `manifests.topology`, and its differences from the manifests.

Values of one deployment (addresses, ids, times) are excluded from the comparison.
"""

from policy_checks.topology.comparing import differences
from policy_checks.topology.from_terraform import topology_from_terraform

__all__ = ["differences", "topology_from_terraform"]
