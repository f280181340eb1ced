"""Runs in a fresh interpreter: imports given modules, and prints time and loaded modules as JSON.

Standard library only. Any network connection is an error: an import must not need one.
"""

import builtins
import importlib
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

OURS = frozenset(
    {"analysis", "chassis", "chat", "contracts", "embedding", "imaging", "ingest", "retrieval", "search", "sessions"}
)


def main() -> None:
    """Run the task in the first argument."""
    order = json.loads(sys.argv[1])
    sys.path[:0] = order["packages"]
    sys.addaudithook(refuse_connections)
    before = set(sys.modules)
    statements: list[str] = []
    program = compile("\n".join(order.get("statements", ())), "<statements>", "exec")
    with watching(statements, wanted=order["watch"]):
        wall, cpu = time.perf_counter(), time.process_time()
        if "handler" in order:
            module, _, name = order["handler"].rpartition(".")
            getattr(importlib.import_module(module), name)
        else:
            exec(program, {})
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    loaded = sorted(set(sys.modules) - before)
    result = {"wall_s": wall, "cpu_s": cpu, "modules": loaded, "statements": statements}
    sys.stdout.write("\n" + json.dumps(result) + "\n")


def refuse_connections(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook."""
    if event in {"socket.connect", "socket.getaddrinfo"}:
        raise RuntimeError(f"importing must not reach the network: {event} {arguments[1:]}")


@contextmanager
def watching(statements: list[str], *, wanted: bool) -> Iterator[None]:
    """Record import statements in our own modules of third-party ones."""
    original = builtins.__import__

    def watched(
        name: str,
        globals: Any = None,
        locals: Any = None,
        fromlist: Any = (),
        level: int = 0,
    ) -> Any:
        importer = str((globals or {}).get("__name__", "")).partition(".")[0]
        package = name.partition(".")[0]
        foreign = level == 0 and package not in OURS and package not in sys.stdlib_module_names
        module = original(name, globals, locals, fromlist, level)
        if importer in OURS and foreign:
            statement = f"from {name} import {', '.join(fromlist)}" if fromlist else f"import {name}"
            if statement not in statements:
                statements.append(statement)
        return module

    if wanted:
        builtins.__import__ = watched
    try:
        yield
    finally:
        builtins.__import__ = original


if __name__ == "__main__":
    main()
