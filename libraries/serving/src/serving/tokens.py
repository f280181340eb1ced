"""Users' tokens, verified as the JWT authorizer of an HTTP API does."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import jwt
from jwt.api_jwk import PyJWK

__all__ = ["KeysUnavailableError", "TokenVerifier", "UnauthorizedError"]

_REFRESH_S: Final = 30.0
_KEYS_S: Final = 3600


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
        self._keys = jwt.PyJWKClient(url, cache_jwk_set=True, lifespan=_KEYS_S, timeout=5)
        self._lock = threading.Lock()
        self._refreshed = -_REFRESH_S

    def claims(self, authorization: str) -> dict[str, Any]:
        """The claims of the token in an Authorization header, with or without `Bearer`.

        Raises:
            UnauthorizedError: it is none, expired, not signed by the issuer, or for another client.
            KeysUnavailableError: the issuer's keys cannot be fetched.
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
        except jwt.PyJWKClientConnectionError as error:
            raise KeysUnavailableError(str(error)) from error
        except (jwt.PyJWTError, ValueError) as error:
            raise UnauthorizedError from error
        audience = claims.get("aud", claims.get("client_id"))
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise UnauthorizedError
        return claims

    def _key(self, key_id: str) -> PyJWK:
        """The key of that id. An unknown one fetches the keys again, but not for everyone who makes up an id."""
        with self._lock:
            if (found := self._known(key_id, refresh=False)) is not None:
                return found
            if time.monotonic() - self._refreshed >= _REFRESH_S:
                found = self._known(key_id, refresh=True)
                self._refreshed = time.monotonic()
        if found is None:
            raise UnauthorizedError
        return found

    def _known(self, key_id: str, *, refresh: bool) -> PyJWK | None:
        return next((key for key in self._keys.get_signing_keys(refresh=refresh) if key.key_id == key_id), None)


def as_text(claim: Any) -> str:  # noqa: ANN401 - any JSON
    """A claim as API Gateway passes it on: every claim is text, a list is `[a b]`."""
    if isinstance(claim, str):
        return claim
    if isinstance(claim, bool):
        return "true" if claim else "false"
    if isinstance(claim, list):
        return f"[{' '.join(map(as_text, claim))}]"
    return str(claim)
