"""New code for functions, in the emulator."""

import base64
import hashlib
import io
import json
import secrets
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer
from botocore import xform_name
from typer.testing import CliRunner

from localmesh.emulator import Emulator
from manifests import Build, Manifests, load_manifests
from mesh.deploy import commands
from mesh.deploy.errors import DeploymentFailedError, FunctionsMissingError, FunctionUnlikeError
from mesh.deploy.planning import Deployment, plan_deployment
from mesh.deploy.running import deploy
from mesh.environments import DeployedFunction, Environment
from mesh.packaging.building import BuiltPackage
from mesh.packaging.code_only import build_code_only
from mesh.packaging.planning import plan_code_only
from testkit.operator.environments import bare_environment
from workspace import REPOSITORY

BUILD = Build("1" * 40, "v1", "main", "2026-01-01T00:00:00+00:00")
TOLD = {"GIT_SHA": "1" * 40, "GIT_TAG": "v1", "GIT_BRANCH": "main", "BUILD_TIMESTAMP": "2026-01-01T00:00:00+00:00"}
SERVICE = "sessions"
POLLED = {"Delay": 0.1, "MaxAttempts": 600}

pytestmark = pytest.mark.integration


def old_code() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            zipfile.ZipInfo("sessions/handler.py"), "http = on_events = cleanup = relay = lambda event, context: 'old'"
        )
    return buffer.getvalue()


OLD = base64.b64encode(hashlib.sha256(old_code()).digest()).decode()


@pytest.fixture(scope="module")
def manifests() -> Manifests:
    return load_manifests(REPOSITORY)


@pytest.fixture(scope="module")
def built(manifests: Manifests, tmp_path_factory: pytest.TempPathFactory) -> tuple[BuiltPackage, ...]:
    return build_code_only(manifests, plan_code_only(manifests, [SERVICE]), tmp_path_factory.mktemp("packages"))


