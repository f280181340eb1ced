"""The command `mesh reprocess`. It imports what it needs when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Env = Annotated[str, typer.Option("--env", metavar="ENV", help="The environment: local, dev, staging, prod.")]


def reprocess(
    service: Annotated[str, typer.Argument(metavar="SERVICE", help="The service that describes: analysis.")],
    env: Env = "local",
    sample: Annotated[
        int | None, typer.Option(min=1, max=500, metavar="N", help="Describe N items, beside the live descriptions.")
    ] = None,
    prompt: Annotated[
        str | None,
        typer.Option(metavar="ID", help="name@version, or name:commit of LangSmith; else the configured."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model. Default: the configured one.")] = None,
    seed: Annotated[int, typer.Option(help="Another seed chooses other items.")] = 0,
    tenants: Annotated[list[str] | None, typer.Option("--tenant", help="Only this tenant; repeatable.")] = None,
    budget: Annotated[
        float | None, typer.Option(min=0, max=100_000, metavar="USD", help="What --sample or --promote may pay.")
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help='Compare search, too: [{"query": text, "relevant": [item ids]}, …].'),
    ] = None,
    examples: Annotated[int, typer.Option(min=0, max=20, help="Examples of each field that differs.")] = 2,
    show: Annotated[str | None, typer.Option(metavar="RUN", help="Compare the candidates of a run once more.")] = None,
    promote: Annotated[
        str | None, typer.Option(metavar="RUN", help="Make its candidates live, and describe the rest in the same way.")
    ] = None,
    rollback: Annotated[
        str | None, typer.Option(metavar="RUN", help="Return to what was live before the run (or replay).")
    ] = None,
    item: Annotated[str | None, typer.Option(metavar="ID", help="List the versions of an item.")] = None,
    version: Annotated[
        int | None, typer.Option(min=1, metavar="V", help="With --item: return to that version.")
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=10_000, help="Pictures a second at most.")] = 500,
    why: Annotated[str, typer.Option("--why", help="The reason; it is part of the order.")] = "",
    run_id: Annotated[
        str | None, typer.Option("--id", help="An id of your own; else the same order twice a day is one.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost; order nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Try a better prompt or model on a sample, promote it, or return to what was there before.

    One of --sample, --show, --promote, --rollback and --item. A sample pays for its calls, within --budget, and changes
    nothing that is live; promoting asks first; returning pays nobody.
    """
    from mesh.run import guarded

    chosen = {"--sample": sample, "--show": show, "--promote": promote, "--rollback": rollback, "--item": item}
    given = [name for name, value in chosen.items() if value is not None]
    if len(given) != 1:
        raise typer.BadParameter(f"one of {', '.join(chosen)} says what to do (given: {', '.join(given) or 'none'})")
    _refuse("--version goes with --item", version is not None and item is None)
    _refuse("--prompt and --model go with --sample: a run has its own", bool(prompt or model) and sample is None)
    _refuse("--budget goes with --sample and --promote", budget is not None and not (sample or promote))
    _refuse("--queries goes with --sample and --show", queries is not None and not (sample or show))
    if service != "analysis":
        raise typer.BadParameter(f"{service} makes no descriptions; analysis does", param_hint="SERVICE")

    def run() -> None:
        from mesh.environments import open_environment
        from mesh.reprocess import quality, steps

        asked = quality.read_queries(queries) if queries else []
        how = steps.How(
            env=env, rate=rate, why=why, run_id=run_id, budget=budget, tenants=tuple(tenants or ()), examples=examples,
            queries=asked, dry_run=dry_run, yes=yes, as_json=as_json,
        )  # fmt: skip
        environment = open_environment(env)
        if sample is not None:
            steps.sample(environment, how, number=sample, seed=seed, prompt=prompt, model=model)
        elif show is not None:
            steps.show(environment, how, show)
        elif promote is not None:
            steps.promote(environment, how, promote)
        elif rollback is not None:
            steps.roll_back(environment, how, rollback)
        else:
            steps.versions(environment, how, str(item), version)

    guarded(run)


def _refuse(reason: str, refused: bool) -> None:
    if refused:
        raise typer.BadParameter(reason)
