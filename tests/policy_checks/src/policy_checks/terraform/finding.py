"""Finds Terraform and its providers."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import urllib.request
from pathlib import Path
from typing import Final

from policy_checks.errors import TerraformFailedError, TerraformUnusableError
from policy_checks.terraform.running import Terraform
from workspace import REPOSITORY

MINIMUM: Final = (1, 11)
_CONFIGURATION = "TF_CLI_CONFIG_FILE"
_REGISTRY = "https://registry.terraform.io/.well-known/terraform.json"
_PROBE = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "~> 6.47" }
  }
}
"""


def find_terraform() -> Terraform:
    """Find Terraform and a source of its providers. Raises TerraformUnusableError."""
    return _with_providers(find_program())


def find_program() -> Path:
    """Find a recent enough Terraform. Raises TerraformUnusableError."""
    program = shutil.which("terraform")
    needed = ".".join(map(str, MINIMUM))
    if program is None:
        raise TerraformUnusableError(f"terraform is missing: install Terraform {needed} or newer")
    output = json.loads(subprocess.check_output([program, "version", "-json"], timeout=60, stderr=subprocess.DEVNULL))
    version = str(output["terraform_version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < MINIMUM:
        raise TerraformUnusableError(f"{program} is Terraform {version}: install {needed} or newer")
    return Path(program)


def has_own_providers() -> bool:
    """Whether an existing CLI configuration file names the source of providers."""
    return Path(os.environ.get(_CONFIGURATION) or "/nonexistent").is_file()


def _with_providers(program: Path) -> Terraform:
    configuration = Path(os.environ[_CONFIGURATION]) if has_own_providers() else None
    cache = None
    if configuration is None:
        _check_registry()
        cache = REPOSITORY / ".tools" / "terraform-providers"
        cache.mkdir(parents=True, exist_ok=True)
    terraform = Terraform(program, configuration, cache)
    with tempfile.TemporaryDirectory(prefix="collections-terraform-") as folder:
        (Path(folder) / "main.tf").write_text(_PROBE, encoding="utf-8")
        try:
            terraform.init(Path(folder))
        except TerraformFailedError as error:
            source = configuration or _REGISTRY
            raise TerraformUnusableError(f"the AWS provider cannot be installed from {source}: {error}") from error
    return terraform


def _check_registry() -> None:
    try:
        with urllib.request.urlopen(_REGISTRY, timeout=10):
            return
    except OSError as error:
        raise TerraformUnusableError(
            f"Terraform's providers are unavailable: {_CONFIGURATION} names no file with a mirror, and the registry"
            f" cannot be reached ({getattr(error, 'reason', error)})"
        ) from error
