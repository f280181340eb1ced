"""Runs Terraform on a copy of the checkout, and reads its plans and states."""

from mesh.auditing.terraform.copying import copy_configuration, write_packages
from mesh.auditing.terraform.finding import find_terraform, has_own_providers
from mesh.auditing.terraform.resources import UNKNOWN, Resource, completed, fits, resources_of_plan, resources_of_state
from mesh.auditing.terraform.running import NO_AWS, Terraform
from mesh.auditing.terraform.summary import summarise
from mesh.auditing.terraform.working import Checked, Works, environments_of

__all__ = [
    "NO_AWS",
    "UNKNOWN",
    "Checked",
    "Resource",
    "Terraform",
    "Works",
    "completed",
    "copy_configuration",
    "environments_of",
    "find_terraform",
    "fits",
    "has_own_providers",
    "resources_of_plan",
    "resources_of_state",
    "summarise",
    "write_packages",
]
