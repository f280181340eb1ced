"""Terraform for tests that need it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import pytest

from policy_checks.errors import TerraformUnusableError
from policy_checks.terraform import has_own_providers

T = TypeVar("T")


def terraform_or_skip(find: Callable[[], T]) -> T:
    """The result of `find`. Where CI provides Terraform, an error fails the test; elsewhere it skips the test."""
    try:
        return find()
    except TerraformUnusableError as error:
        arranged = has_own_providers() or "GITHUB_ACTIONS" in os.environ
        if os.environ.get("CI") and arranged:
            pytest.fail(f"Terraform is required here and unusable: {error}")
        pytest.skip(f"TERRAFORM IS NOT TESTED: {error}")
