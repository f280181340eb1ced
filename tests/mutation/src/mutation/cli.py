"""`python -m mutation`: exit code 1 when tests notice too few mutants, 2 when mutants could not be tested."""

from __future__ import annotations

import json
import os
import random
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from mutation import report
from mutation.configuration import Configuration, load
from mutation.project import Mutant, Project
from testkit.servers import hosted_servers
from workspace import OperatorError

app = typer.Typer(
    help="Change the code in small ways, and find the changes that no test notices.", no_args_is_help=True
)

AsJson = Annotated[Path | None, typer.Option("--json", help="Write the results to this file.")]


@app.command()
def run(
    modules: Annotated[
        list[str] | None,
        typer.Argument(
            help="Packages, modules or files: chassis, chassis.outbox, services/imaging. Default: a sample of all."
        ),
    ] = None,
    sample: Annotated[
        int | None, typer.Option(help="How many mutants; 0: all. Default: 300, or all of modules.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Which sample.")] = 1,
    children: Annotated[int, typer.Option(help="Mutants tested at a time.")] = os.cpu_count() or 2,
    as_json: AsJson = None,
) -> None:
    """Test mutants; print a table of figures and every mutant that survived."""
    settings = load()
    size = sample if sample is not None else (0 if modules else 300)
    results: list[report.Result] = []
    failures: list[str] = []
    try:
        with hosted_servers():
            for found in _run(settings, modules or list(settings.packages), size, seed, children):
                # What one package's tests cost is not thrown away because another's cannot run.
                results.append(found) if isinstance(found, report.Result) else failures.append(str(found))
    except OperatorError as error:
        failures.append(str(error))
    if as_json:
        as_json.write_text(report.dump(results), encoding="utf-8")
    typer.echo(report.survivors(results))
    _judge(results, settings, failures)


@app.command()
def summary(files: Annotated[list[Path], typer.Argument(help="What --json wrote.")]) -> None:
    """The figures of several runs together, as a Markdown table."""
    _judge(report.read(files), load(), [])


@app.command()
def packages() -> None:
    """The packages that are covered, as a JSON list."""
    typer.echo(json.dumps(list(load().packages)))


def _run(
    settings: Configuration, modules: list[str], size: int, seed: int, children: int
) -> Iterator[report.Result | OperatorError]:
    """What became of each package's mutants, or why they could not be tested."""
    prefixes: defaultdict[str, list[str]] = defaultdict(list)
    for module in modules:
        found, prefix = settings.select(module)
        prefixes[found.name].append(f"{prefix}.")
    projects = {name: Project(settings.packages[name], settings) for name in prefixes}
    candidates = [
        (package, name)
        for package, project in projects.items()
        for name in project.create(children)
        if name.startswith(tuple(prefixes[package]))
    ]
    if size:
        random.Random(seed).shuffle(candidates)
    chosen: defaultdict[str, dict[str, Mutant]] = defaultdict(dict)
    equivalent: defaultdict[str, int] = defaultdict(int)
    for package, name in candidates:
        mutant = projects[package].describe(name)
        if settings.is_equivalent(name, mutant.before, mutant.after):
            equivalent[package] += 1
        else:
            chosen[package][name] = mutant
        if size and sum(map(len, chosen.values())) == size:
            break
    for package, mutants in sorted(chosen.items()):
        typer.echo(f"{package}: testing {len(mutants)} mutants", err=True)
        try:
            verdicts = projects[package].run(mutants, children)
        except OperatorError as error:
            yield error
        else:
            yield report.Result.of(package, mutants, verdicts, equivalent[package])


def _judge(results: list[report.Result], settings: Configuration, failures: list[str]) -> None:
    typer.echo(report.table(results))
    shortfalls = report.shortfalls(results, settings.minimum)
    for line in [*shortfalls, *(f"mutants: {failure}" for failure in failures)]:
        typer.echo(line, err=True)
    if shortfalls or failures:
        raise typer.Exit(2 if failures else 1)
