"""The build to deploy, as `/version` will report it: the commit that is checked out, marked when files differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from localmesh.config import MeshSettings
from localmesh.provision.place import deployment_of
from manifests import Build
from registry.errors import GitError
from registry.git import Repository


def build_here(root: Path, *, local: bool = False) -> Build:
    """The build of a checkout; the local mesh's is never marked as dirty, as with `mesh up`."""
    build = deployment_of(MeshSettings(), root).build
    return build if local or not is_dirty(root) else replace(build, git_sha=f"{build.git_sha}-dirty")


def is_dirty(root: Path) -> bool:
    """Whether files differ from the commit; False where git is missing."""
    try:
        # Terraform itself writes its lock files.
        return Repository(root).is_dirty(".", ":(exclude,glob)**/.terraform.lock.hcl")
    except GitError:
        return False


def variables_of(build: Build) -> dict[str, str]:
    """The environment variables that hold a function's build."""
    return {
        "GIT_SHA": build.git_sha,
        "GIT_TAG": build.git_tag,
        "GIT_BRANCH": build.git_branch,
        "BUILD_TIMESTAMP": build.timestamp,
    }
