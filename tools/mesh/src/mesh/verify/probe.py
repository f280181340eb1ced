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
    """The environment, the way into its database, what has been made, and how long to wait for what happens by itself.

    `mark` is in the name of everything that is made. `user` is there once the check of the token has passed.
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
        """The functions, to be invoked by hand; not to be asked for by several threads at once."""
        if self._functions is None:
            self._functions = Functions(self.environment)
        return self._functions

    def require_user(self) -> SignedIn:
        """The temporary user; whoever asks needs the check of the token."""
        if self.user is None:
            raise AssertionError("asked for the user before the check of the token")
        return self.user
