"""Writes the published JSON Schemas (2020-12) from the models: `python -m contracts.export [--check] DIRECTORY`.

One file a contract version, `<type>/<version>.json`. With `--check` nothing is written; exit code 1 says that the
directory and the models differ.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from contracts.contract import Contract
from contracts.registry import REGISTRY

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_of(contract: type[Contract]) -> dict[str, Any]:
    """The contract's JSON Schema, named by its `dataschema`."""
    schema = contract.model_json_schema(mode="validation")
    return {"$schema": DIALECT, "$id": contract.dataschema(), "x-event-type": contract.event_type, **schema}


def schema_files(directory: Path) -> dict[Path, str]:
    """What the directory must hold: path -> text."""
    return {
        directory / contract.event_type / f"{contract.schema_version}.json": json.dumps(
            schema_of(contract), indent=2, ensure_ascii=False
        )
        + "\n"
        for contract in REGISTRY
    }


def main(arguments: list[str] | None = None) -> int:
    """Run the exporter; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.export", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    options = parser.parse_args(arguments)
    differing = [
        (path, text)
        for path, text in schema_files(options.directory).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path, text in differing:
        if options.check:
            sys.stderr.write(f"{path} does not match its model\n")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    return 1 if options.check and differing else 0


if __name__ == "__main__":
    sys.exit(main())
