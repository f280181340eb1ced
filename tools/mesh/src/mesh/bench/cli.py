"""`mesh bench …`: measurements as tables, or as JSON. Exit code 1 when a limit is missed.

Commands import what they need when they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mesh.bench.figures import Section
    from mesh.bench.standing import Report

app = typer.Typer(help="Measure: each figure beside a reference from the same run.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Running = Annotated[
    bool, typer.Option("--running", help="Measure the mesh that is up, and not one started for it on other ports.")
]


@app.command()
def imports(
    runs: Annotated[int, typer.Option(min=3, help="Fresh interpreters for each figure.")] = 7,
    service: Annotated[str | None, typer.Option(help="Only the functions of this service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cold import of every handler, beside the import of its third-party packages alone."""
    from mesh.bench.imports import measure_imports

    _run(lambda report: [measure_imports(report, runs=runs, only=service)], as_json=as_json)


@app.command()
def packages(
    zipped: Annotated[bool, typer.Option("--zip/--no-zip", help="Also zip them.")] = True, as_json: AsJson = False
) -> None:
    """Size of every Lambda package, with compiled modules."""
    from mesh.bench.packages import measure_packages

    _run(lambda report: [measure_packages(report, zipped=zipped)], as_json=as_json)


@app.command()
def pipeline(
    running: Running = False,
    events: Annotated[int, typer.Option(min=10, help="Events to a handler.")] = 100,
    single: Annotated[int, typer.Option(min=3, help="Pictures of each kind, one at a time.")] = 15,
    pictures: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Delivery of events, upload to searchable, throughput, memory: on a running mesh with instant AI providers."""
    from mesh.bench.pipeline import measure_pipeline

    _run(
        lambda report: measure_pipeline(report, running=running, events=events, single=single, crowd=pictures),
        as_json=as_json,
    )


@app.command(name="all")
def everything(running: Running = False, as_json: AsJson = False) -> None:
    """All of them, the pipeline first."""
    from mesh.bench.imports import measure_imports
    from mesh.bench.packages import measure_packages
    from mesh.bench.pipeline import measure_pipeline

    _run(
        lambda report: [
            *measure_pipeline(report, running=running),
            measure_imports(report),
            measure_packages(report),
        ],
        as_json=as_json,
    )


def _run(measure: Callable[[Report], list[Section]], *, as_json: bool) -> None:
    from rich.console import Console

    from mesh.bench.figures import show
    from mesh.bench.fresh import ImportFailedError
    from mesh.bench.machine import describe_machine
    from mesh.bench.uploads import LostPictureError
    from mesh.packaging.errors import PackagingError
    from mesh.run import guarded

    progress = Console(stderr=True, highlight=False, markup=False)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # a pipe has no width that anything should be cut to

    def command() -> None:
        with progress.status("measuring") as status:
            try:
                sections = [*measure(lambda line: status.update(line)), describe_machine()]
            except (PackagingError, ImportFailedError, LostPictureError, TimeoutError) as error:
                progress.print(f"mesh: {error}", style="red")
                raise typer.Exit(1) from error
        if not show(sections, console, as_json=as_json):
            raise typer.Exit(1)

    guarded(command)
