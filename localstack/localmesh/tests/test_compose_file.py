"""docker-compose.yml, held without an engine: its schema, and that whatever it names exists."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typer
import yaml

from localmesh import compose, hostmode
from localmesh.config import Backend, MeshSettings
from localmesh.hostmode.installation import VERSION
from localmesh.members import members_of
from workspace import REPOSITORY

FILE = REPOSITORY / "docker-compose.yml"
TEXT = FILE.read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
#: `${NAME}`, `${NAME:-default}`, `${NAME:+value}`.
VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?P<kind>:-|:\+)?(?P<value>[^}]*)\}")
IMAGE = re.compile(r"(astral-sh/uv|python|localstack/localstack|pgvector/pgvector):(\d[\w.-]+)")
#: What only Docker has to say: where the rest is mounted, and what is licensed.
OF_CONTAINERS = {"LOCALSTACK_AUTH_TOKEN"}
SETTINGS = {f"MESH_{name}".upper() for name in MeshSettings.model_fields}
# Of this machine, or the same as when nothing is said.
LOCAL = {"HOME", "LANG", "LOCALSTACK_VOLUME_DIR", "PATH", "TMPDIR", "TZ", "MESH_FUNCTION_PASSES"}


def filled_in(value: Any, **given: str) -> str:
    """The text with its variables replaced, as compose does it."""

    def replace(found: re.Match[str]) -> str:
        name, kind, value = found["name"], found["kind"], found["value"]
        return (value if name in given else "") if kind == ":+" else given.get(name, value)

    return VARIABLE.sub(replace, str(value))


def test_it_keeps_to_the_specification() -> None:
    schema = files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(COMPOSE, json.loads(schema.read_text(encoding="utf-8")))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"services": {"a": {"imagge": "b"}}}, json.loads(schema.read_text(encoding="utf-8")))


def test_the_workflows_keep_to_theirs() -> None:
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/github-workflows.json").read_text("utf-8"))
    for workflow in (REPOSITORY / ".github/workflows").glob("*.yml"):
        # YAML 1.1 reads the key `on` as true.
        parsed = {("on" if key is True else key): value for key, value in yaml.safe_load(workflow.read_text()).items()}
        jsonschema.validate(parsed, schema)
        # A workflow that names another context there is not run at all, and the schema does not know.
        contexts = set(re.findall(r"\$\{\{\s*(\w+)", json.dumps(parsed.get("env", {}))))
        assert contexts <= {"github", "inputs", "secrets", "vars"}, workflow.name


@pytest.mark.skipif(shutil.which("docker") is None, reason="there is no Docker client here")
def test_a_docker_client_reads_it() -> None:
    if subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this Docker client has no compose plugin")
    done = subprocess.run(
        ["docker", "compose", "-f", FILE, "config", "-q"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_image_is_built_here_or_pinned() -> None:
    built = {service["image"] for service in SERVICES.values() if "build" in service}
    fetched = {service["image"] for service in SERVICES.values()} - built
    pinned = [*fetched, *COMPOSE["x-images"]["build"].values()]
    assert len(pinned) >= 4
    for image in pinned:
        assert re.search(r":[\w.-]*\d+\.\d+[\w.-]*(@sha256:[0-9a-f]{64})?$", filled_in(image)), image


def test_localstack_is_the_same_version_with_docker_and_without() -> None:
    image = COMPOSE["x-images"]["build"]["LOCALSTACK_IMAGE"]
    assert filled_in(image) == f"localstack/localstack:{VERSION}"
    assert filled_in(image, LOCALSTACK_AUTH_TOKEN="ls-1") == f"localstack/localstack-pro:{VERSION}"


def test_an_image_has_one_version_wherever_it_is_named() -> None:
    named: dict[str, set[str]] = {}
    places = [FILE, REPOSITORY / "compose.containers.yml", *REPOSITORY.glob("*/Dockerfile")]
    for place in (*places, *(REPOSITORY / ".github/workflows").glob("*.yml")):
        text = filled_in(place.read_text(encoding="utf-8"))
        for image, tag in re.findall(
            r"((?:astral-sh/uv|python|localstack/localstack|pgvector/pgvector)):(\d[\w.-]+)", text
        ):
            named.setdefault(image, set()).add(tag)
    assert len(named) == 4
    assert all(len(tags) == 1 for tags in named.values()), named


def test_every_port_is_published_on_loopback_alone_and_is_the_same_inside() -> None:
    published = [filled_in(port) for service in SERVICES.values() for port in service.get("ports", ())]
    settings = MeshSettings(_env_file=None)
    wanted = [settings.emulator_port, settings.postgres_port, settings.providers_port]
    assert published == [f"127.0.0.1:{port}:{port}" for port in wanted]


def test_a_variable_has_one_default_that_of_the_mesh_without_docker() -> None:
    settings = MeshSettings(_env_file=None)
    found: dict[str, set[str]] = {}
    for match in VARIABLE.finditer(TEXT):
        if match["kind"] == ":-":
            found.setdefault(match["name"], set()).add(match["value"])
    for name, defaults in found.items():
        field = getattr(settings, name.removeprefix("MESH_").lower(), None)
        assert defaults == {str(field) if name.startswith("MESH_") else ""}, name


def test_every_variable_is_explained_in_the_example() -> None:
    explained = set(re.findall(r"^#?(\w+)=", (REPOSITORY / ".env.example").read_text(encoding="utf-8"), re.MULTILINE))
    assert {match["name"] for match in VARIABLE.finditer(TEXT)} <= explained


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_of_the_mesh_is_one(name: str) -> None:
    given = SERVICES[name].get("environment", {})
    executor = (REPOSITORY / "localstack/addons/src/mesh_addons").rglob("*.py")
    read = set(re.findall(r'"(MESH_\w+)"', "".join(file.read_text(encoding="utf-8") for file in executor)))
    assert {variable for variable in given if variable.startswith("MESH_")} <= SETTINGS | read


def test_localstack_is_set_up_as_without_docker(tmp_path: Path) -> None:
    options = hostmode.HostModeOptions(port=4566, folder=tmp_path, companion_url="http://127.0.0.1:4571")
    without = {name: value for name, value in hostmode.environment(options, {}).items() if name not in LOCAL}
    within = {name: filled_in(value) for name, value in SERVICES["localstack"]["environment"].items()}
    own = {"GATEWAY_LISTEN": "0.0.0.0:4566", "MESH_FUNCTION_PYTHON": "/app/.venv/bin/python"}
    assert {name: value for name, value in within.items() if name not in OF_CONTAINERS} == without | own


def test_every_path_exists() -> None:
    dockerfile = (REPOSITORY / "localstack/Dockerfile").read_text(encoding="utf-8")
    for service in SERVICES.values():
        if build := service.get("build"):
            assert (REPOSITORY / build["context"] / build["dockerfile"]).is_file()
            assert f"AS {build['target']}\n" in dockerfile
            assert set(re.findall(r"^ARG (\w+)", dockerfile, re.MULTILINE)) == set(build["args"])
        for volume in service.get("volumes", ()):
            assert volume.split(":")[0] in COMPOSE["volumes"], "volumes are named: nothing of this machine is mounted"
    assert "docker.sock" not in TEXT
    for path in re.findall(r"/app/(\S+)", dockerfile):
        assert path.startswith(".venv") or (REPOSITORY / path).exists(), path


@pytest.mark.parametrize("name", [name for name, service in SERVICES.items() if service["image"] == "collections-mesh"])
def test_every_command_exists(name: str) -> None:
    for words in (SERVICES[name]["command"], SERVICES[name].get("healthcheck", {}).get("test", ["CMD"])[1:]):
        if words[:1] == ["mesh"]:
            from mesh.cli import app

            command = typer.main.get_command(app).commands[words[1]]  # type: ignore[attr-defined]  # of a group
            options = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
            assert set(words[2:]) <= options
        elif words:
            assert words[:3] == ["python", "-m", "localmesh.compose"], shlex.join(words)
            given = compose.read_arguments(words[3:])
            known = members_of(MeshSettings(_env_file=None, backend=Backend.LOCALSTACK), all_of_them=True)
            assert given.command == "prepare" or given.server in {member.name for member in known}


def test_servers_wait_for_what_they_need_and_are_asked_whether_they_answer() -> None:
    for name, service in SERVICES.items():
        for other, wait in service.get("depends_on", {}).items():
            condition = wait["condition"]
            assert condition != "service_healthy" or "healthcheck" in SERVICES[other], f"{name} waits for {other}"
    waits = SERVICES["provisioner"]["depends_on"]
    needed = dict.fromkeys(("postgres", "providers", "localstack"), "service_healthy")
    assert {name: wait["condition"] for name, wait in waits.items()} == needed
    assert "restart" not in SERVICES["localstack"], "it would be empty, and nobody would fill it"


def test_preparing_makes_a_password_once(tmp_path: Path) -> None:
    settings = MeshSettings(_env_file=None, state_dir=tmp_path / "state", backend=Backend.LOCALSTACK)
    compose.prepare(settings)
    password = settings.postgres_password()
    assert len(password) >= 24
    assert settings.postgres_password_file.stat().st_mode & 0o777 == 0o600
    compose.prepare(settings)
    assert settings.postgres_password() == password
    assert settings.paths.backend == "localstack"


def test_the_workflow_takes_out_what_a_client_of_the_mesh_needs() -> None:
    workflow = (REPOSITORY / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    copied = re.search(r"for file in (.+); do\n\s+docker compose cp \"(\w+):/state/\$file\" \"(\S+)/\$file\"", workflow)
    assert copied is not None
    settings = MeshSettings(_env_file=None, state_dir=REPOSITORY / copied[3])
    needed = [settings.paths.provisioned, settings.paths.root / "backend", settings.postgres_password_file]
    assert [REPOSITORY / copied[3] / name for name in copied[1].split()] == needed
    assert "state:/state" in SERVICES[copied[2]]["volumes"]
    assert f"make test-e2e ATTACH={copied[3]}\n" in workflow
