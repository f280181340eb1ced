"""What the checks of one verification share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from manifests import Manifests
from mesh.db.access import Access
from mesh.environments import Environment
from mesh.verify.cleaning import Cleanup
from mesh.verify.invoking import Functions


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The temporary user: its tenant and its access token."""

    tenant: str
    token: str


@dataclass(slots=True)
class Probe:
    """The environment, access to its database, clean-up steps, and the time limit of asynchronous results.

    `mark` is in the name of everything created. `user` is set once the token check has passed.
    """

    environment: Environment
    manifests: Manifests
    access: Access
    timeout_s: float
    cleanup: Cleanup = field(default_factory=Cleanup)
    mark: str = field(default_factory=lambda: f"verify-{secrets.token_hex(6)}")
    user: SignedIn | None = None
    _functions: Functions | None = None

    @property
    def functions(self) -> Functions:
        """The functions, for direct invocation; not thread-safe on first access."""
        if self._functions is None:
            self._functions = Functions(self.environment)
        return self._functions

    def require_user(self) -> SignedIn:
        """The temporary user, for checks that depend on the token check."""
        if self.user is None:
            raise AssertionError("the user was requested before the token check")
        return self.user
