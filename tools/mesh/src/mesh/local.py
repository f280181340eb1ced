"""`mesh up`, `provision`, `down`, `reset` and `demo`: the mesh on this machine."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.status import Status

from localmesh.config import MeshSettings
from workspace import OperatorError

if TYPE_CHECKING:
    from localmesh.lifecycle import Up

_QUIET_S = 3.0


class Progress:
    """Progress lines with the time since the start; on a terminal also a status line with the current step."""

    def __init__(self, console: Console, status: Status) -> None:
        self._console = console
        self._status = status
        self._begun = time.monotonic()
        self._spoke = self._begun

    def __call__(self, line: str) -> None:
        """Print a line that stays."""
        self._spoke = time.monotonic()
        self._console.print(f"[{self._spoke - self._begun:5.1f} s] {line}")
        self._status.update(line)

    def detail(self, line: str) -> None:
        """Show the current step; without a terminal, print one now and then."""
        self._status.update(line)
        if not self._console.is_terminal and time.monotonic() - self._spoke > _QUIET_S:
            self(line)


def up(*, iam: bool | None, provision: bool, mode: str | None = None) -> None:
    """Start and provision; print the API's URL."""
    given = {"iam": iam, "mode": mode}
    chosen: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    start(MeshSettings(**chosen), _console(), provision=provision)


def start(settings: MeshSettings, console: Console, *, provision: bool = True) -> Up:
    """Bring the mesh up, with progress on the console."""
    from localmesh.lifecycle import up

    real = [provider.name for provider in settings.providers if provider.real]
    console.print(f"Collections mesh in {settings.state_dir} (real AI providers: {', '.join(real) or 'none'})")
    with console.status("checking this machine") as status:
        progress = Progress(console, status)
        try:
            result = up(settings, progress, progress.detail, with_provisioning=provision)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("`make down` stops what was started") from None
        if provision:
            _rebuild_due(settings, progress)
    api = settings.api_url if provision else "not provisioned"
    console.print(f"ready after {result.seconds:.1f} s: {api}", style="bold")
    return result


def provision() -> None:
    """Provision what runs already; print the API's URL."""
    from localmesh.provision import provision

    settings, console = MeshSettings(), _console()
    with console.status("provisioning") as status:
        progress = Progress(console, status)
        result = provision(settings, progress.detail)
        _rebuild_due(settings, progress)
    changes = len(result.changes) or "no"
    console.print(f"provisioned after {result.seconds:.1f} s ({changes} changes): {settings.api_url}", style="bold")


def _rebuild_due(settings: MeshSettings, report: Progress) -> None:
    """Rebuild what migrations have changed the meaning of: the code that folds it is there now."""
    from manifests import load_manifests
    from mesh.environments.opening import local_environment
    from mesh.rebuild.due import run_due
    from workspace import REPOSITORY

    manifests = load_manifests(REPOSITORY)
    run_due(local_environment(settings), manifests, sorted(manifests.services), report)


def demo(*, start_first: bool) -> None:
    """Bring the mesh up, unless it is, and run the demo on it; exit code 1 when a picture did not reach its expected
    status."""
    from localmesh.provision import load_provisioned
    from mesh.client import ApiError
    from mesh.demo import run_demo

    settings = MeshSettings()
    try:
        provisioned = start(settings, _console()).provisioned if start_first else load_provisioned(settings)
    except FileNotFoundError:
        provisioned = None
    if provisioned is None:
        raise OperatorError("the demo needs a provisioned mesh")
    try:
        as_planned = run_demo(settings, provisioned, Console())
    except (ApiError, TimeoutError) as error:
        raise OperatorError(f"the demo stopped: {error}; `make status` shows the last errors") from error
    if not as_planned:
        raise typer.Exit(1)


def down() -> None:
    """Stop the processes."""
    from localmesh import lifecycle

    settings, console = MeshSettings(), _console()
    with console.status("ending") as status:
        ran = lifecycle.down(settings, Progress(console, status))
    console.print(f"the mesh is down; {_kept(settings)}" if ran else "the mesh was not up")


def _kept(settings: MeshSettings) -> str:
    if "durability" in settings.backend.capabilities:
        return "its state is kept"
    return "events and users are kept, pictures and queues are not: LocalStack's community edition keeps nothing"


def reset(*, yes: bool) -> None:
    """Ask, then delete all data."""
    from localmesh import lifecycle

    settings = MeshSettings()
    if not yes and not typer.confirm(f"Delete everything in {settings.state_dir} (users, pictures, events)?"):
        raise typer.Exit(1)
    console = _console()
    with console.status("deleting") as status:
        lifecycle.reset(settings, Progress(console, status))
    console.print("the mesh is down and empty")


def _console() -> Console:
    return Console(highlight=False, markup=False, soft_wrap=True)
