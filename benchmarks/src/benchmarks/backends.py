"""The same mesh on each back end, measured side by side: start, memory, events, pictures, replays.

Each figure of the mesh stands beside the bare path on the same emulator, from PutEvents to a client at a queue.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.delivery import measure_bare_path, measure_delivery
from benchmarks.drawing import Kind, draw
from benchmarks.figures import Figure, Section
from benchmarks.pipeline import crowd_of
from benchmarks.processes import proportional_memory
from benchmarks.replay import measure_rates
from benchmarks.target_mesh import Report, TargetMesh, instant, temporary_settings
from benchmarks.uploads import inspect, travel, travel_together
from localmesh import hostmode
from localmesh.config import Backend, MeshSettings
from localmesh.lifecycle import down, up

_MB: Final = 1e6
_SETTLE_S: Final = 10.0
_WARM_UP: Final = 2


def measure_backends(
    report: Report, backends: Sequence[Backend], *, events: int, single: int, pictures: int, replayed: int, folded: int
) -> list[Section]:
    """A section for each back end, all with the same figures. Raises LostPictureError, TimeoutError, OperatorError."""
    sections = []
    for backend in backends:

        def tell(line: str, backend: Backend = backend) -> None:
            report(f"{backend}: {line}")

        if backend is Backend.LOCALSTACK:
            hostmode.install(tell)  # once a machine, so it is no part of a start
        with temporary_settings(backend=backend) as settings:
            figures = _starts(settings, tell)
            mesh = TargetMesh.of(settings)
            with instant(settings):
                figures += _deliveries(mesh, events, tell)
                figures += _pictures(mesh, single, pictures, tell)
                rates = measure_rates(mesh, tell, events=replayed, folded=folded)
        figures += [
            Figure("PutEvents by a bare client, ten a call", "", rates.bare, "1/s"),
            Figure("replay to the bus", "", rates.to_bus, "1/s", rates.bare),
            Figure("replay to search's tables", "", rates.to_tables, "1/s", rates.bare),
        ]
        sections.append(Section(str(backend), tuple(figures)))
    return sections


def _starts(settings: MeshSettings, report: Report) -> list[Figure]:
    """From nothing, and after a stop; then what the idle mesh holds in memory."""
    report("cold start")
    cold = up(settings, report=lambda line: None).seconds
    down(settings, report=lambda line: None)
    report("warm start")
    warm = up(settings, report=lambda line: None).seconds
    time.sleep(_SETTLE_S)
    memory = proportional_memory(settings.paths)
    groups = ("emulator", "functions", "postgres", "providers", "keepers")
    return [
        Figure("time to ready", "cold", cold, "s"),
        Figure("time to ready", "warm", warm, "s"),
        *(Figure("idle memory", group, memory.get(group, 0) / _MB, "MB") for group in groups),
        Figure("idle memory", "all", sum(memory.values()) / _MB, "MB"),
    ]


def _deliveries(mesh: TargetMesh, events: int, report: Report) -> list[Figure]:
    report("events to a queue")
    bare = measure_bare_path(mesh, events)
    report("events to a handler")
    delivered = measure_delivery(mesh, events)
    to_queue = [Figure("PutEvents to SQS", figure.measure, figure.value, "ms") for figure in bare.figures]
    to_function, to_handler = [], []
    for figure, reference in zip(delivered.figures, bare.figures, strict=True):
        assert figure.reference is not None
        to_function.append(
            Figure("PutEvents to a bare function", figure.measure, figure.reference, "ms", reference.value)
        )
        to_handler.append(Figure("PutEvents to a handler", figure.measure, figure.value, "ms", reference.value))
    return [*to_queue, *to_function, *to_handler]


def _pictures(mesh: TargetMesh, single: int, count: int, report: Report) -> list[Figure]:
    with mesh.new_user() as api, tempfile.TemporaryDirectory(prefix="collections-pictures-") as folder:
        report("one picture at a time")
        for number in range(_WARM_UP):
            travel(api, draw(Kind.SCREENSHOT, -1 - number, Path(folder)))
        seconds = [travel(api, draw(Kind.SCREENSHOT, number, Path(folder))).seconds for number in range(single)]
        report(f"{count} pictures at once")
        crowd = travel_together(api, crowd_of(count, Path(folder)))
        lost = inspect(api, crowd).lost
    subject = f"{count} pictures"
    return [
        Figure("one picture to searchable", "p50", median(seconds), "s"),
        Figure("one picture to searchable", "slowest", max(seconds), "s"),
        Figure(subject, "all searchable", crowd.seconds, "s"),
        Figure(subject, "lost", len(lost), "", limit=0),
        Figure(subject, "dead letters", mesh.dead_letters(), "", limit=0),
    ]
