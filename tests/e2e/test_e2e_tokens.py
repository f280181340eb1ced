"""Authentication: missing, garbled, expired, foreign and tampered tokens are rejected."""

import base64
import json

import pytest

from manifests import Route
from mesh.client import Api, Identity
from testkit import eventually
from testkit.operator import PASSWORD, RunningMesh
from testkit.operator.routes import named_by, path_of, routes_with_token

pytestmark = [pytest.mark.e2e, pytest.mark.integration]


def sign_in(mesh: RunningMesh, email: str) -> str:
    mesh.identity.ensure_user(email, PASSWORD)
    return mesh.identity.sign_in(email, PASSWORD)


def refused(mesh: RunningMesh, token: str | None) -> bool:
    return Api(mesh.provisioned.api_url, token).request("GET", "/items").status_code == 401


@pytest.fixture(scope="module")
def bad_tokens(mesh: RunningMesh) -> dict[str, str | None]:
    """No token, and what is none, by what is wrong with it."""
    header, claims, signature = sign_in(mesh, "tokens@example.com").split(".")
    return {"missing": None, "garbled": "garbage", "tampered": f"{header}.{claims}.{signature[:-4]}AAAA"}


@pytest.mark.parametrize("route", routes_with_token(), ids=lambda route: route.key)
def test_every_route_but_the_public_ones_asks_for_a_token(
    route: Route, bad_tokens: dict[str, str | None], mesh: RunningMesh
) -> None:
    path = path_of(route, dict.fromkeys(named_by(route), "id"))
    for fault, token in bad_tokens.items():
        assert Api(mesh.provisioned.api_url, token).request(route.method, path).status_code == 401, fault


def test_a_valid_token_opens_and_its_forgeries_do_not(mesh: RunningMesh) -> None:
    token = sign_in(mesh, "tokens@example.com")
    header, claims, signature = token.split(".")
    assert not refused(mesh, token)
    assert refused(mesh, "garbage")
    assert refused(mesh, f"{header}.{claims}.{signature[:-4]}AAAA")
    forged = json.loads(base64.urlsafe_b64decode(claims + "=="))
    forged["sub"] = "somebody-else"
    body = base64.urlsafe_b64encode(json.dumps(forged).encode()).decode().rstrip("=")
    assert refused(mesh, f"{header}.{body}.{signature}")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none","typ":"JWT"}').decode().rstrip("=")
    assert refused(mesh, f"{unsigned}.{body}.")
    assert refused(mesh, f"{unsigned}.{claims}.")


def test_an_expired_token_is_refused(mesh: RunningMesh) -> None:
    cognito = mesh.aws("cognito-idp")
    ids = {"UserPoolId": mesh.provisioned.user_pool_id, "ClientId": mesh.provisioned.client_id}
    client = cognito.describe_user_pool_client(**ids)["UserPoolClient"]
    kept = {
        name: client[name]
        for name in ("ClientName", "ExplicitAuthFlows", "AccessTokenValidity", "TokenValidityUnits")
        if client.get(name)
    }
    cognito.update_user_pool_client(
        **ids, **{**kept, "AccessTokenValidity": 3, "TokenValidityUnits": {"AccessToken": "seconds"}}
    )
    try:
        token = sign_in(mesh, "expired@example.com")
    finally:
        cognito.update_user_pool_client(**ids, **kept)
    assert not refused(mesh, token), "it has to be good before it can expire"
    eventually(lambda: refused(mesh, token), timeout_s=30)


def test_a_token_of_another_pool_is_refused(mesh: RunningMesh) -> None:
    cognito = mesh.aws("cognito-idp")
    pool = cognito.create_user_pool(PoolName="somebody-elses")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(
        UserPoolId=pool, ClientName="theirs", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    foreign = Identity(
        endpoint_url=mesh.settings.emulator_url, region=mesh.settings.region, user_pool_id=pool, client_id=client
    )
    foreign.ensure_user("foreign@example.com", PASSWORD)
    assert refused(mesh, foreign.sign_in("foreign@example.com", PASSWORD))


def test_a_token_of_another_client_of_our_pool_is_refused(mesh: RunningMesh) -> None:
    cognito = mesh.aws("cognito-idp")
    client = cognito.create_user_pool_client(
        UserPoolId=mesh.provisioned.user_pool_id, ClientName="other", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]
    other = Identity(
        endpoint_url=mesh.settings.emulator_url,
        region=mesh.settings.region,
        user_pool_id=mesh.provisioned.user_pool_id,
        client_id=client,
    )
    other.ensure_user("other@example.com", PASSWORD)
    assert refused(mesh, other.sign_in("other@example.com", PASSWORD))
