"""Imports handlers in fresh interpreters, as a cold start does, and records every loaded module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from manifests import DatabaseAddress, Deployment, FunctionRef, Manifests, Names, function_environment

#: Nothing listens on port 9 (discard), so a connection attempt during import is detected.
_NOWHERE: Final = "http://127.0.0.1:9"
_PROBE: Final = Path(__file__).with_name("probe.py")
_TIMEOUT_S: Final = 180


class ImportFailedError(Exception):
    """A handler could not be imported, or tried to reach the network during import."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a handler: seconds, every module that it loaded, and the import statements in our own code that
    imported third-party packages, in the order in which they first ran."""

    wall_s: float
    cpu_s: float
    modules: frozenset[str]
    statements: tuple[str, ...]

    def loaded(self, names: Sequence[str]) -> frozenset[str]:
        """Those of the modules that were loaded."""
        return self.modules & frozenset(names)


def environment_of(manifests: Manifests, ref: FunctionRef) -> dict[str, str]:
    """The function's environment variables, with every address unreachable, and little else."""
    addresses = {
        "AWS_ENDPOINT_URL": _NOWHERE,
        "ANTHROPIC_BASE_URL": _NOWHERE,
        "OPENAI_BASE_URL": _NOWHERE,
        "VOYAGE_BASE_URL": f"{_NOWHERE}/voyage/v1",
        "TAVILY_BASE_URL": f"{_NOWHERE}/tavily",
    }
    deployment = Deployment(
        Names("local", "us-east-1", "000000000000"),
        DatabaseAddress("127.0.0.1", 9, auth="password", sslmode="disable"),
        _NOWHERE,
        extra=addresses,
    )
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LANG": "C.UTF-8",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        **function_environment(manifests, deployment, ref),
    }


def import_handler(
    handler: str, environment: Mapping[str, str], *, packages: Sequence[Path] | None = None, watch: bool = True
) -> Import:
    """Import `package.module.name` in a fresh interpreter.

    `packages` are the only folders it may import from besides the standard library; None means this environment.
    `watch` records which statements imported what, which costs a little time: leave it out when measuring time.
    Raises ImportFailedError.
    """
    return _probe({"handler": handler, "watch": watch}, environment, packages)


def run_statements(
    statements: Sequence[str], environment: Mapping[str, str], *, packages: Sequence[Path] | None = None
) -> Import:
    """Run statements in a fresh interpreter, with `packages` as above. Raises ImportFailedError."""
    return _probe({"statements": list(statements), "watch": False}, environment, packages)


def _probe(task: Mapping[str, object], environment: Mapping[str, str], packages: Sequence[Path] | None) -> Import:
    isolated = ["-I"] if packages is None else ["-I", "-S"]
    order = {**task, "packages": [str(folder) for folder in packages or ()]}
    run = subprocess.run(
        [sys.executable, *isolated, str(_PROBE), json.dumps(order)],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if run.returncode != 0:
        raise ImportFailedError(f"{task.get('handler', 'the statements')}: {run.stderr.strip()[-3000:]}")
    result = json.loads(run.stdout.splitlines()[-1])
    return Import(result["wall_s"], result["cpu_s"], frozenset(result["modules"]), tuple(result["statements"]))
