"""`mesh verify` on a running mesh: everything passes and nothing stays; and each check can fail, with the reason in a
sentence."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import typer

from manifests import load_manifests
from mesh.db.access import PasswordAccess
from mesh.environments import Environment
from mesh.environments.opening import local_environment
from mesh.verify.checks import CHECKS
from mesh.verify.commands import run
from mesh.verify.model import Outcome, Verdict, Verification
from mesh.verify.running import verify as verify_with
from testkit.operator import RunningMesh

Verify = Callable[..., Verification]

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


@pytest.fixture
def environment(mesh: RunningMesh) -> Environment:
    return local_environment(mesh.settings)


@pytest.fixture
def verify(mesh: RunningMesh) -> Verify:
    """Verify with the database of the mesh under test, not of the one that this checkout's settings describe."""
    return lambda environment, **how: verify_with(environment, access=PasswordAccess(environment, mesh.settings), **how)


def outcomes(verification: Verification) -> dict[str, Outcome]:
    return {outcome.check.name: outcome for outcome in verification.outcomes}


def failure(verification: Verification, name: str) -> str:
    """Why the check failed."""
    found = outcomes(verification)
    assert found[name].verdict is Verdict.FAILED, found[name]
    return found[name].detail


def tenants(environment: Environment) -> set[str]:
    """The tenants with a version of an object in the bucket, delete markers too; probes of the bucket count as one."""
    pages = environment.client("s3").get_paginator("list_object_versions").paginate(Bucket=environment.images_bucket)
    entries = [entry for page in pages for kind in ("Versions", "DeleteMarkers") for entry in page.get(kind, ())]
    return {entry["Key"].partition("/")[0] for entry in entries}


def users(environment: Environment) -> list[str]:
    found = environment.client("cognito-idp").list_users(UserPoolId=environment.user_pool_id, Limit=60)["Users"]
    emails = [item["Value"] for user in found for item in user["Attributes"] if item["Name"] == "email"]
    return [email for email in emails if email.startswith("verify")]


@pytest.fixture
def _sent_again(mesh: RunningMesh) -> Iterator[None]:
    """What a test kept from a function reaches it in the end."""
    yield
    mesh.send_again()


@pytest.fixture(autouse=True)
def _nothing_stays(environment: Environment, mesh: RunningMesh, _sent_again: None) -> Iterator[None]:
    """Whether a verification passes or fails, what it created is gone afterwards."""
    before = tenants(environment)
    yield
    assert tenants(environment) <= before
    assert users(environment) == []
    assert mesh.rows("SELECT tenant_id FROM ingest.items WHERE tenant_id LIKE 'verify-%%'") == []


