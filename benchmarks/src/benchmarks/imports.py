"""Cold starts: the cost of importing a handler, beside importing only its third-party packages."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.figures import Figure, Section
from benchmarks.fresh import environment_of, import_handler, run_statements
from manifests import FunctionRef, Manifests, load_manifests
from workspace import REPOSITORY

RATIO_LIMIT: Final = 1.2


def measure_imports(
    report: Callable[[str], None], root: Path = REPOSITORY, *, runs: int = 7, only: str | None = None
) -> Section:
    """Import every handler, or those of one service, in fresh interpreters. Raises ImportFailedError."""
    manifests = load_manifests(root)
    figures: list[Figure] = []
    for ref in manifests.functions:
        if only in (None, ref.service.service):
            report(f"imports of {ref.service.service}.{ref.name}")
            figures += _measure(manifests, ref, runs)
    return Section(
        "Cold imports",
        tuple(figures),
        reference="our code's import statements of third-party packages, run alone in the same order",
        notes=(
            f"median of {runs} fresh interpreters each, handler and reference in turn, .pyc warm; the limit is on CPU",
        ),
    )


def _measure(manifests: Manifests, ref: FunctionRef, runs: int) -> list[Figure]:
    environment = environment_of(manifests, ref)
    seen = import_handler(ref.function.handler, environment)  # also warms the caches
    run_statements(seen.statements, environment)
    # In turn, so that other load on this machine affects both alike.
    pairs = [
        (
            import_handler(ref.function.handler, environment, watch=False),
            run_statements(seen.statements, environment),
        )
        for _ in range(runs)
    ]
    name = f"{ref.service.service}.{ref.name}"
    ours, alone = zip(*pairs, strict=True)
    return [
        Figure(
            name,
            "import, CPU",
            median(each.cpu_s for each in ours) * 1000,
            "ms",
            reference=median(each.cpu_s for each in alone) * 1000,
            limit=RATIO_LIMIT,
            note=f"{len(ours[0].modules)} modules",
        ),
        Figure(
            name,
            "import, wall",
            median(each.wall_s for each in ours) * 1000,
            "ms",
            reference=median(each.wall_s for each in alone) * 1000,
        ),
    ]
