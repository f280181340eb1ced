"""`mesh contracts record-deployment` and `mesh contracts can-deploy`: run, report, and set the exit code."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import typer

from registry.deployment_records import record
from registry.deployment_records.deciding import Answer, decide
from registry.deployment_records.record import Release
from registry.deployment_records.release import release_at, release_here
from registry.layout import Layout, find_layout

NOT_NOW = 1
_ENVIRONMENT = re.compile(r"[a-z][a-z0-9-]{0,15}")


def record_deployment(
    root: Path, service: str, environment: str, git_sha: str, *, folder: Path | None, as_json: bool
) -> None:
    """Record that the service at that commit runs in the environment now."""
    layout = find_layout(root)
    release = release_at(layout, service, git_sha)
    after = record.note(_folder(layout, folder), _checked(environment), release, at=datetime.now(UTC))
    if as_json:
        document = {"environment": environment, "recorded_at": after.services[service].recorded_at.isoformat()}
        typer.echo(json.dumps(document | _brief(release), indent=2, ensure_ascii=False))
        return
    typer.echo(f"{service} at {_short(release.git_sha)} runs in {environment}")
    for verb, versions in (("publishes", release.publishes), ("understands", release.understands)):
        for version in versions:
            typer.echo(f"  {verb} {version}")


def can_deploy(
    root: Path, service: str, environment: str, git_sha: str | None, *, folder: Path | None, first: bool, as_json: bool
) -> None:
    """May the service at that commit (default: the working tree) be deployed? Raises `typer.Exit` with code 1 when
    not."""
    layout = find_layout(root)
    release = release_at(layout, service, git_sha) if git_sha else release_here(layout, service)
    deployed = (
        record.Environment(environment=_checked(environment))
        if first
        else record.read(_folder(layout, folder), _checked(environment))
    )
    answer = decide(release, deployed)
    if as_json:
        typer.echo(json.dumps(answer.as_json(), indent=2, ensure_ascii=False))
    else:
        _print_answer(answer, others=len(deployed.services.keys() - {service}))
    if not answer.may_go_out:
        raise typer.Exit(NOT_NOW)


def _print_answer(answer: Answer, *, others: int) -> None:
    for reason in answer.reasons:
        typer.echo(f"no: {reason}")
        if reason.witness is not None:
            typer.echo(f"    for example {json.dumps(reason.witness, ensure_ascii=False)}")
    for note in answer.notes:
        typer.echo(f"note: {note}")
    verdict = "may be deployed" if answer.may_go_out else "may not be deployed"
    typer.echo(
        f"{answer.service} at {_short(answer.git_sha)} {verdict} to {answer.environment}: "
        f"{len(answer.pairs)} pairs of producer and consumer compared, {others} other services there"
    )


def _folder(layout: Layout, folder: Path | None) -> Path:
    return layout.root / layout.deployments if folder is None else folder


def _checked(environment: str) -> str:
    if not _ENVIRONMENT.fullmatch(environment):
        raise typer.BadParameter(f"{environment!r} is not a valid environment name: a-z, 0-9 and dashes, at most 16")
    return environment


def _short(git_sha: str) -> str:
    """A short commit hash, with any suffix for uncommitted changes."""
    commit, dash, rest = git_sha.partition("-")
    return commit[:12] + dash + rest


def _brief(release: Release) -> dict[str, object]:
    """A release without the schemas."""
    return {
        "service": release.service,
        "git_sha": release.git_sha,
        "publishes": [{"event": version.event, "version": version.version} for version in release.publishes],
        "understands": [{"event": version.event, "version": version.version} for version in release.understands],
    }