@pytest.fixture(autouse=True)
def _poll_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The emulator updates a function in less than the second after which a deployment asks again."""
    monkeypatch.setattr("mesh.deploy.running._WAIT", POLLED)


@pytest.fixture
def environment(emulator: Emulator, manifests: Manifests) -> Environment:
    """An environment with the functions of a service, deployed by Terraform some commits ago."""
    name = f"e{secrets.token_hex(4)}"
    functions = {
        f"{SERVICE}.{function}": DeployedFunction(name=f"collections-{name}-{SERVICE}-{function}", log_group="none")
        for function in manifests.services[SERVICE].functions
    }
    made = bare_environment(name, packages_bucket=f"packages-{name}", functions=functions, endpoint_url=emulator.url)
    made.client("s3").create_bucket(Bucket=made.packages_bucket)
    client = made.client("lambda")
    for key, function in functions.items():
        declared = manifests.services[SERVICE].functions[key.partition(".")[2]]
        client.create_function(
            FunctionName=function.name,
            Runtime=manifests.platform.runtime,
            Architectures=[manifests.platform.architecture],
            Role=f"arn:aws:iam::000000000000:role/{function.name}",
            Handler=declared.handler,
            MemorySize=declared.memory_mb,
            Timeout=declared.timeout_s,
            Code={"ZipFile": old_code()},
            Environment={"Variables": {"GIT_SHA": "0" * 40, "KEPT": "kept"}},
        )
    for function in functions.values():
        client.get_waiter("function_active_v2").wait(FunctionName=function.name, WaiterConfig=POLLED)
    return made


def configurations(environment: Environment) -> dict[str, Any]:
    client = environment.client("lambda")
    return {
        key: client.get_function_configuration(FunctionName=function.name)
        for key, function in environment.functions.items()
    }


def plan(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...], function: str | None = None
) -> Deployment:
    return plan_deployment(environment, manifests, built, BUILD, function=function)


@pytest.mark.parametrize("by_bucket", [True, False])
def test_functions_get_their_code_once(
    by_bucket: bool, environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    if not by_bucket:
        environment = environment.model_copy(update={"packages_bucket": None})
    planned = plan(environment, manifests, built)
    assert len(planned.to_do) == len(environment.functions) == 5
    printed: list[str] = []
    assert {result.step.key for result in deploy(planned, printed.append)} == set(environment.functions)
    for found in configurations(environment).values():
        assert found["CodeSha256"] == built[0].code_sha256 != OLD
        assert found["Environment"]["Variables"] == {"KEPT": "kept", **TOLD}
    assert sum("MiB up" in line for line in printed) == by_bucket
    if by_bucket:
        objects = environment.client("s3").list_objects_v2(Bucket=environment.packages_bucket)["Contents"]
        assert [item["Key"] for item in objects] == [f"functions/{built[0].sha256_hex}.zip"]
    again = plan(environment, manifests, built)
    assert not again.to_do
    assert not again.uploads
    assert deploy(again, printed.append) == ()


def test_one_function_alone(environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]) -> None:
    printed: list[str] = []
    deploy(plan(environment, manifests, built, "http"), printed.append)
    found = configurations(environment)
    assert [key for key, one in found.items() if one["CodeSha256"] != OLD] == ["sessions.http"]
    deploy(plan(environment, manifests, built), printed.append)
    assert [line for line in printed if "in the bucket already" in line]
    with pytest.raises(FunctionsMissingError, match="no function nothing; choose one of http"):
        plan(environment, manifests, built, "nothing")


def test_unchanged_code_only_gets_its_build_variables(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    deploy(plan(environment, manifests, built), lambda line: None)
    later = plan_deployment(environment, manifests, built, Build("2" * 40))
    assert later.uploads == ()
    deploy(later, lambda line: None)
    found = configurations(environment)["sessions.http"]
    assert (found["CodeSha256"], found["Environment"]["Variables"]["GIT_SHA"]) == (built[0].code_sha256, "2" * 40)


def test_a_failure_reports_what_runs(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    planned = plan(environment, manifests, built)
    lost = environment.functions["sessions.relay"].name
    environment.client("lambda").delete_function(FunctionName=lost)
    with pytest.raises(DeploymentFailedError) as caught:
        deploy(planned, lambda line: None)
    printed = str(caught.value)
    assert printed.startswith("1 of 5 functions")
    assert f"{lost}: the old code, {OLD}" in printed
    assert f"{environment.functions['sessions.http'].name}: the new code, {built[0].code_sha256}\n" in printed
    with pytest.raises(FunctionsMissingError, match=f"{lost} was deleted"):
        plan(environment, manifests, built)


def test_without_its_bucket_nothing_is_touched(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    lost = environment.model_copy(update={"packages_bucket": "no-such-bucket-anywhere"})
    with pytest.raises(DeploymentFailedError, match="no function was changed"):
        deploy(plan(lost, manifests, built), lambda line: None)
    assert {found["CodeSha256"] for found in configurations(environment).values()} == {OLD}


def test_differences_left_to_terraform_are_reported(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    name = environment.functions["sessions.http"].name
    environment.client("lambda").update_function_configuration(FunctionName=name, MemorySize=128)
    notes = {step.key: step.notes for step in plan(environment, manifests, built).steps}
    assert [key for key, reported in notes.items() if reported] == ["sessions.http"]
    assert "its memory is 128, the manifest has 512" in notes["sessions.http"][0]
    environment.client("lambda").update_function_configuration(FunctionName=name, Runtime="python3.12")
    with pytest.raises(FunctionUnlikeError, match=r"runs python3\.12 on arm64, the package is for python3\.13"):
        plan(environment, manifests, built)


def test_functions_missing_in_terraform_are_named(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    fewer = {key: function for key, function in environment.functions.items() if key != "sessions.cleanup"}
    with pytest.raises(FunctionsMissingError, match=r"has no sessions\.cleanup: `make infra-apply ENV="):
        plan(environment.model_copy(update={"functions": fewer}), manifests, built)


@pytest.fixture
def cli(environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    """The command, for which this environment is the local mesh."""
    local = environment.model_copy(update={"environment": "local"})
    monkeypatch.setattr("mesh.environments.open_environment", lambda name: local)
    monkeypatch.setattr("mesh.packaging.commands.default_output", lambda env, root: tmp_path / "local")
    app = typer.Typer()
    app.command()(commands.deploy)
    return app


def test_the_command_deploys_and_then_has_nothing_to_do(cli: typer.Typer, environment: Environment) -> None:
    def run(*more: str) -> Any:
        result = CliRunner().invoke(cli, [SERVICE, "--env", "local", *more])
        assert result.exit_code == 0, result.output
        return result

    assert "5 functions would be updated" in run("--dry-run").stdout
    assert {found["CodeSha256"] for found in configurations(environment).values()} == {OLD}
    reported = json.loads(run("--json").stdout)
    assert [entry["changes_code"] for entry in reported["functions"]] == [True] * 5
    assert {found["CodeSha256"] for found in configurations(environment).values()} == {reported["functions"][0]["code"]}
    assert "nothing to do" in run().stdout


def test_the_command_asks_before_it_changes_what_is_not_local(
    cli: typer.Typer, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, options in ((environment.environment, []), ("prod", ["--yes"])):
        named = environment.model_copy(update={"environment": name})
        monkeypatch.setattr("mesh.environments.open_environment", lambda _, named=named: named)
        result = CliRunner().invoke(cli, [SERVICE, "--env", "local", *options], input="no\n")
        assert result.exit_code == 1
    assert {found["CodeSha256"] for found in configurations(environment).values()} == {OLD}


def test_a_question_does_not_mix_with_json(
    cli: typer.Typer, environment: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mesh.environments.open_environment", lambda _: environment)
    result = CliRunner().invoke(cli, [SERVICE, "--env", "local", "--json"], input="yes\n")
    assert result.exit_code == 0, result.output
    assert "Update 5 functions" in result.stderr
    answered = result.stdout.strip().removeprefix("yes")  # as the runner shows what was typed
    assert len(json.loads(answered)["functions"]) == 5


def test_another_name_confirms_nothing(cli: typer.Typer, environment: Environment) -> None:
    result = CliRunner().invoke(cli, [SERVICE, "--env", "local", "--yes", "--confirm", "prod"])
    assert result.exit_code == 1
    assert "'prod' is not 'local'" in result.stderr
    assert {found["CodeSha256"] for found in configurations(environment).values()} == {OLD}


def test_variables_that_changed_meanwhile_stay(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    """Terraform may be applied before the confirmation."""
    planned = plan(environment, manifests, built, "http")
    name = environment.functions[f"{SERVICE}.http"].name
    changed = {"Variables": {"GIT_SHA": "0" * 40, "KEPT": "changed", "NEW": "new"}}
    environment.client("lambda").update_function_configuration(FunctionName=name, Environment=changed)
    deploy(planned, lambda _: None)
    found = configurations(environment)[f"{SERVICE}.http"]["Environment"]["Variables"]
    assert found == {"KEPT": "changed", "NEW": "new", **TOLD}


def test_variables_that_cannot_be_read_are_not_overwritten(
    environment: Environment,
    manifests: Manifests,
    built: tuple[BuiltPackage, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As when access to their key was removed after the confirmation: an update would delete all other variables."""
    planned = plan(environment, manifests, built, "http")
    client, s3 = environment.client("lambda"), environment.client("s3")
    faulty = environment.client("lambda")

    def hide(parsed: dict[str, Any], **_: object) -> None:
        parsed["Environment"] = {"Error": {"ErrorCode": "KMSAccessDeniedException", "Message": "the key is away"}}

    faulty.meta.events.register("after-call.lambda.GetFunctionConfiguration", hide)
    with monkeypatch.context() as patch:
        patch.setattr(Environment, "client", lambda self, service, **_: faulty if service == "lambda" else s3)
        with pytest.raises(DeploymentFailedError, match="its variables cannot be read: the key is away"):
            deploy(planned, lambda _: None)
    found = client.get_function_configuration(FunctionName=planned.to_do[0].name)
    assert found["Environment"]["Variables"] == {"GIT_SHA": "0" * 40, "KEPT": "kept"}


