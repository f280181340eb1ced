"""`python -m benchmarks …`: benchmarks as tables, or as JSON. Exit code 1 when a limit is exceeded.

Commands import what they need when they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.figures import Section
    from benchmarks.target_mesh import Report

app = typer.Typer(help="Run benchmarks: each figure beside a reference from the same run.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Running = Annotated[
    bool, typer.Option("--running", help="Measure the mesh that is up, instead of starting one on other ports.")
]


@app.command()
def imports(
    runs: Annotated[int, typer.Option(min=3, help="Fresh interpreters per figure.")] = 7,
    service: Annotated[str | None, typer.Option(help="Only the functions of this service.")] = None,
    as_json: AsJson = False,
) -> None:
    """Cold import of every handler, beside the import of only its third-party packages."""
    from benchmarks.imports import measure_imports

    _run(lambda report: [measure_imports(report, runs=runs, only=service)], as_json=as_json)


@app.command()
def packages(
    zipped: Annotated[bool, typer.Option("--zip/--no-zip", help="Zip the packages too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Size of every Lambda package, with compiled modules."""
    from benchmarks.packages import measure_packages

    _run(lambda report: [measure_packages(report, zipped=zipped)], as_json=as_json)


@app.command()
def pipeline(
    running: Running = False,
    events: Annotated[int, typer.Option(min=10, help="Events to a handler.")] = 100,
    single: Annotated[int, typer.Option(min=3, help="Pictures of each kind, one at a time.")] = 15,
    pictures: Annotated[int, typer.Option(min=1, help="Concurrent pictures.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Delivery of events, upload to searchable, throughput, memory: on a mesh with instant AI providers."""
    from benchmarks.pipeline import measure_pipeline

    _run(
        lambda report: measure_pipeline(report, running=running, events=events, single=single, crowd=pictures),
        as_json=as_json,
    )


@app.command()
def replay(
    running: Running = False,
    events: Annotated[int, typer.Option(min=100, help="Events to the bus.")] = 20_000,
    folded: Annotated[int, typer.Option(min=10, help="Events to search.")] = 2_000,
    as_json: AsJson = False,
) -> None:
    """A replay from the store to the bus, and to a consumer's tables, beside a bare client."""
    from benchmarks.replay import measure_replay

    _run(lambda report: measure_replay(report, running=running, events=events, folded=folded), as_json=as_json)


@app.command()
def backends(
    backend: Annotated[list[str] | None, typer.Option(help="ministack or localstack; default: both.")] = None,
    events: Annotated[int, typer.Option(min=10, help="Events to a queue and to a handler.")] = 60,
    single: Annotated[int, typer.Option(min=3, help="Pictures, one at a time.")] = 10,
    pictures: Annotated[int, typer.Option(min=1, help="Concurrent pictures.")] = 100,
    replayed: Annotated[int, typer.Option(min=100, help="Events replayed to the bus.")] = 2_000,
    folded: Annotated[int, typer.Option(min=10, help="Events replayed to search.")] = 300,
    as_json: AsJson = False,
) -> None:
    """The mesh on each back end, side by side, as a Markdown table: start, memory, events, pictures, replays."""
    from benchmarks.backends import measure_backends
    from localmesh.config import Backend

    if unknown := set(backend or ()) - set(Backend):
        raise typer.BadParameter(f"no back end: {', '.join(sorted(unknown))}", param_hint="--backend")
    _run(
        lambda report: measure_backends(
            report, [Backend(name) for name in backend or Backend],
            events=events, single=single, pictures=pictures, replayed=replayed, folded=folded,
        ),
        as_json=as_json, side_by_side=True,
    )  # fmt: skip


@app.command()
def contracts(seconds: Annotated[float, typer.Option(help="Seconds per figure.")] = 0.2) -> None:
    """Validation of every event, beside jsonschema and fastjsonschema."""
    from benchmarks.contracts import measure_contracts

    if not measure_contracts(seconds):
        raise typer.Exit(1)


@app.command()
def search(
    sizes: Annotated[str, typer.Option(help="Items of each tenant.")] = "100 1000 10000",
    queries: Annotated[int, typer.Option(min=3, help="Queries for each figure.")] = 40,
    dsn: Annotated[
        str | None, typer.Option(help="An empty database with pgvector in public, instead of starting a server.")
    ] = None,
) -> None:
    """Search of a tenant of n items, beside numpy's dot product."""
    from benchmarks.search import measure_search

    measure_search([int(size) for size in sizes.split()], queries, dsn)


@app.command()
def golden(
    fit: Annotated[
        bool, typer.Option("--fit", help="Thresholds and weights, fitted on one half of the queries.")
    ] = False,
    write: Annotated[
        bool, typer.Option("--write", help="Make items and queries again, and take the figures for the baseline.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """How well searches find what they should, on the golden set; fails where it is worse."""
    import json

    from benchmarks.golden.measuring import drops, fitted, fusions, loaded, measure
    from benchmarks.golden.places import BASELINE, FOLDER
    from benchmarks.golden.writing import contents, markdown

    if write:
        for name, content in contents().items():
            (FOLDER / name).write_text(content, encoding="utf-8")
    with loaded() as collection:
        if fit:
            print(json.dumps({"thresholds": fitted(collection), "fusion": fusions(collection)}, indent=2))
            return
        measured = measure(collection)
    print(json.dumps(measured, indent=2) if as_json else markdown(measured))
    if write:
        BASELINE.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    if worse := drops(measured):
        typer.echo("\n".join(worse), err=True)
        raise typer.Exit(1)


@app.command(name="store")
def event_store(
    connections: Annotated[int, typer.Option(min=1, help="Writers at once.")] = 4,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds of writing in each run.")] = 1,
    runs: Annotated[int, typer.Option(min=1, help="Runs per figure; the median counts.")] = 3,
    read: Annotated[int, typer.Option(min=100, help="Events to read back in each run.")] = 20_000,
    as_json: AsJson = False,
) -> None:
    """Appends to the event store and reading it back, beside bare inserts."""
    from benchmarks.store import measure_store

    _run(
        lambda report: measure_store(report, connections=connections, seconds=seconds, runs=runs, read=read),
        as_json=as_json,
    )


@app.command(name="all")
def everything(running: Running = False, as_json: AsJson = False) -> None:
    """The benchmarks of pipeline, imports and packages."""
    from benchmarks.imports import measure_imports
    from benchmarks.packages import measure_packages
    from benchmarks.pipeline import measure_pipeline

    _run(
        lambda report: [
            *measure_pipeline(report, running=running),
            measure_imports(report),
            measure_packages(report),
        ],
        as_json=as_json,
    )


def _run(measure: Callable[[Report], list[Section]], *, as_json: bool, side_by_side: bool = False) -> None:
    from rich.console import Console

    from benchmarks.figures import markdown, show
    from benchmarks.fresh import ImportFailedError
    from benchmarks.machine import describe_machine
    from benchmarks.uploads import LostPictureError
    from mesh.packaging.errors import PackagingError
    from mesh.run import guarded

    progress = Console(stderr=True, highlight=False, markup=False)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 160  # output to a pipe is not cut to a width

    def command() -> None:
        with progress.status("measuring") as status:
            try:
                measured = measure(lambda line: status.update(line))
            except (PackagingError, ImportFailedError, LostPictureError, TimeoutError) as error:
                progress.print(f"mesh: {error}", style="red")
                raise typer.Exit(1) from error
        if side_by_side and not as_json:
            print(markdown(measured), end="\n\n")
            show([describe_machine()], console, as_json=False)
            if not all(section.is_met for section in measured):
                raise typer.Exit(1)
        elif not show([*measured, describe_machine()], console, as_json=as_json):
            raise typer.Exit(1)

    guarded(command)
