"""Runs Terraform on a copy of the checkout, and reads its plans and states."""

from mesh.infra.resources import UNKNOWN, Resource, resources_of_plan, resources_of_state
from policy_checks.terraform.completion import completed, fits
from policy_checks.terraform.copying import copy_configuration, write_packages
from policy_checks.terraform.finding import find_terraform, has_own_providers
from policy_checks.terraform.runner import Runner, environments_of
from policy_checks.terraform.running import NO_AWS, Terraform
from policy_checks.terraform.summary import summarise

__all__ = [
    "NO_AWS",
    "UNKNOWN",
    "Resource",
    "Runner",
    "Terraform",
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