def test_the_mesh_passes_and_nothing_stays(
    environment: Environment, mesh: RunningMesh, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the models behind it, as `mesh verify --env local --json --report` runs it."""
    access = PasswordAccess(environment, mesh.settings)
    run(environment, [], tmp_path / "report.md", 180, as_json=True, access=access)
    result = json.loads(capsys.readouterr().out)
    assert {check["name"]: check["verdict"] for check in result["checks"]} == {check.name: "passed" for check in CHECKS}
    assert len(CHECKS) == 10
    assert result["left_behind"] == []
    assert result["environment"] == "local"
    report = (tmp_path / "report.md").read_text()
    assert "# local: verified" in report
    assert all(f"| {check.name}:" in report for check in CHECKS)
    assert mesh.dead_letters() == {}


def test_no_secret_is_printed(environment: Environment, verify: Verify) -> None:
    ssm, name = environment.client("ssm"), environment.names.parameter("langsmith-api-key")
    ssm.put_parameter(Name=name, Value="swordfish-42", Type="SecureString")
    try:
        verification = verify(environment, only=["parameters"])
    finally:
        ssm.delete_parameter(Name=name)
    assert verification.passed
    assert "langsmith-api-key" in outcomes(verification)["parameters"].detail
    assert "swordfish" not in str(verification)


@contextmanager
def closed_port() -> Iterator[int]:
    """A port where nothing answers, for as long as it is held."""
    with closing(socket.socket()) as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_a_database_that_does_not_answer(environment: Environment, verify: Verify) -> None:
    with closed_port() as port:
        doctored = environment.model_copy(update={"database": environment.database.model_copy(update={"port": port})})
        verification = verify(doctored, only=["database", "bucket"])
    assert "refused" in failure(verification, "database")
    assert outcomes(verification)["bucket"].verdict is Verdict.PASSED
    assert not verification.passed


def test_a_database_without_what_services_need(environment: Environment, verify: Verify) -> None:
    manifests = load_manifests(Path(__file__).parents[2])
    platform = manifests.platform
    wanting = platform.database.model_copy(update={"extensions": ("vector", "postgis")})
    more = replace(manifests, platform=platform.model_copy(update={"database": wanting}))
    assert "the database lacks extension postgis" in failure(
        verify(environment, only=["database"], manifests=more), "database"
    )


def test_parameters_that_are_missing_or_in_the_clear(environment: Environment, verify: Verify) -> None:
    elsewhere = environment.model_copy(update={"environment": "nowhere"})
    reason = failure(verify(elsewhere, only=["parameters"]), "parameters")
    assert "/collections/nowhere lacks anthropic-api-key, voyage-api-key" in reason
    assert "without tavily-api-key: chat does not search the web" in reason
    ssm, name = environment.client("ssm"), environment.names.parameter("langsmith-api-key")
    ssm.put_parameter(Name=name, Value="swordfish-42", Type="String")
    try:
        reason = failure(verify(environment, only=["parameters"]), "parameters")
    finally:
        ssm.delete_parameter(Name=name)
    assert "is not encrypted" in reason
    assert "swordfish" not in reason


@pytest.mark.parametrize(
    ("doctored", "message"),
    [
        ({"client_id": "nobody"}, "ResourceNotFoundException"),
        ({"issuer": "https://elsewhere.example"}, "the API trusts https://elsewhere.example"),
    ],
)
def test_a_token_that_the_api_would_not_take(
    doctored: dict[str, str], message: str, environment: Environment, verify: Verify
) -> None:
    verification = verify(environment.model_copy(update=doctored), only=["token"])
    assert message in failure(verification, "token")
    assert verification.left_behind == ()


def test_a_pool_that_wants_a_second_factor_gets_one(environment: Environment, verify: Verify) -> None:
    cognito, pool = environment.client("cognito-idp"), environment.user_pool_id
    factor = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
    cognito.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="ON", **factor)
    try:
        verification = verify(environment, only=["token"])
    finally:
        cognito.set_user_pool_mfa_config(UserPoolId=pool, MfaConfiguration="OFF")
    assert verification.passed, verification


def test_a_bucket_that_is_absent_or_sends_no_events(environment: Environment, verify: Verify) -> None:
    lost = environment.model_copy(update={"images_bucket": "collections-local-lost"})
    verification = verify(lost, only=["bucket"])
    assert "NoSuchBucket" in failure(verification, "bucket")
    s3, bucket = environment.client("s3"), environment.images_bucket
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={})
    try:
        verification = verify(environment, only=["bucket"])
    finally:
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
    assert "does not send events to EventBridge" in failure(verification, "bucket")
    assert verification.left_behind == ()


def test_a_function_that_is_not_there(environment: Environment, verify: Verify) -> None:
    lost = environment.functions["chat.http"].model_copy(update={"name": "collections-local-chat-lost"})
    doctored = environment.model_copy(update={"functions": environment.functions | {"chat.http": lost}})
    verification = verify(doctored, only=["function-database"])
    assert "collections-local-chat-lost" in failure(verification, "invoke")
    skipped = outcomes(verification)["function-database"]
    assert (skipped.verdict, skipped.detail) == (Verdict.SKIPPED, "it needs invoke, which was failed")


def test_a_service_that_may_not_sign_in_to_its_schema(
    environment: Environment, mesh: RunningMesh, verify: Verify
) -> None:
    """Both functions that have to read: by a request, and by a run of the schedule."""
    for role in ("embedding", "sessions"):
        _alter_role(mesh, role, "NOLOGIN")
        _end_sessions(mesh, role)
    try:
        reason = failure(verify(environment, only=["function-database"]), "function-database")
    finally:
        for role in ("embedding", "sessions"):
            _alter_role(mesh, role, "LOGIN")
    assert "embedding.http answers 503" in reason
    assert "sessions-relay ended with" in reason
    assert "ingest" not in reason


def _alter_role(mesh: RunningMesh, role: str, what: str) -> None:
    import psycopg

    with psycopg.connect(mesh.settings.postgres_dsn("collections"), autocommit=True) as connection:
        connection.execute(f"ALTER ROLE {role} {what}".encode())


def _end_sessions(mesh: RunningMesh, role: str) -> None:
    mesh.rows("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", role)


def test_a_provider_that_refuses_the_key(environment: Environment, mesh: RunningMesh, verify: Verify) -> None:
    with mesh.providers.while_at_fault(provider="voyage", kind="status", status=401):
        reason = failure(verify(environment, only=["function-parameters"]), "function-parameters")
    assert "has read voyage-api-key, but" in reason


@pytest.mark.parametrize(
    ("path", "message"),
    [("", "refused"), ("/items", "GET /health without a token answers 401 instead of 200")],
)
def test_a_gateway_that_is_not_there_or_not_ours(
    path: str, message: str, environment: Environment, verify: Verify
) -> None:
    with closed_port() as port:
        url = f"{environment.api_url}{path}" if path else f"http://127.0.0.1:{port}"
        reason = failure(verify(environment.model_copy(update={"api_url": url}), only=["gateway"]), "gateway")
    assert message in reason


def test_events_that_do_not_arrive(environment: Environment, mesh: RunningMesh, verify: Verify) -> None:
    """Imaging's rule is off: ingest publishes, no one consumes; and what was uploaded is removed all the same."""
    with mesh.deaf("imaging.events"):
        verification = verify(environment, only=["events"], timeout_s=2)
    assert "after 2 s still waiting for imaging to reject a picture" in failure(verification, "events")
    assert verification.left_behind == ()


def test_a_picture_that_is_never_described(environment: Environment, mesh: RunningMesh) -> None:
    """A user's path ends where analysis does not answer; the command reports it with its exit code."""
    access = PasswordAccess(environment, mesh.settings)
    with mesh.deaf("analysis.events"), pytest.raises(typer.Exit) as ended:
        run(environment, ["end-to-end"], None, 4, as_json=False, access=access)
    assert ended.value.exit_code == 1
