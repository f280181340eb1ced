"""The check of the user pool: a temporary user gets a token."""

from __future__ import annotations

import base64
import json
import secrets
import time
from typing import Any

from mesh.verify.errors import CheckFailedError
from mesh.verify.probe import Probe, SignedIn


def token(probe: Probe) -> str:
    """Create a user, sign in, and check the token's claims as the authorizer does."""
    environment = probe.environment
    cognito, pool = environment.client("cognito-idp"), environment.user_pool_id
    email, password = f"{probe.mark}@example.com", f"Aa1!{secrets.token_urlsafe(24)}"
    user = {"UserPoolId": pool, "Username": email}
    probe.cleanup.add(f"the user {email}", lambda: _delete(cognito, user))
    created = cognito.admin_create_user(
        **user,
        MessageAction="SUPPRESS",
        UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
    )
    cognito.admin_set_user_password(**user, Password=password, Permanent=True)
    answer = cognito.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=environment.client_id,
        AuthParameters={"USERNAME": email, "PASSWORD": password},
    )
    if answer.get("ChallengeName") == "MFA_SETUP":
        answer = _with_second_factor(cognito, environment.client_id, created["User"]["Username"], answer["Session"])
    result = answer.get("AuthenticationResult")
    if not result:
        raise CheckFailedError(f"the sign-in requires more than a password: {answer.get('ChallengeName', 'no token')}")
    claims = _claims(result["AccessToken"])
    attributes = {item["Name"]: item["Value"] for item in created["User"].get("Attributes", ())}
    sub = str(claims.get("sub") or "")
    if not sub:
        raise CheckFailedError("the access token has no sub, so a request has no tenant")
    if attributes.get("sub", sub) != sub:
        raise CheckFailedError("the sub of the token is not the user's")
    if claims.get("iss") != environment.issuer:
        raise CheckFailedError(f"the token is issued by {claims.get('iss')}, the API trusts {environment.issuer}")
    if claims.get("client_id") != environment.client_id:
        raise CheckFailedError("the token is for another client than the API's")
    probe.user = SignedIn(sub, result["AccessToken"])
    minutes = (int(claims.get("exp", 0)) - int(claims.get("iat", 0))) // 60
    return f"an access token with the user's sub, for {minutes} minutes"


def _with_second_factor(cognito: Any, client_id: str, username: str, session: str) -> dict[str, Any]:  # noqa: ANN401
    """Set up an authenticator (RFC 6238), as every user of a pool with `mfa = "ON"` has to."""
    associated = cognito.associate_software_token(Session=session)
    code = _totp(associated["SecretCode"])
    verified = cognito.verify_software_token(Session=associated["Session"], UserCode=code)
    answer: dict[str, Any] = cognito.respond_to_auth_challenge(
        ClientId=client_id,
        ChallengeName="MFA_SETUP",
        Session=verified["Session"],
        ChallengeResponses={"USERNAME": username},
    )
    return answer


def _totp(secret: str) -> str:
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    # The parameters of authenticators: SHA-1, six digits, 30 seconds.
    totp = TOTP(key, 6, SHA1(), 30, enforce_key_length=False)
    return totp.generate(int(time.time())).decode()


def _delete(cognito: Any, user: dict[str, str]) -> None:  # noqa: ANN401 - a boto3 client
    try:
        cognito.admin_delete_user(**user)
    except cognito.exceptions.UserNotFoundException:
        return


def _claims(access_token: str) -> dict[str, Any]:
    """The claims, unverified: verification is the gateway's job."""
    try:
        middle = access_token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    except (IndexError, ValueError) as error:
        raise CheckFailedError("Cognito's response is not a token") from error
    return claims if isinstance(claims, dict) else {}
