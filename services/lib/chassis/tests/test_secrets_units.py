"""Secrets while Parameter Store fails, without servers: which faults pass, and how long what is known is used."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chassis.aws import Aws
from chassis.errors import ConfigurationError, TransientError
from chassis.secrets import MAX_AGE_S, Secrets
from testkit.faults import AwsCalls, answers, fails, raises

LogLines = Callable[[], list[dict[str, Any]]]
VALUE = answers(Parameter={"Value": "value"})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What the time is, in seconds."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("chassis.secrets.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


@pytest.mark.parametrize("code", ["ThrottlingException", "InternalServerError", "RequestTimeout", "ServiceUnavailable"])
def test_faults_that_pass(code: str, offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.ssm, GetParameter=fails(code)), pytest.raises(TransientError) as raised:
        Secrets(offline_aws, "/prefix").get("key")
    assert str(raised.value) == f"secret /prefix/key: {code}"


@pytest.mark.parametrize("code", ["ParameterNotFound", "AccessDeniedException", "SomethingElse"])
def test_faults_that_stay(code: str, offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.ssm, GetParameter=fails(code)), pytest.raises(ConfigurationError) as raised:
        Secrets(offline_aws, "/prefix").get("key")
    assert str(raised.value) == f"secret /prefix/key cannot be read: {code}"


def test_a_value_is_decrypted_and_cached_for_minutes(offline_aws: Aws) -> None:
    secrets = Secrets(offline_aws, "/prefix")
    with AwsCalls(offline_aws.ssm, GetParameter=VALUE) as calls:
        assert secrets.get("key") == secrets.get("key") == "value"
    assert calls.made == [("GetParameter", {"Name": "/prefix/key", "WithDecryption": True})]
    assert MAX_AGE_S == 300


def test_a_value_is_read_again_when_it_is_old(offline_aws: Aws) -> None:
    secrets = Secrets(offline_aws, "/prefix", max_age_s=0)
    with AwsCalls(offline_aws.ssm, GetParameter=VALUE) as calls:
        assert secrets.get("key") == secrets.get("key") == "value"
    assert len(calls.made) == 2


def test_an_absent_one_is_asked_for_again_when_a_value_would_be(offline_aws: Aws, clock: SimpleNamespace) -> None:
    secrets = Secrets(offline_aws, "/prefix", max_age_s=60)
    with AwsCalls(offline_aws.ssm, GetParameter=fails("ParameterNotFound")) as calls:
        assert secrets.find("key") is None
        clock.now += 59
        assert secrets.find("key") is None
        assert len(calls.made) == 1
        assert secrets.find("other") is None
        clock.now += 1
        calls.rules["GetParameter"] = VALUE
        assert secrets.find("key") == "value"
    assert len(calls.made) == 3


def test_an_empty_value_is_none(offline_aws: Aws) -> None:
    with AwsCalls(offline_aws.ssm, GetParameter=answers(Parameter={"Value": ""})):
        assert Secrets(offline_aws, "/prefix").find("key") is None


@pytest.mark.parametrize("code", ["AccessDeniedException", "ThrottlingException"])
def test_only_what_does_not_exist_is_absent(code: str, offline_aws: Aws) -> None:
    secrets = Secrets(offline_aws, "/prefix")
    with AwsCalls(offline_aws.ssm, GetParameter=fails(code)) as calls:
        for _ in range(2):
            with pytest.raises((ConfigurationError, TransientError), match=code):
                secrets.find("key")
    assert len(calls.made) == 2


def test_an_endpoint_that_does_not_answer_is_named_by_its_error(offline_aws: Aws) -> None:
    cut = EndpointConnectionError(endpoint_url="https://ssm.invalid")
    with (
        AwsCalls(offline_aws.ssm, GetParameter=raises(cut)),
        pytest.raises(TransientError, match="EndpointConnectionError"),
    ):
        Secrets(offline_aws, "/prefix").get("key")


def test_a_value_that_cannot_be_read_again_is_used_for_half_a_minute_before_the_next_try(
    offline_aws: Aws, clock: SimpleNamespace, log_lines: LogLines
) -> None:
    secrets = Secrets(offline_aws, "/prefix", max_age_s=0)
    with AwsCalls(offline_aws.ssm, GetParameter=VALUE) as calls:
        assert secrets.get("key") == "value"
        calls.rules["GetParameter"] = fails("ThrottlingException")
        assert secrets.get("key") == "value"
        clock.now += 29
        assert secrets.get("key") == "value"
        assert len(calls.made) == 2
        clock.now += 1
        calls.rules["GetParameter"] = answers(Parameter={"Value": "changed"})
        assert secrets.get("key") == "changed"
    (line,) = log_lines()
    assert (line["level"], line["message"]) == ("WARNING", "a secret could not be read again")
    assert (line["parameter"], line["error"]) == ("/prefix/key", "ThrottlingException")


def test_a_value_that_was_withdrawn_is_not_used_on(offline_aws: Aws) -> None:
    secrets = Secrets(offline_aws, "/prefix", max_age_s=0)
    with AwsCalls(offline_aws.ssm, GetParameter=VALUE) as calls:
        assert secrets.get("key") == "value"
        calls.rules["GetParameter"] = fails("ParameterNotFound")
        with pytest.raises(ConfigurationError):
            secrets.get("key")
