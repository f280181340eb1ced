"""Tokens of the user pool open, all others do not."""

import io
import json
import threading
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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
        self.answers = threading.Event()
        self.answers.set()

    def fetch(self) -> Any:
        self.asked += 1
        self.answers.wait(20)
        if self.is_away:
            raise jwt.PyJWKClientConnectionError("no answer")
        keys = [
            json.loads(RSAAlgorithm.to_jwk(key.public_key())) | {"kid": name, "use": "sig", "alg": "RS256"}
            for name, key in self.published.items()
        ]
        return {"keys": keys}


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> Keys:
    found = Keys()
    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", lambda _: found.fetch())
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


def test_an_issuer_that_is_away_is_not_asked_by_everyone_who_makes_up_an_id(
    verifier: TokenVerifier, keys: Keys
) -> None:
    verifier.claims(token())
    keys.is_away = True
    for number in range(5):
        with pytest.raises(KeysUnavailableError):  # it might be a new key
            verifier.claims(token(kid=f"made-up-{number}"))
    assert keys.asked == 2
    assert verifier.claims(token())["sub"] == "alice"


def test_while_the_issuer_hangs_known_keys_open_at_once(
    verifier: TokenVerifier, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.tokens._WAIT_S", 0.05)
    verifier.claims(token())
    keys.answers.clear()
    with ThreadPoolExecutor(3) as threads:
        try:
            asking = threads.submit(verifier.claims, token(kid="made-up"))
            while keys.asked < 2:
                time.sleep(0.01)
            assert threads.submit(verifier.claims, token()).result(5)["sub"] == "alice"
            with pytest.raises(KeysUnavailableError):
                threads.submit(verifier.claims, token(kid="made-up too")).result(5)
            assert keys.asked == 2
        finally:
            keys.answers.set()
        with pytest.raises(UnauthorizedError):
            asking.result(5)


def test_old_keys_stay_in_use_while_the_issuer_is_away(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.tokens._KEYS_S", 0.001)
    monkeypatch.setattr("serving.tokens._REFRESH_S", 0.2)
    verifier = TokenVerifier(ISSUER, CLIENT)
    verifier.claims(token())
    keys.is_away = True
    time.sleep(0.01)
    assert verifier.claims(token())["sub"] == "alice"
    keys.is_away, keys.published = False, {"k2": OTHER}
    time.sleep(0.2)
    assert refused(verifier, token()), "withdrawn keys end with the outage"


class Reset(io.BytesIO):
    """A body whose connection is lost while it is read."""

    def read(self, _: Any = None) -> bytes:
        raise ConnectionResetError(104, "Connection reset by peer")


_OF_NO_USE = {"kty": "oct", "k": "AAAA", "kid": "k1", "use": "enc"}


@pytest.mark.parametrize(
    "body",
    [
        io.BytesIO(b"<html>503</html>"),
        io.BytesIO(b"\xff\xfe"),
        io.BytesIO(b"[]"),
        io.BytesIO(b"{}"),
        io.BytesIO(b'{"keys": []}'),
        io.BytesIO(b'{"keys": 5}'),
        io.BytesIO(b'{"keys": [{"kty": "RSA", "kid": "k1", "n": 5, "e": 5}]}'),
        io.BytesIO(json.dumps({"keys": [_OF_NO_USE]}).encode()),
        Reset(),
    ],
    ids=["html", "no text", "a list", "no member", "no keys", "a number", "a broken key", "no signing key", "reset"],
)
def test_an_answer_without_keys_is_no_verdict(body: io.BytesIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", lambda *_, **__: body)
    with pytest.raises(KeysUnavailableError):
        TokenVerifier(ISSUER, CLIENT).claims(token())


def test_claims_as_text() -> None:
    assert [as_text(claim) for claim in (1, True, "a", ["a", 2])] == ["1", "true", "a", "[a 2]"]
