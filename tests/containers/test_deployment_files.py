"""What deploys containers is true: every path, setting, command, port and name in it exists. No engine is needed."""

import fnmatch
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from manifests import Deployment, load_manifests
from serving.__main__ import _read as read_arguments
from serving.plan import FunctionPlan, Role, make_plan
from serving.settings import Settings
from workspace import REPOSITORY

MANIFESTS = load_manifests(REPOSITORY)
KUBERNETES = REPOSITORY / "deploy/kubernetes"
OBJECTS: list[dict[str, Any]] = [
    document
    for file in yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]
    for document in yaml.safe_load_all((KUBERNETES / file).read_text())
]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.containers.yml").read_text())
DOCKERFILE = (REPOSITORY / "services/Dockerfile").read_text()
WORKFLOW: dict[str, Any] = yaml.safe_load((REPOSITORY / ".github/workflows/images.yml").read_text())
SCHEMA = Draft202012Validator(json.loads(Path(__file__).with_name("schemas").joinpath("kubernetes.json").read_text()))
SETTINGS = {name.upper() for name in Settings.model_fields}
#: Read by the AWS SDK, or by Python.
FOREIGN = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"}
PARENT_MB = 128


def named(kind: str, name: str) -> dict[str, Any]:
    return next(one for one in OBJECTS if one["kind"] == kind and one["metadata"]["name"] == name)


ENVIRONMENT: dict[str, str] = named("ConfigMap", "collections-environment")["data"]
DEPLOYMENTS = [one for one in OBJECTS if one["kind"] == "Deployment"]


def container(deployment: dict[str, Any]) -> dict[str, Any]:
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return dict(found)


def variables(deployment: dict[str, Any]) -> dict[str, str]:
    return ENVIRONMENT | {one["name"]: one["value"] for one in container(deployment).get("env", [])}


def settings(given: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return Settings()


def planned(arguments: list[str], deployment: Deployment, concurrency: int = 0) -> tuple[FunctionPlan, ...]:
    given = read_arguments(arguments)
    return make_plan(MANIFESTS, deployment, given.services, given.roles, concurrency).functions


def dotenv(path: str) -> dict[str, str]:
    lines = (REPOSITORY / path).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("document", OBJECTS, ids=lambda one: f"{one['kind']} {one['metadata']['name']}")
def test_every_object_is_one_of_kubernetes(document: dict[str, Any]) -> None:
    assert [f"{'/'.join(map(str, fault.path))}: {fault.message}" for fault in SCHEMA.iter_errors(document)] == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value"),
    [
        ("Deployment", "search-web", ("spec", "template", "spec", "containers", 0, "readynessProbe"), {}),
        ("Deployment", "search-web", ("spec", "replicas"), "two"),
        ("ScaledObject", "search-worker", ("spec", "maxReplicas"), 3),
        ("ScaledObject", "search-worker", ("spec", "triggers", 0, "metadata", "queueLength"), 100),
    ],
)
def test_the_schema_knows_what_is_wrong(kind: str, name: str, path: tuple[Any, ...], value: Any) -> None:
    document = json.loads(json.dumps(named(kind, name)))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not SCHEMA.is_valid(document)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda one: one["metadata"]["name"])
