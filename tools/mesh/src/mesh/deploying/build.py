"""Which build goes out, as `/version` will tell it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from localmesh.config import MeshSettings
from localmesh.provision.place import deployment_of
from manifests import Build
from mesh.contracts.errors import GitError
from mesh.contracts.git import Repository


def build_here(root: Path, *, local: bool = False) -> Build:
    """The commit that is checked out, marked when files differ from it; not for the local mesh, which `mesh up` does
    not mark either."""
    build = deployment_of(MeshSettings(), root).build
    if local or not _is_dirty(root):
        return build
    return replace(build, git_sha=f"{build.git_sha}-dirty")


def _is_dirty(root: Path) -> bool:
    try:
        # Terraform itself writes its lock files.
        return Repository(root).is_dirty(".", ":(exclude,glob)**/.terraform.lock.hcl")
    except GitError:
        return False


def variables_of(build: Build) -> dict[str, str]:
    """The environment variables that tell a function its build."""
    return {
        "GIT_SHA": build.git_sha,
        "GIT_TAG": build.git_tag,
        "GIT_BRANCH": build.git_branch,
        "BUILD_TIMESTAMP": build.timestamp,
    }
