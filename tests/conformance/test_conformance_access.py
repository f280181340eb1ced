"""Who may do what: tokens and the HTTP API, secrets, roles and their policies, as AWS has them."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from botocore.exceptions import ClientError

from localmesh.emulator import Emulator
from testkit.conformance import ROLE, Aws, name

pytestmark = pytest.mark.integration

PASSWORD = "Correct-horse-7-battery"


ECHO = """
import json

def handler(event, context):
    if event["rawPath"].endswith("/broken"):
        raise ValueError("a secret")
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "cookies": ["a=1", "b=2"],
            "body": json.dumps({key: event.get(key) for key in (
                "version", "routeKey", "body", "isBase64Encoded", "pathParameters", "queryStringParameters")}
                | {"claims": event["requestContext"].get("authorizer", {}).get("jwt", {}).get("claims")})}
"""


def pool_of_one(aws: Aws) -> tuple[str, str]:
    """A user pool with one user, somebody, and its client."""
    cognito = aws.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName=name("pool"))["UserPool"]["Id"]
    flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="c", ExplicitAuthFlows=flows)
    client_id = client["UserPoolClient"]["ClientId"]
    cognito.sign_up(ClientId=client_id, Username="somebody", Password=PASSWORD)
    cognito.admin_confirm_sign_up(UserPoolId=pool, Username="somebody")
    return pool, client_id


def sign_in(aws: Aws, client_id: str, user: str = "somebody", password: str = PASSWORD) -> dict[str, str]:
    """Access, id and refresh token."""
    signed = aws.client("cognito-idp").initiate_auth(
        ClientId=client_id, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": user, "PASSWORD": password}
    )
    return dict(signed["AuthenticationResult"])


def api(aws: Aws) -> tuple[str, str]:
    """The URL of an HTTP API for its own pages, with public, protected and scoped routes, and a token for it."""
    gateway, (pool, client_id) = aws.client("apigatewayv2"), pool_of_one(aws)
    cors = {"AllowOrigins": ["https://ours.example"], "AllowMethods": ["GET"], "AllowHeaders": ["authorization"]}
    created = gateway.create_api(Name=name("api"), ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
    function = aws.function(ECHO)
    arn = aws.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    integration = gateway.create_integration(
        ApiId=created, IntegrationType="AWS_PROXY", IntegrationUri=arn, PayloadFormatVersion="2.0"
    )["IntegrationId"]
    issuer = f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    authorizer = gateway.create_authorizer(
        ApiId=created, Name="jwt", AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"],
        JwtConfiguration={"Audience": [client_id], "Issuer": issuer},
    )["AuthorizerId"]  # fmt: skip
    gateway.create_stage(ApiId=created, StageName="$default", AutoDeploy=True)
    target = {"ApiId": created, "Target": f"integrations/{integration}"}
    protected = target | {"AuthorizationType": "JWT", "AuthorizerId": authorizer}
    gateway.create_route(RouteKey="GET /mine", **protected)
    gateway.create_route(RouteKey="GET /admin", AuthorizationScopes=["collections/admin"], **protected)
    gateway.create_route(RouteKey="POST /open/{id}", **target)
    gateway.create_route(RouteKey="GET /open/broken", **target)
    return f"{aws.url}/_aws/execute-api/{created}", sign_in(aws, client_id)["AccessToken"]


def test_the_http_api_checks_tokens_and_hands_over_payload_2_0(aws: Aws) -> None:
    url, token = api(aws)
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    forged = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "another"}).encode()).decode().rstrip("=")
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    for bad in (None, "garbage", f"{head}.{forged}.{signature}", f"{unsigned}.{payload}."):
        headers = {"Authorization": f"Bearer {bad}"} if bad else {}
        answer = httpx.get(f"{url}/mine", headers=headers)
        assert (answer.status_code, answer.json()) == (401, {"message": "Unauthorized"}), bad
    authorized = {"Authorization": f"Bearer {token}"}
    assert httpx.get(f"{url}/admin", headers=authorized).status_code == 403, "the token lacks the scope"
    seen = httpx.get(f"{url}/mine?a=1&a=2", headers=authorized, timeout=30)
    assert seen.json()["claims"]["sub"] == claims["sub"]
    assert (seen.json()["version"], seen.json()["queryStringParameters"]) == ("2.0", {"a": "1,2"})
    assert seen.headers.get_list("set-cookie") == ["a=1", "b=2"]
    sent = httpx.post(f"{url}/open/7", content=b"\xff\x00", headers={"Content-Type": "application/octet-stream"})
    assert (sent.json()["body"], sent.json()["isBase64Encoded"]) == (base64.b64encode(b"\xff\x00").decode(), True)
    # Bytes, not fields: a form that is encoded again differs, and its length is not that of the header.
    form = b'--x\r\nContent-Type: text/plain\r\nContent-Disposition:form-data;name="a"\r\n\r\n1\r\n--x--\r\nmore'
    sent = httpx.post(f"{url}/open/7", content=form, headers={"Content-Type": "multipart/form-data; boundary=x"})
    body = sent.json()["body"]
    assert (base64.b64decode(body) if sent.json()["isBase64Encoded"] else body.encode()) == form
    assert (sent.json()["pathParameters"], sent.json()["routeKey"]) == ({"id": "7"}, "POST /open/{id}")
    assert (httpx.get(f"{url}/nowhere").status_code, httpx.put(f"{url}/mine").status_code) == (404, 404)
    broken = httpx.get(f"{url}/open/broken")
    assert (broken.status_code, broken.json()) == (500, {"message": "Internal Server Error"})


@pytest.mark.scheduled
def test_a_secret_parameter_is_in_the_clear_for_who_asks_alone(aws: Aws) -> None:
    ssm, parameter = aws.client("ssm"), f"/{name('secret')}"
    ssm.put_parameter(Name=parameter, Value="secret", Type="SecureString")
    assert ssm.get_parameter(Name=parameter, WithDecryption=True)["Parameter"]["Value"] == "secret"
    assert ssm.get_parameter(Name=parameter)["Parameter"]["Value"] != "secret"


@pytest.mark.scheduled
def test_the_http_api_answers_pages_of_its_origins_and_no_large_bodies(aws: Aws) -> None:
    url, _ = api(aws)

    def allowed(origin: str) -> list[str]:
        headers = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        return httpx.options(f"{url}/mine", headers=headers).headers.get_list("access-control-allow-origin")

    assert (allowed("https://ours.example"), allowed("https://theirs.example")) == (["https://ours.example"], [])
    assert httpx.get(f"{url}/mine").headers["www-authenticate"].startswith("Bearer")
    too_large = httpx.post(f"{url}/open/7", content=b"x" * (10 * 1024 * 1024 + 1), timeout=60)
    assert too_large.status_code == 413


@pytest.mark.scheduled
def test_a_user_signs_in_with_their_password_and_renews_the_token(aws: Aws) -> None:
    _, client_id = pool_of_one(aws)
    cognito, tokens = aws.client("cognito-idp"), sign_in(aws, client_id)
    assert cognito.get_user(AccessToken=tokens["AccessToken"])["Username"]
    renewed = cognito.initiate_auth(
        ClientId=client_id, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": tokens["RefreshToken"]}
    )["AuthenticationResult"]
    assert cognito.get_user(AccessToken=renewed["AccessToken"])["Username"]
    with pytest.raises(ClientError, match="NotAuthorizedException"):
        sign_in(aws, client_id, password="Wrong-horse-7-battery")
    cognito.sign_up(ClientId=client_id, Username="new", Password=PASSWORD)
    with pytest.raises(ClientError, match="UserNotConfirmedException"):
        sign_in(aws, client_id, user="new")


def trusting(principal: dict[str, str]) -> str:
    """The trust policy of a role."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextmanager
