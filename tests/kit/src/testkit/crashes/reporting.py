"""A pytest plugin: the seed of the crash matrix, and at the end of a run how much it tried."""

from __future__ import annotations

import secrets

import pytest

_TITLE = "crash matrix"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of the crash matrix."""
    group = parser.getgroup(_TITLE)
    group.addoption("--crash-seed", type=int, help="the seed of the crash matrix (default: drawn)")
    group.addoption("--crash-seeds", type=int, default=200, help="sequences of faults in a scheduled run (200)")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Draw the seed, which parallel workers are given with the other options."""
    if config.option.crash_seed is None:
        config.option.crash_seed = secrets.randbelow(1_000_000)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Points, cases and faults of each flow."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, [])]
    lines = [str(value) for report in reports for name, value in report.user_properties if name == _TITLE]
    if lines:
        terminalreporter.section(f"{_TITLE}, --crash-seed {config.option.crash_seed}")
        for line in sorted(lines):
            terminalreporter.line(line)
