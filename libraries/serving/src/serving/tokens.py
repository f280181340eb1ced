"""Users' tokens, verified as the JWT authorizer of an HTTP API does."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import jwt
from jwt.api_jwk import PyJWK

from serving.log import log

__all__ = ["KeysUnavailableError", "TokenVerifier", "UnauthorizedError"]

#: Between two fetches.
_REFRESH_S: Final = 30.0
#: Keys are fetched again when they are older.
_KEYS_S: Final = 3600.0
_FETCH_TIMEOUT_S: Final = 5.0
#: So long a request whose key is unknown waits for a fetch of another's.
_WAIT_S: Final = 2.0


class UnauthorizedError(Exception):
    """There is no valid token."""


class KeysUnavailableError(Exception):
    """The issuer's keys cannot be fetched, so nobody knows whether the token is valid."""


class TokenVerifier:
    """Verifies tokens of one issuer for one client. Safe to use from several threads."""

    def __init__(self, issuer: str, audience: str, jwks_url: str = "") -> None:
        self._issuer = issuer
        self._audience = audience
        url = jwks_url or f"{issuer.rstrip('/')}/.well-known/jwks.json"
        self._client = jwt.PyJWKClient(url, cache_jwk_set=False, timeout=_FETCH_TIMEOUT_S)
        self._keys: Mapping[str, PyJWK] = {}  # replaced as a whole: readers need no lock
        self._old_at = 0.0
        self._due_at = 0.0
        self._fault = ""
        self._fetching = threading.Lock()  # never awaited by who has a key

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of the token in an Authorization header, with or without `Bearer`.

        Raises:
            UnauthorizedError: it is none, expired, not signed by the issuer, or for another client.
            KeysUnavailableError: its key is unknown, and the issuer's keys cannot be fetched.
        """
        scheme, _, token = authorization.strip().rpartition(" ")
        if not token or scheme.strip().lower() not in {"", "bearer"}:
            raise UnauthorizedError
        try:
            key = self._key(str(jwt.get_unverified_header(token).get("kid") or ""))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                issuer=self._issuer,
                # An access token of Cognito names its client in client_id and has no audience.
                options={"require": ["exp", "iss", "sub"], "verify_aud": False},
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise UnauthorizedError from error
        audience = claims.get("aud", claims.get("client_id"))
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise UnauthorizedError
        return claims

    def _key(self, key_id: str) -> PyJWK:
        """The key of that id. One that is unknown, or known for long, fetches the keys again; one thread at a time.

        Who has a key uses it where the fetch fails or is another's: an issuer that is away must not end sessions.
        """
        found = self._keys.get(key_id)
        if found is not None and time.monotonic() < self._old_at:
            return found
        if self._fetching.acquire(timeout=_WAIT_S if found is None else 0):
            try:
                self._fetch_if_due()
                fault = self._fault
            finally:
                self._fetching.release()
            found = self._keys.get(key_id)  # withdrawn, perhaps
        else:
            fault = "the issuer takes long to answer"
        if found is not None:
            return found
        if fault:
            raise KeysUnavailableError(fault)
        raise UnauthorizedError

    def _fetch_if_due(self) -> None:
        """Replace the keys, or note the fault and leave them. Not for everyone who makes up an id."""
        now = time.monotonic()
        if now < self._due_at:
            return
        if self._keys:  # without any, nobody can be served before a fetch succeeds
            self._due_at = now + _REFRESH_S  # before the fetch: those that hang or fail count, too
        try:
            keys = self._client.get_signing_keys(refresh=True)
        # Unreachable, or a reset while the body is read; no JSON; JSON that is no set of keys.
        except (jwt.PyJWTError, OSError, ValueError) as error:
            self._fault = f"the issuer's keys cannot be fetched: {type(error).__name__}: {error}"
            if self._keys:
                log.warning("the last keys of the issuer stay in use", extra={"error": self._fault})
            return
        self._keys = {str(key.key_id): key for key in keys}
        self._old_at = time.monotonic() + _KEYS_S
        self._fault = ""


def as_text(claim: Any) -> str:  # noqa: ANN401 - any JSON
    """A claim as API Gateway passes it on: every claim is text, a list is `[a b]`."""
    if isinstance(claim, str):
        return claim
    if isinstance(claim, bool):
        return "true" if claim else "false"
    if isinstance(claim, list):
        return f"[{' '.join(map(as_text, claim))}]"
    return str(claim)