def test_a_deployment_runs_what_the_manifests_declare(
    deployment: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, pod = container(deployment), deployment["spec"]["template"]["spec"]
    given = variables(deployment)
    assert set(given) <= SETTINGS
    made = settings(given, monkeypatch)
    functions = planned(one["args"], made.deployment(), made.concurrency)
    assert {function.service for function in functions} == {"search"}
    ports = {port["name"]: port["containerPort"] for port in one["ports"]}
    serves = any(function.role is Role.WEB for function in functions)
    assert ports == {"management": made.management_port} | ({"http": made.port} if serves else {})
    assert one["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "management"}
    assert one["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "management"}
    assert pod["terminationGracePeriodSeconds"] > made.drain_s >= max(function.timeout_s for function in functions)
    processes = sum(
        function.memory_mb
        * (sum(queue.concurrency for queue in function.queues) or (made.http_processes if serves else 2))
        for function in functions
    )
    assert int(one["resources"]["limits"]["memory"].removesuffix("Mi")) >= processes + PARENT_MB
    assert one["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert deployment["spec"]["selector"]["matchLabels"] == deployment["spec"]["template"]["metadata"]["labels"]
    assert pod["serviceAccountName"] == named("ServiceAccount", "collections-search")["metadata"]["name"]


def test_all_roles_of_the_service_are_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(ENVIRONMENT, monkeypatch).deployment()
    deployed = {function.key for one in DEPLOYMENTS for function in planned(container(one)["args"], made)}
    assert deployed == {function.key for function in planned(["all", "search"], made)}
    assert named("Deployment", "search-schedule")["spec"]["replicas"] == 1


def test_workers_scale_by_the_queues_that_they_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(ENVIRONMENT, monkeypatch).deployment()
    scaled, worker = named("ScaledObject", "search-worker")["spec"], named("Deployment", "search-worker")
    assert scaled["scaleTargetRef"]["name"] == worker["metadata"]["name"]
    assert "replicas" not in worker["spec"]
    polled = {queue.url for function in planned(container(worker)["args"], made) for queue in function.queues}
    assert {trigger["metadata"]["queueURL"] for trigger in scaled["triggers"]} == polled
    for trigger in scaled["triggers"]:
        assert trigger["metadata"]["awsRegion"] == ENVIRONMENT["AWS_REGION"]
        assert named("TriggerAuthentication", trigger["authenticationRef"]["name"])


def test_the_ingress_has_the_routes_of_the_service_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings(ENVIRONMENT, monkeypatch).deployment()
    routes = {route.key.split(" ")[1] for function in planned(["web", "search"], made) for route in function.routes}
    paths = named("Ingress", "search")["spec"]["rules"][0]["http"]["paths"]
    assert {path["path"] for path in paths} == {re.sub(r"\{\w+\}", "[^/]+", route) + "$" for route in routes}
    assert {path["pathType"] for path in paths} == {"ImplementationSpecific"}
    service = named("Service", "search-web")["spec"]
    assert {path["backend"]["service"]["name"] for path in paths} == {"search-web"}
    assert [port["targetPort"] for port in service["ports"]] == ["http"]
    assert service["selector"] == named("Deployment", "search-web")["spec"]["selector"]["matchLabels"]


def test_every_service_has_its_container(monkeypatch: pytest.MonkeyPatch) -> None:
    services = COMPOSE["services"]
    assert set(services) == {"web", *MANIFESTS.services}
    example = dotenv("deploy/containers.env.example")
    assert set(example) <= SETTINGS
    made = settings(example, monkeypatch)
    covered: set[str] = set()
    for name, one in services.items():
        built_for = one["build"]["args"]["SERVICE"].split()
        assert built_for == ([*sorted(MANIFESTS.services)] if name == "web" else [name])
        functions = planned([*one["command"], *built_for], made.deployment())
        covered |= {function.key for function in functions}
        assert one["profiles"] == ["containers"]
        assert one["build"]["context"] == "."
        assert (REPOSITORY / one["build"]["dockerfile"]).is_file()
        assert set(one["environment"]) <= FOREIGN
        assert int(one["stop_grace_period"].removesuffix("s")) > made.drain_s
        assert one["read_only"] is True
        assert all(port.startswith("127.0.0.1:") and port.endswith(f":{made.port}") for port in one.get("ports", []))
    assert covered == {f"{ref.service.service}.{ref.name}" for ref in MANIFESTS.functions}


def test_the_image_is_built_of_what_exists() -> None:
    ignored = (REPOSITORY / "services/Dockerfile.dockerignore").read_text().splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert all((REPOSITORY / path).exists() for path in let_in)
    for path in ("services/platform.yaml", "services/operators.yaml", "uv.lock", "libraries/serving/pyproject.toml"):
        assert any(path == root or path.startswith(f"{root}/") for root in let_in)
        assert not any(fnmatch.fnmatch(path, line) for line in ignored if line.startswith("**"))
    bootstrap = (REPOSITORY / "tools/bootstrap.py").read_text()
    uv = re.search(r'UV_VERSION = "([\d.]+)"', bootstrap)
    assert uv is not None
    assert f"ghcr.io/astral-sh/uv:{uv[1]}" in DOCKERFILE
    assert MANIFESTS.platform.runtime.replace("python", "python:") in DOCKERFILE
    assert f"lib/{MANIFESTS.platform.runtime}/site-packages/chassis/rds-ca.pem" in DOCKERFILE
    assert (REPOSITORY / "services/lib/chassis/src/chassis/rds-ca.pem").is_file()


def test_the_manifests_in_the_image_are_all_that_a_plan_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = re.search(r"cp --parents ([^&]+?)\\\n\s+/app/manifests", DOCKERFILE)
    assert copied is not None
    for pattern in copied[1].split():
        for path in REPOSITORY.glob(pattern):
            target = tmp_path / path.relative_to(REPOSITORY)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    made = settings(ENVIRONMENT, monkeypatch)
    assert make_plan(load_manifests(tmp_path), made.deployment(), MANIFESTS.services, ()).functions


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.+)$", DOCKERFILE, re.MULTILINE)


def test_the_image_runs_as_nobody_with_the_commands_that_there_are() -> None:
    *_, last = DOCKERFILE.split("FROM ")
    assert "USER 10001:10001" in last
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["python", "-m", "serving"]
    probe = re.search(r"HEALTHCHECK .*CMD (\[.*\])", DOCKERFILE)
    assert probe is not None
    assert json.loads(probe[1]) == ["python", "-m", "serving.probe"]
    assert read_arguments([*json.loads(instructions("CMD")[0]), "search"]).roles == ()
    fields = Settings.model_fields
    assert instructions("EXPOSE") == [f"{fields['port'].default} {fields['management_port'].default}"]
    assert all("latest" not in image for image in instructions("ARG"))


def steps() -> Iterator[dict[str, Any]]:
    for job in WORKFLOW["jobs"].values():
        yield from job["steps"]


def test_the_workflow_builds_every_image_for_both_architectures_from_pinned_bases() -> None:
    job = WORKFLOW["jobs"]["image"]
    built = {row["name"]: row["service"] for row in job["strategy"]["matrix"]["include"]}
    assert built == {name: one["build"]["args"]["SERVICE"] for name, one in COMPOSE["services"].items()}
    (build,) = [
        step["with"] for step in steps() if "build-push-action" in step.get("uses", "") and "platforms" in step["with"]
    ]
    assert set(build["platforms"].split(",")) == {"linux/amd64", "linux/arm64"}
    assert build["file"] == "services/Dockerfile"
    arguments = dict(line.split("=", 1) for line in build["build-args"].splitlines())
    assert {"PYTHON_IMAGE", "UV_IMAGE"} <= arguments.keys()
    declared = {line.split("=")[0] for line in instructions("ARG")}
    assert arguments.keys() <= declared
    text = (REPOSITORY / ".github/workflows/images.yml").read_text()
    assert "@sha256:" in text


def test_what_the_workflow_calls_exists() -> None:
    for step in steps():
        for word in shlex.split(step.get("run", ""), comments=True):
            if word.startswith((".ci/", "deploy/", "services/", "compose.")):
                assert (REPOSITORY / word).exists(), word
