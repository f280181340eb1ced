"""Secrets at run time: cached, an absent one too, and faults distinguished."""

import time
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from chassis.errors import ConfigurationError, TransientError
from chassis.secrets import Secrets
from chassis.service import Service
from chassis.settings import Settings
from testkit import Deployment

pytestmark = pytest.mark.integration

Imaging = Service[Settings]


@pytest.fixture
def kept(service: Imaging) -> Secrets:
    """The service's secrets, each asked for again after minutes only."""
    return Secrets(service.aws, service.settings.parameter_prefix)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names that Parameter Store was asked for."""
    names: list[str] = []
    call = boto3.client("sts").__class__._make_api_call

    def note(client: Any, operation: str, parameters: Any) -> Any:
        if operation == "GetParameter":
            names.append(parameters["Name"].rpartition("/")[2])
        return call(client, operation, parameters)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", note)
    return names


def test_a_secret_is_read_once_and_so_is_an_absent_one(deployment: Deployment, kept: Secrets, asked: list[str]) -> None:
    deployment.put_secret("there", "value")
    for _ in range(3):
        assert kept.get("there") == kept.find("there") == "value"
        assert kept.find("absent") is None
    assert asked == ["there", "absent"]


def test_an_absent_required_secret_is_read_again(kept: Secrets, asked: list[str]) -> None:
    """An operator may push it meanwhile."""
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="needed cannot be read: ParameterNotFound"):
            kept.get("needed")
    assert asked == ["needed", "needed"]


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException", "Message": "slowly"}}, "GetParameter"), TransientError),
        (ConnectTimeoutError(endpoint_url="https://ssm"), TransientError),
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetParameter"),
            ConfigurationError,
        ),
    ],
)
@pytest.mark.parametrize("read", [Secrets.get, Secrets.find])
def test_errors_that_pass_are_distinguished_from_those_that_stay(
    kept: Secrets, monkeypatch: pytest.MonkeyPatch, read: Any, fault: Exception, raised: type[Exception]
) -> None:
    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", fail)
    with pytest.raises(raised):
        read(kept, "faulty")


def test_a_value_that_cannot_be_read_again_is_used_on(
    service: Imaging, deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = Secrets(service.aws, service.settings.parameter_prefix, max_age_s=0)
    deployment.put_secret("kept", "value")
    assert secrets.get("kept") == "value"
    deployment.put_secret("kept", "changed")
    refused: list[object] = []

    def fail(*_: object) -> None:
        refused.append(None)
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slowly"}}, "GetParameter")

    with monkeypatch.context() as patch:
        patch.setattr("botocore.client.BaseClient._make_api_call", fail)
        assert secrets.get("kept") == secrets.get("kept") == "value"
    assert len(refused) == 1, "a throttled read is not repeated at once"
    later = time.monotonic() + 31
    monkeypatch.setattr("chassis.secrets.time", SimpleNamespace(monotonic=lambda: later))

    assert secrets.get("kept") == "changed"
