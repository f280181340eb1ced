"""Every image that docker-compose.yml fetches or builds from, with its digest: what CI builds and runs.

    python3 tools/pin_images.py build/compose.pinned.json

writes a file for compose to merge (`COMPOSE_FILE=docker-compose.yml:build/compose.pinned.json`), and prints the build
arguments, `NAME=image:tag@sha256:…` a line. A tag's digest is the one that its registry has for it now; an image that
docker-compose.yml names with a digest keeps that one. Needs Docker and Python's standard library alone, because CI runs
it before anything is installed. Exit code 1: a registry or Docker did not answer, or what it answered is no digest.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class PinError(Exception):
    """An image has no digest to be pinned by."""


def docker(*arguments: str) -> str:
    """What the command prints."""
    try:
        done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise PinError("docker was not found") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise PinError(f"docker {' '.join(arguments)}: {said[-1]}") from error
    return done.stdout.strip()


@cache
def pin(image: str) -> str:
    """`name:tag@sha256:…`, for all architectures: the digest is that of the index."""
    name, _, digest = image.partition("@")
    digest = digest or docker("buildx", "imagetools", "inspect", "--format", "{{.Manifest.Digest}}", name)
    if not DIGEST.fullmatch(digest):
        raise PinError(f"{image}: {digest!r} is no sha256 digest")
    return f"{name}@{digest}"


def pinned(service: dict[str, Any]) -> dict[str, Any]:
    """What the service of the compose file is to be merged with."""
    if build := service.get("build"):
        return {"build": {"args": {name: pin(image) for name, image in (build.get("args") or {}).items()}}}
    return {"image": pin(service["image"])}


def main() -> int:
    """Write the file, print the arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="where to write the compose file")
    target: Path = parser.parse_args().file
    try:
        # Compose itself follows anchors and fills in variables.
        services = json.loads(docker("compose", "--profile", "*", "config", "--format", "json"))["services"]
        merged = {name: pinned(service) for name, service in services.items()}
    except (PinError, json.JSONDecodeError) as error:
        print(f"pin_images: {error}", file=sys.stderr)
        return 1
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps({"services": merged}, indent=2) + "\n", encoding="utf-8")
    arguments = {name: image for one in merged.values() for name, image in one.get("build", {}).get("args", {}).items()}
    print("\n".join(f"{name}={image}" for name, image in sorted(arguments.items())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
