"""Clients of a mesh ask the mesh that is meant."""

from __future__ import annotations

import pytest

from localmesh.aws import open_session


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "LOCALSTACK_HOST", "USE_SSL"])
def test_a_variable_of_the_shell_does_not_choose_another_mesh(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "1" if variable == "USE_SSL" else "http://127.0.0.1:1")
    session = open_session("http://127.0.0.1:4599", "eu-west-1")
    for service in ("s3", "events", "lambda", "cognito-idp", "apigatewayv2", "dynamodb"):
        meta = session.client(service).meta
        assert (meta.endpoint_url, meta.region_name) == ("http://127.0.0.1:4599", "eu-west-1")