def test_a_failed_update_is_repaired_by_the_next(
    environment: Environment,
    manifests: Manifests,
    built: tuple[BuiltPackage, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The emulator's updates never fail, so its first responses are replaced."""
    planned = plan(environment, manifests, built, "http")
    client, s3 = environment.client("lambda"), environment.client("s3")
    reported: list[str] = []

    def fail_at_first(parsed: dict[str, Any], model: Any, **_: object) -> None:
        if "update_function_code" not in reported:
            configuration = parsed.get("Configuration", parsed)
            configuration["LastUpdateStatus"] = "Failed"
        reported.append(xform_name(model.name))

    client.meta.events.register("after-call.lambda", fail_at_first)
    monkeypatch.setattr(Environment, "client", lambda self, service, **_: client if service == "lambda" else s3)
    deploy(planned, lambda _: None)
    assert reported[0] == "get_function"
    assert configurations(environment)[f"{SERVICE}.http"]["CodeSha256"] == built[0].code_sha256


def test_an_interruption_reports_what_runs(
    environment: Environment, manifests: Manifests, built: tuple[BuiltPackage, ...]
) -> None:
    reported: list[str] = []

    def interrupt(line: str) -> None:
        reported.append(line)
        if line.startswith(environment.functions["sessions.http"].name):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="deploy again to resume"):
        deploy(plan(environment, manifests, built), interrupt)
    assert reported[-1].startswith(f"functions in {environment.environment} run:\n")
    assert f"{environment.functions['sessions.http'].name}: the new code" in reported[-1]
    assert reported[-1].count("\n") == 5
