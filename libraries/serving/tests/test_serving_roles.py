"""Functions and pollers have the credentials of the function's role, or the container's own."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.credentials import AssumeRoleCredentialFetcher
from botocore.exceptions import ClientError
from serving_fakes import function

from serving.environments import Pool
from serving.errors import InitError
from serving.metrics import Metrics
from serving.roles import Identities


@pytest.fixture
def _own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"AWS_ACCESS_KEY_ID": "own", "AWS_SECRET_ACCESS_KEY": "own", "AWS_PROFILE": "mine"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PROVIDER_URL", "http://providers")


@pytest.mark.usefixtures("_own")
def test_without_roles_a_function_has_what_the_container_has() -> None:
    given = Identities("us-east-1", assume=False).variables(function())
    assert (given.values["AWS_ACCESS_KEY_ID"], given.values["AWS_PROFILE"], given.expire_at) == ("own", "mine", None)
    assert given.values["PROVIDER_URL"] == "http://providers"
    assert given.values["AWS_LAMBDA_FUNCTION_NAME"] == "collections-test-shop-events"
    assert given.values["FUNCTION"] == "events"


@pytest.mark.usefixtures("_own")
def test_with_roles_nothing_of_the_container_s_own_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE")
    asked: list[Any] = []

    def fetch(fetcher: Any) -> dict[str, Any]:
        asked.append(fetcher._role_arn)
        until = datetime.now(UTC) + timedelta(hours=1)
        return {"access_key": "a", "secret_key": "s", "token": "t", "expiry_time": until.isoformat()}

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "fetch_credentials", fetch)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/token")
    given = Identities("us-east-1", assume=True).variables(function())
    assert asked == [function().role_arn]
    assert [given.values[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")] == [*"ast"]
    assert "AWS_WEB_IDENTITY_TOKEN_FILE" not in given.values
    assert given.expire_at is not None
    assert 900 < given.expire_at - time.time() < 3600 - 900


@pytest.mark.usefixtures("_own")
@pytest.mark.parametrize("left_s", [950, 1100])
def test_a_new_environment_never_gets_credentials_that_are_about_to_be_replaced(
    left_s: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_PROFILE")
    lifetimes = [left_s, 3600]

    def assume(_: Any) -> Any:
        until = datetime.now(UTC) + timedelta(seconds=lifetimes.pop(0))
        keys = {"AccessKeyId": "a", "SecretAccessKey": "s", "SessionToken": "t"}
        return {"Credentials": keys | {"Expiration": until.isoformat()}}

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "_get_credentials", assume)
    identities = Identities("us-east-1", assume=True)
    for _ in range(3):
        given = identities.variables(function())
    assert given.expire_at is not None
    assert given.expire_at - time.time() > 2000
    assert not lifetimes


@pytest.mark.usefixtures("_own")
def test_a_role_that_cannot_be_assumed_is_a_failed_start_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_PROFILE")

    def refuse(_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")

    monkeypatch.setattr(AssumeRoleCredentialFetcher, "fetch_credentials", refuse)
    pool = Pool(function(), 1, Identities("us-east-1", assume=True).variables, Metrics())
    for _ in range(2):
        with pytest.raises(InitError, match="cannot be assumed"):
            pool.invoke({}, wait_s=1)
