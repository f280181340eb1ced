"""Writes the published schemas from the models: `python -m contracts.export [--check] [--flavour F] DIRECTORY`.

Flavour `json-schema` (2020-12): for each contract `<type>/<version>.json`, tolerant, for consumers, and
`<type>/<version>.producer.json`, closed, for producers. Files of older versions are never touched.
Flavour `eventbridge`: `<type>/<version>.json`, draft 4, the whole message as EventBridge Schemas keeps it.

With `--check` nothing is written; exit code 1 says that the directory and the models differ, or that a version that
was published is missing or corrupt. From a registry with faults nothing is written either.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from contracts.contract import Contract
from contracts.errors import SchemaFileError
from contracts.eventbridge import eventbridge_schema
from contracts.registry import REGISTRY
from contracts.schemas import PRODUCER_SUFFIX, Schema, consumer_schema, producer_schema, published_versions

Derive = Callable[[type[Contract]], Schema]

#: Flavour -> suffix of the file -> how its schema is derived.
FLAVOURS: Mapping[str, Mapping[str, Derive]] = {
    "json-schema": {".json": consumer_schema, PRODUCER_SUFFIX: producer_schema},
    "eventbridge": {".json": eventbridge_schema},
}


def schema_files(directory: Path, flavour: str = "json-schema") -> dict[Path, str]:
    """What is derived from the models, living and retired: path -> text."""
    return {
        directory / contract.event_type / f"{contract.schema_version}{suffix}": json.dumps(
            derive(contract), indent=2, ensure_ascii=False
        )
        + "\n"
        for contract in (*REGISTRY, *REGISTRY.retired())
        for suffix, derive in FLAVOURS[flavour].items()
    }


def lost_history(directory: Path) -> Iterator[str]:
    """What was published and is not there as it was: versions count without gaps, so that a missing one is seen."""
    try:
        published = published_versions(directory)
    except SchemaFileError as error:
        yield str(error)
        return
    known = {(version.event_type, version.minor): version for version in published}
    for version in published:
        for read in (version.consumer, version.producer):
            try:
                read()
            except SchemaFileError as error:
                yield str(error)
        if version.event_type not in {contract.event_type for contract in (*REGISTRY, *REGISTRY.retired())}:
            yield f"{version.consumer_file} has no contract; published versions stay readable for ever"
    for contract in REGISTRY:
        majors = {major.major(): major for major in REGISTRY.majors(contract.event_type)}
        for number in range(1, contract.major() + 1):
            last = int(majors[number].schema_version.partition(".")[2]) if number in majors else 0
            for minor in range(last + 1):
                if (f"{contract.fact()}.v{number}", minor) not in known:
                    yield f"{directory / f'{contract.fact()}.v{number}' / f'{number}.{minor}.json'} is missing"


def main(arguments: list[str] | None = None) -> int:
    """Run the exporter; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m contracts.export", description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--flavour", choices=sorted(FLAVOURS), default="json-schema")
    options = parser.parse_args(arguments)
    if REGISTRY.faults:
        sys.stderr.writelines(f"{fault.message}\n" for fault in REGISTRY.faults)
        return 1
    differing = [
        (path, text)
        for path, text in schema_files(options.directory, options.flavour).items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    problems: list[str] = []
    for path, text in differing:
        if options.check:
            problems.append(f"{path} does not match its model")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
    if options.flavour == "json-schema":
        problems += lost_history(options.directory)
    for problem in dict.fromkeys(problems):
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
