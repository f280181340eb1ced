"""Benchmarks of a running mesh: delivery, one picture, a hundred pictures, memory."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.delivery import measure_delivery
from benchmarks.drawing import Kind, draw
from benchmarks.figures import Figure, Section
from benchmarks.processes import Usage, machine_busy_s, usage, watching_peak
from benchmarks.target_mesh import Report, TargetMesh, target_mesh
from benchmarks.uploads import Journey, inspect, travel, travel_together
from mesh.client import Api

ONE_PICTURE_LIMIT_S: Final = 1.5
_MB: Final = 1e6
_WARM_UP: Final = 3
#: Of a hundred pictures, how many are photos; the others are screenshots.
_PHOTO_SHARE: Final = 0.2
_FIRST_OF_CROWD: Final = 1000
_WORTH_SHOWING: Final = 0.01


def measure_pipeline(
    report: Report, *, running: bool = False, events: int = 100, single: int = 15, crowd: int = 100
) -> list[Section]:
    """Measure the running mesh, or a separate one. Raises LostPictureError, TimeoutError, OperatorError."""
    with (
        target_mesh(report, running=running) as mesh,
        tempfile.TemporaryDirectory(prefix="collections-pictures-") as folder,
    ):
        idle = usage(mesh.settings.paths)
        report("events to a handler")
        sections = [measure_delivery(mesh, events)]
        with mesh.new_user() as api:
            report("one picture at a time")
            sections.append(_one_at_a_time(api, single, Path(folder)))
            sections += _together(mesh, api, crowd, Path(folder), idle, report)
            for item in api.items() if running else ():
                api.delete(item["id"])
    return sections


def _one_at_a_time(api: Api, count: int, folder: Path) -> Section:
    for number in range(_WARM_UP):
        travel(api, draw(Kind.SCREENSHOT, -1 - number, folder))
    figures: list[Figure] = []
    for kind in Kind:
        pictures = [draw(kind, number, folder) for number in range(count)]
        journeys = [travel(api, picture) for picture in pictures]
        seconds = median(journey.seconds for journey in journeys)
        figures.append(Figure(kind, "upload to searchable, p50", seconds, "s", limit=ONE_PICTURE_LIMIT_S))
        figures.append(Figure(kind, "slowest", max(journey.seconds for journey in journeys), "s"))
        figures += [Figure(kind, stage, value * 1000, "ms", note="p50") for stage, value in _stages(journeys)]
    return Section(
        "One picture",
        tuple(figures),
        notes=(
            f"{count} of each kind, one after the other, by one user; {_WARM_UP} before them warm the functions up",
            "searchable: its status says so and a hybrid search has returned it",
        ),
    )


def _stages(journeys: Sequence[Journey]) -> Iterable[tuple[str, float]]:
    for stage in journeys[0].stages:
        yield stage, median(journey.stages[stage] for journey in journeys)


def _together(mesh: TargetMesh, api: Api, count: int, folder: Path, idle: Usage, report: Report) -> list[Section]:
    report(f"drawing {count} pictures")
    photos = round(count * _PHOTO_SHARE)
    pictures = crowd_of(count, folder)
    report(f"{count} pictures at once")
    before, others_before = usage(mesh.settings.paths), machine_busy_s()
    with watching_peak(mesh.settings.paths) as peak:
        crowd = travel_together(api, pictures)
    after, busy = usage(mesh.settings.paths), machine_busy_s() - others_before
    report(f"looking for {count} pictures")
    found = inspect(api, crowd)
    for item_id, status in found.lost.items():
        report(f"item {item_id} is {status} and not found")
    subject = f"{count} pictures"
    figures = [
        Figure(subject, "throughput", count / crowd.seconds, "pictures/s"),
        Figure(subject, "all searchable after", crowd.seconds, "s", note=f"uploaded after {crowd.uploading_s:.1f} s"),
        Figure(subject, "lost", len(found.lost), "", limit=0, note="a search for its own headline does not find it"),
        Figure(subject, "dead letters", mesh.dead_letters(), "", limit=0),
    ]
    figures += [
        Figure(subject, stage, median(seconds), "s", note="p50, waiting included")
        for stage, seconds in found.stages.items()
    ]
    mix = f"{photos} photos of 12 megapixels, {count - photos} screenshots of 1280 x 800, four uploads at a time"
    return [
        Section(f"{count} pictures at once", tuple(figures), notes=(mix,)),
        _costs(before, after, count, crowd.seconds, busy),
        _memory(idle, peak.usage),
    ]


def crowd_of(count: int, folder: Path) -> list[Path]:
    """A fifth are photos of 12 megapixels, the others screenshots, mixed; the same in every run."""
    photos = round(count * _PHOTO_SHARE)
    kinds = [Kind.PHOTO] * photos + [Kind.SCREENSHOT] * (count - photos)
    random.Random(1).shuffle(kinds)
    return [draw(kind, _FIRST_OF_CROWD + number, folder) for number, kind in enumerate(kinds)]


def _costs(before: Usage, after: Usage, count: int, seconds: float, machine_busy: float) -> Section:
    spent = {group: now - before.cpu_s.get(group, 0) for group, now in after.cpu_s.items()}
    total = sum(spent.values())
    others = max(machine_busy - total, 0) / seconds
    figures = [
        Figure(
            "all", "processor time", total, "s", note=f"{total / seconds:.1f} processors; everything else {others:.1f}"
        )
    ]
    for group, used in sorted(spent.items(), key=lambda entry: -entry[1]):
        if used >= _WORTH_SHOWING * total:
            note = f"{used / total:.0%}, {used / count * 1000:.0f} ms a picture"
            figures.append(Figure(group, "processor time", used, "s", note=note))
    return Section("Where the time goes", tuple(figures), notes=("until the last picture was searchable",))


def _memory(idle: Usage, peak: Usage) -> Section:
    figures = [
        Figure(name, "memory", sum(use.memory.values()) / _MB, "MB", note=f"{len(use.memory)} groups")
        for name, use in (("idle", idle), ("peak", peak))
    ]
    for name, use in (("idle", idle), ("peak", peak)):
        workers = {group: size for group, size in use.memory.items() if group.startswith("worker ")}
        for group in ("postgres", "emulator", "providers"):
            figures.append(Figure(name, group, use.memory.get(group, 0) / _MB, "MB"))
        largest = ", ".join(
            f"{group.removeprefix('worker ')} {size / _MB:.0f}"
            for group, size in sorted(workers.items(), key=lambda entry: -entry[1])[:5]
        )
        figures.append(Figure(name, "workers of functions", sum(workers.values()) / _MB, "MB", note=largest))
    return Section(
        "Memory",
        tuple(figures),
        notes=("RSS: pages that processes share count in each, Postgres' buffers above all", "idle: just provisioned"),
    )
