"""The machine of the benchmarks, and its load."""

from __future__ import annotations

import os
import platform

import psutil

from benchmarks.figures import Figure, Section


def describe_machine() -> Section:
    """Processors, memory, versions, and the load average of the last quarter of an hour."""
    one, five, fifteen = os.getloadavg()
    return Section(
        "This machine",
        (
            Figure("processors", "", psutil.cpu_count() or 0, ""),
            Figure("memory", "", psutil.virtual_memory().total / 1e9, "GB"),
            Figure("load average", "5 min", five, "", note=f"1 min {one:.1f}, 15 min {fifteen:.1f}"),
        ),
        notes=(f"{platform.platform()}, Python {platform.python_version()}",),
    )