def enforcing(aws: Aws, folder: Path) -> Iterator[Aws]:
    """The back end as the mesh starts it: MiniStack can enforce policies, and does so there."""
    if aws.backend != "ministack":
        yield aws
        return
    with Emulator(folder, iam=True) as server:
        yield Aws(aws.backend, server.url)


@pytest.mark.scheduled
@pytest.mark.differs(localstack="policies are not enforced")
def test_a_role_may_do_what_its_policies_say_and_no_more(aws: Aws, tmp_path: Path) -> None:
    with enforcing(aws, tmp_path) as guarded:
        iam, role = guarded.client("iam"), name("role")
        arn = iam.create_role(RoleName=role, AssumeRolePolicyDocument=trusting({"AWS": "*"}))["Role"]["Arn"]
        got = guarded.client("sts").assume_role(RoleArn=arn, RoleSessionName="case")["Credentials"]
        s3, sqs = guarded.client("s3", credentials=got), guarded.client("sqs", credentials=got)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.list_buckets()
        statement = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        iam.put_role_policy(RoleName=role, PolicyName="case", PolicyDocument=json.dumps(policy))
        assert s3.list_buckets()["Buckets"] == []
        with pytest.raises(ClientError, match="AccessDenied"):
            sqs.list_queues()


CALLING = """
import os, boto3

def handler(event, context):
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).list_buckets()
"""


@pytest.mark.scheduled
@pytest.mark.differs(localstack="policies are not enforced")
def test_a_function_has_the_rights_of_its_role_alone(aws: Aws, tmp_path: Path) -> None:
    with enforcing(aws, tmp_path) as guarded:
        trust = trusting({"Service": "lambda.amazonaws.com"})
        arn = guarded.client("iam").create_role(RoleName="conformance", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
        assert arn == ROLE, "the role that every function here is given"
        function = guarded.function(CALLING)
        answer = guarded.client("lambda").invoke(FunctionName=function)
        assert answer.get("FunctionError"), "the call was allowed"
        assert "AccessDenied" in json.loads(answer["Payload"].read())["errorMessage"]
