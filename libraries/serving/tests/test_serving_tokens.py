"""Tokens of the user pool open, all others do not."""

import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from serving.tokens import KeysUnavailableError, TokenVerifier, UnauthorizedError, as_text

ISSUER, CLIENT = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_pool", "client"
KEY, OTHER = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


class Keys:
    """What the issuer publishes; counts how often it was asked."""

    def __init__(self) -> None:
        self.published = {"k1": KEY}
        self.asked = 0
        self.is_away = False

    def fetch(self, client: jwt.PyJWKClient) -> Any:
        self.asked += 1
        if self.is_away:
            raise jwt.PyJWKClientConnectionError("no answer")
        keys = [
            json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig", "alg": "RS256"}
            for name, key in self.published.items()
        ]
        assert client.jwk_set_cache is not None
        client.jwk_set_cache.put(jwt.PyJWKSet(keys))
        return {"keys": keys}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    found = Keys()
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda client: found.fetch(client))
    return found


@pytest.fixture
def verifier(keys: Keys) -> TokenVerifier:
    return TokenVerifier(ISSUER, CLIENT)


def token(key: Any = KEY, kid: str = "k1", algorithm: str = "RS256", **claims: Any) -> str:
    now = int(time.time())
    given = {"sub": "alice", "iss": ISSUER, "exp": now + 60, "iat": now, "client_id": CLIENT} | claims
    given = {name: value for name, value in given.items() if value is not None}
    return jwt.encode(given, key, algorithm, headers={"kid": kid})


def refused(verifier: TokenVerifier, authorization: str) -> bool:
    try:
        verifier.claims(authorization)
    except UnauthorizedError:
        return True
    return False


def test_access_and_id_tokens_open(verifier: TokenVerifier) -> None:
    assert verifier.claims(f"Bearer {token()}")["sub"] == "alice"
    assert verifier.claims(token(client_id=None, aud=CLIENT))["sub"] == "alice"
    assert verifier.claims(f"bearer {token(client_id=None, aud=['x', CLIENT])}")["sub"] == "alice"


@pytest.mark.parametrize(
    "make",
    [
        lambda: "",
        lambda: "garbage",
        lambda: "a.b.c",
        lambda: f"Basic {token()}",
        lambda: token(exp=int(time.time()) - 1),
        lambda: token(exp=None),
        lambda: token(sub=None),
        lambda: token(nbf=int(time.time()) + 60),
        lambda: token(iss="https://elsewhere"),
        lambda: token(client_id="another"),
        lambda: token(client_id=None),
        lambda: token(aud="another"),
        lambda: token(key=OTHER),
        lambda: token(kid="unknown"),
        lambda: token()[:-6] + "AAAAAA",
        lambda: jwt.encode({"sub": "alice", "iss": ISSUER}, "", "none", headers={"kid": "k1"}),
        lambda: token(key="x" * 32, algorithm="HS256"),
    ],
)
def test_what_is_no_token_of_ours_is_refused(make: Callable[[], str], verifier: TokenVerifier) -> None:
    assert refused(verifier, make())


def test_a_new_key_is_found_and_made_up_ones_do_not_ask_each_time(verifier: TokenVerifier, keys: Keys) -> None:
    verifier.claims(token())
    keys.published["k2"] = OTHER
    assert verifier.claims(token(key=OTHER, kid="k2"))["sub"] == "alice"
    asked = keys.asked
    assert all(refused(verifier, token(kid=f"made-up-{number}")) for number in range(20))
    assert keys.asked == asked


def test_keys_that_cannot_be_fetched_are_no_verdict(verifier: TokenVerifier, keys: Keys) -> None:
    keys.is_away = True
    with pytest.raises(KeysUnavailableError):
        verifier.claims(token())


def test_claims_as_text() -> None:
    assert [as_text(claim) for claim in (1, True, "a", ["a", 2])] == ["1", "true", "a", "[a 2]"]
