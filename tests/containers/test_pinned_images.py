"""CI builds and runs images by digest: what it does for that, with a `docker` that answers as the real one does."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from workspace import REPOSITORY

COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
WORKFLOWS = {
    name: yaml.safe_load((REPOSITORY / f".github/workflows/{name}.yml").read_text()) for name in ("images", "ci")
}
PINNED = re.compile(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}")
#: A digest that is a tag's own, as a registry's would be.
DIGEST = 'sha256:$(printf %s "$6" | sha256sum | cut -c1-64)'
DOCKER = """#!/bin/sh
case "$1 $2" in
    "compose --profile") cat "$0.json" ;;
    "buildx imagetools") echo "{digest}"; exit {code} ;;
    *) exit 64 ;;
esac
"""


def as_compose_says(service: dict[str, Any]) -> dict[str, Any]:
    """The service with its variables filled in."""
    filled = re.sub(r"\$\{\w+:\+[^}]*\}", "", json.dumps(service))
    return dict(json.loads(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", filled)))


SERVICES = {name: as_compose_says(service) for name, service in COMPOSE["services"].items()}


def run(
    folder: Path, digest: str = DIGEST, code: int = 0, services: Any = SERVICES
) -> subprocess.CompletedProcess[str]:
    docker = folder / "docker"
    docker.write_text(DOCKER.format(digest=digest, code=code))
    docker.chmod(0o755)
    Path(f"{docker}.json").write_text(json.dumps({"services": services}))
    return subprocess.run(
        [sys.executable, "-I", REPOSITORY / "tools/pin_images.py", folder / "new/pinned.json"],
        env={"PATH": f"{folder}:/usr/bin:/bin"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_every_image_of_the_compose_file_gets_its_digest_and_keeps_its_tag(tmp_path: Path) -> None:
    done = run(tmp_path)
    assert done.returncode == 0, done.stderr
    merged = json.loads((tmp_path / "new/pinned.json").read_text())
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(merged, json.loads(schema.read_text(encoding="utf-8")))
    assert merged["services"].keys() == SERVICES.keys()
    for name, service in SERVICES.items():
        new = merged["services"][name]
        given, pinned = ({"": service["image"]}, {"": new.get("image")})
        if "build" in service:
            given, pinned = service["build"]["args"], new["build"]["args"]
        assert all(PINNED.fullmatch(image) for image in pinned.values())
        assert {argument: image.split("@")[0] for argument, image in pinned.items()} == given
    arguments = merged["services"]["localstack"]["build"]["args"]
    assert done.stdout.splitlines() == [f"{argument}={image}" for argument, image in sorted(arguments.items())]
    assert len(set(arguments.values())) == len(arguments) == 3


def test_an_image_with_a_digest_keeps_it(tmp_path: Path) -> None:
    image = f"pgvector/pgvector:0.8.1-pg18@sha256:{'0123456789abcdef' * 4}"
    assert run(tmp_path, services={"postgres": {"image": image}}).returncode == 0
    assert json.loads((tmp_path / "new/pinned.json").read_text()) == {"services": {"postgres": {"image": image}}}


@pytest.mark.parametrize(
    ("digest", "code", "image", "said"),
    [
        ("", 0, "a:1", "a:1: '' is no sha256 digest"),
        ("sha256:12", 0, "a:1", "a:1: 'sha256:12' is no sha256 digest"),
        (f"sha512:{'0' * 64}", 0, "a:1", "is no sha256 digest"),
        (f"sha256:{'g' * 64}", 0, "a:1", "is no sha256 digest"),
        (f"sha256:{'0' * 64}", 0, "a:1@sha256:latest", "a:1@sha256:latest: 'sha256:latest' is no sha256 digest"),
        (
            f"sha256:{'0' * 64}",
            1,
            "a:1",
            "docker buildx imagetools inspect --format {{.Manifest.Digest}} a:1: exit code 1",
        ),
    ],
)
def test_what_is_no_digest_is_refused(digest: str, code: int, image: str, said: str, tmp_path: Path) -> None:
    done = run(tmp_path, digest, code, {"a": {"image": image}})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("pin_images: ")
    assert done.stderr.endswith(f"{said}\n")
    assert not (tmp_path / "new").exists()


def test_without_docker_it_says_so(tmp_path: Path) -> None:
    script = [sys.executable, "-I", str(REPOSITORY / "tools/pin_images.py"), str(tmp_path / "pinned.json")]
    done = subprocess.run(script, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "pin_images: docker was not found\n")


def test_the_workflow_of_images_builds_all_of_them_from_the_same_digests() -> None:
    bases, image = (WORKFLOWS["images"]["jobs"][name] for name in ("bases", "image"))
    (pin,) = [step for step in bases["steps"] if step.get("id") == "pin"]
    command = re.search(r"python3 tools/pin_images\.py (\S+) > (\S+)\ncat \2 >> \"\$GITHUB_OUTPUT\"\n", pin["run"])
    assert command is not None
    (kept,) = [step["with"]["path"] for step in bases["steps"] if "upload-artifact" in step.get("uses", "")]
    assert kept == command[1]
    dockerfile = (REPOSITORY / "services/Dockerfile").read_text()
    arguments = set(re.findall(r"^FROM \$\{(\w+)\}", dockerfile, re.MULTILINE))
    assert bases["outputs"] == {name: f"${{{{ steps.pin.outputs.{name} }}}}" for name in arguments}
    assert image["needs"] == "bases"
    builds = [step["with"] for step in image["steps"] if "build-push-action" in step.get("uses", "")]
    assert len(builds) == 2
    for name in arguments:
        assert image["env"][name] == f"${{{{ needs.bases.outputs.{name} }}}}"
        assert all(f"{name}=${{{{ env.{name} }}}}" in build["build-args"].splitlines() for build in builds)
    *_, last = dockerfile.split("FROM ")
    assert "ARG PYTHON_IMAGE\n" in last
    assert "LABEL org.opencontainers.image.base.name=${PYTHON_IMAGE}\n" in last


def test_the_workflow_of_the_compose_file_runs_it_by_digest() -> None:
    commands = [step.get("run", "") for step in WORKFLOWS["ci"]["jobs"]["compose"]["steps"]]
    (place,) = [number for number, command in enumerate(commands) if "tools/pin_images.py" in command]
    written = re.search(r"pin_images\.py (\S+) ", commands[place])
    assert written is not None
    assert f'echo COMPOSE_FILE=docker-compose.yml:{written[1]} >> "$GITHUB_ENV"' in commands[place]
    assert not any(command.startswith("docker compose") for command in commands[:place])
    assert any(command.startswith("docker compose up") for command in commands[place:])
