"""Run the AWS emulator in the foreground: `python -m localmesh.emulator --port 4566 …`."""

from __future__ import annotations

import argparse
import ctypes
import os
import signal
import sys
from pathlib import Path

from localmesh.emulator.launch import EmulatorOptions, environment
from localmesh.errors import LocalMeshError
from workspace import REPOSITORY

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Replace the environment before MiniStack is imported (it reads its settings then), correct it, serve."""
    options, die_with_parent = _read_arguments()
    if die_with_parent and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    clean = environment(options, os.environ)
    os.environ.clear()
    os.environ.update(clean)

    from localmesh.emulator.corrections import load_corrected

    try:
        app = load_corrected(options)
    except LocalMeshError as error:
        raise SystemExit(str(error)) from error
    sys.argv = ["ministack"]
    app.main()


def _read_arguments() -> tuple[EmulatorOptions, bool]:
    state = REPOSITORY / ".mesh"
    parser = argparse.ArgumentParser(prog="python -m localmesh.emulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--state-dir", type=Path, default=state / "ministack")
    parser.add_argument("--objects-dir", type=Path, default=state / "s3")
    parser.add_argument("--temporary-dir", type=Path, default=state / "tmp")
    parser.add_argument("--snapshot-s", type=float, default=15.0, help="seconds between compactions of the journal")
    parser.add_argument("--needs", type=int, action="append", default=[], help="a port without which functions fail")
    parser.add_argument("--functions-url", default="", help="invoke the functions of the HTTP API at this endpoint")
    parser.add_argument("--iam", action="store_true", help="enforce the policies of the functions' roles")
    parser.add_argument("--outward", action="store_true", help="let functions use this shell's HTTPS proxy")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starting process does (Linux)")
    given = vars(parser.parse_args())
    die_with_parent = bool(given.pop("die_with_parent"))
    needs = tuple(given.pop("needs"))
    return EmulatorOptions(**given, needs=needs), die_with_parent


if __name__ == "__main__":
    main()
