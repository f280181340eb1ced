"""What the checks of one verification share."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from manifests import Manifests
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
    """The environment, what has been made in it, and how long to wait for what happens by itself.

    `mark` is in the name of everything that is made. `user` is there once the check of the token has passed.
    """

    environment: Environment
    manifests: Manifests
    timeout_s: float
    cleanup: Cleanup = field(default_factory=Cleanup)
    mark: str = field(default_factory=lambda: f"verify-{secrets.token_hex(6)}")
    user: SignedIn | None = None
    functions: Functions = field(init=False)

    def __post_init__(self) -> None:
        """Make what the checks use."""
        self.functions = Functions(self.environment)

    def require_user(self) -> SignedIn:
        """The temporary user; whoever asks needs the check of the token."""
        if self.user is None:
            raise AssertionError("asked for the user before the check of the token")
        return self.user
