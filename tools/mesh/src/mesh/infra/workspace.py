"""Paths of an environment's Terraform files."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from localmesh.config import MeshSettings
from mesh.environments import LOCAL
from mesh.infra.errors import UnknownEnvironmentError

PRODUCTION: Final = frozenset({"prod"})
BOOTSTRAP: Final = "terraform/bootstrap"
_ENVIRONMENTS: Final = "terraform/environments"
_NAME: Final = re.compile(r"(?=.{1,16}$)[a-z](-?[a-z0-9])*")
_VARIABLE: Final = re.compile(r'^\s*variable\s+"([^"]+)"', re.MULTILINE)
_REGION: Final = re.compile(r'^\s*region\s*=\s*"([^"]+)"', re.MULTILINE)
_DEFAULT_REGION: Final = re.compile(r'^variable "region" \{[^}]*^\s*default\s*=\s*"([^"]+)"', re.MULTILINE)
_BACKEND: Final = re.compile(r'^\s*backend\s+"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Workspace:
    """One environment of a repository."""

    root: Path
    environment: str

    @property
    def folder(self) -> Path:
        """The environment's root module."""
        return self.root / _ENVIRONMENTS / self.environment

    @property
    def is_local(self) -> bool:
        """Whether it is the mesh on this machine."""
        return self.environment == LOCAL

    @property
    def is_production(self) -> bool:
        """Whether its name must be typed before anything changes."""
        return self.environment in PRODUCTION

    @property
    def build(self) -> Path:
        """Build artifacts: packages, contracts, plans."""
        return self.root / "build"

    @property
    def plan_file(self) -> Path:
        """The last plan of `plan`."""
        return self.build / "terraform" / f"{self.environment}.tfplan"

    @property
    def packages_file(self) -> Path:
        """The index of `mesh package`; the local mesh uses different packages than Lambda."""
        return self.build / ("packages-local" if self.is_local else "packages") / "packages.json"

    @property
    def contracts(self) -> Path:
        """The output of `mesh contracts export`."""
        return self.build / "contracts"

    @property
    def outputs_folder(self) -> Path:
        """Saved outputs, which other commands read."""
        return self.root / ".environments"

    @property
    def state_folder(self) -> Path:
        """The folder of a local environment's state and Terraform's own files, beside the mesh's."""
        return MeshSettings().state_dir / "terraform"

    @property
    def variables(self) -> frozenset[str]:
        """Names of the variables that the root module declares."""
        return declared_variables(self.folder)

    @property
    def region(self) -> str | None:
        """The region that Terraform will use, by its precedence of variables; None without such a variable."""
        if "region" not in self.variables:
            return None
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in self._values]
        found = [match.group(1) for text in texts for match in _REGION.finditer(text)]
        if found:
            return found[-1]
        default = _DEFAULT_REGION.search(_text(self.folder))
        return os.environ.get("TF_VAR_region") or (default.group(1) if default else None)  # noqa: SIM112

    @property
    def _values(self) -> list[Path]:
        """Files with values of variables, in ascending precedence."""
        named = self.folder / "terraform.tfvars"
        return [*([named] if named.is_file() else []), *sorted(self.folder.glob("*.auto.tfvars"))]

    @property
    def backend(self) -> str | None:
        """The type of its state backend; None if not declared."""
        found = _BACKEND.findall(_text(self.folder))
        return found[-1] if found else None

    def check(self) -> None:
        """Raises UnknownEnvironmentError."""
        if not _NAME.fullmatch(self.environment) or not any(self.folder.glob("*.tf")):
            folders = (self.root / _ENVIRONMENTS).glob("*/*.tf")
            known = ", ".join(sorted({file.parent.name for file in folders})) or "none"
            raise UnknownEnvironmentError(f"{_ENVIRONMENTS}/{self.environment} does not exist (known: {known})")


def declared_variables(folder: Path) -> frozenset[str]:
    """Names of the variables of a root module."""
    return frozenset(_VARIABLE.findall(_text(folder)))


def state_bucket(account: str) -> str:
    """The bucket with the states of all environments of an account."""
    return f"collections-terraform-state-{account}"


def state_key(environment: str) -> str:
    """The key of an environment's state in the bucket."""
    return f"{environment}/terraform.tfstate"


def _text(folder: Path) -> str:
    files = sorted(folder.glob("*.tf"), key=lambda file: (file.stem.endswith("override"), file.name))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
