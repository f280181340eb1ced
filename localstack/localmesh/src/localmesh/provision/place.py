"""The deployment of the local mesh: this machine, this checkout."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from localmesh.config import MeshSettings
from manifests import Build, DatabaseAddress, Deployment, Names


def deployment_of(settings: MeshSettings, root: Path) -> Deployment:
    """The deployment on this machine."""
    extra = {"AWS_ENDPOINT_URL": settings.emulator_url}
    for provider in settings.providers:
        extra |= dict(provider.environment)
    return Deployment(
        names=Names(settings.environment, settings.region, settings.account),
        database=DatabaseAddress(settings.host, settings.postgres_port, auth="password", sslmode="disable"),
        queue_url_base=settings.emulator_url,
        build=_build(root),
        extra=extra,
    )


def _build(root: Path) -> Build:
    """The commit that is checked out; a folder without git has none. The time is the commit's, to be reproducible."""
    git = shutil.which("git")
    if git is None:
        return Build()
    run = subprocess.run(
        [git, "-C", str(root), "log", "-1", "--format=%H%n%cI%n%D", "--decorate=full"],
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )
    if run.returncode != 0:
        return Build()
    sha, timestamp, decoration = run.stdout.split("\n")[:3]
    branch = tag = ""
    for part in decoration.split(", "):
        if part.startswith("HEAD -> refs/heads/"):
            branch = part.removeprefix("HEAD -> refs/heads/")
        elif part.startswith("tag: refs/tags/"):
            tag = part.removeprefix("tag: refs/tags/")
    return Build(sha, tag, branch, timestamp)
