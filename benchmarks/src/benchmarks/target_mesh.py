"""The mesh to measure: a temporary one, or the running one."""

from __future__ import annotations

import secrets
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from localmesh.aws import open_session
from localmesh.config import MeshSettings
from localmesh.lifecycle import down, up
from localmesh.processes import free_port
from localmesh.provision import Provisioned, load_provisioned
from mesh.client import Api, Identity

_PASSWORD = "Measured-horse-7-battery"
_TERMINATED = 128 + signal.SIGTERM

Report = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TargetMesh:
    """A running mesh whose AI providers respond at once."""

    settings: MeshSettings
    provisioned: Provisioned

    @classmethod
    def of(cls, settings: MeshSettings) -> TargetMesh:
        """A mesh that is up. Raises FileNotFoundError when none was provisioned."""
        return cls(settings, load_provisioned(settings))

    def client(self, service: Any) -> Any:
        """A client with the emulator's root credentials."""
        return open_session(self.settings.emulator_url, self.settings.region).client(service)

    def new_user(self) -> Api:
        """A user with an empty collection, signed in."""
        identity = Identity(
            endpoint_url=self.settings.emulator_url,
            region=self.settings.region,
            user_pool_id=self.provisioned.user_pool_id,
            client_id=self.provisioned.client_id,
        )
        email = f"bench-{secrets.token_hex(6)}@example.com"
        identity.ensure_user(email, _PASSWORD)
        return Api(self.provisioned.api_url, identity.sign_in(email, _PASSWORD))

    def dead_letters(self) -> int:
        """The number of messages in all dead-letter queues."""
        sqs = self.client("sqs")
        total = 0
        for function in self.provisioned.functions.values():
            if function.dead_letter_queue_url:
                counted = sqs.get_queue_attributes(
                    QueueUrl=function.dead_letter_queue_url, AttributeNames=["ApproximateNumberOfMessages"]
                )
                total += int(counted["Attributes"]["ApproximateNumberOfMessages"])
        return total


@contextmanager
def target_mesh(report: Report, *, running: bool) -> Iterator[TargetMesh]:
    """A mesh with instant AI providers; `running` uses the one that is up, and restores its settings afterwards.

    Raises what `localmesh.lifecycle.up` raises; FileNotFoundError or httpx.ConnectError when none is up.
    """
    if running:
        settings = MeshSettings()
        with instant(settings):
            yield TargetMesh.of(settings)
        return
    with temporary_settings() as settings:
        report("starting a temporary mesh")
        up(settings, report=lambda line: None)
        with instant(settings):
            yield TargetMesh.of(settings)


@contextmanager
def temporary_settings(**wanted: Any) -> Iterator[MeshSettings]:
    """A mesh that has not been started, with ports and an empty state of its own; ended and deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="collections-bench-") as folder:
        settings = MeshSettings(
            _env_file=None,  # never use a developer's keys
            state_dir=Path(folder),
            emulator_port=free_port(),
            companion_port=free_port(),
            postgres_port=free_port(),
            providers_port=free_port(),
            anthropic_api_key=None,
            openai_api_key=None,
            voyage_api_key=None,
            tavily_api_key=None,
            langsmith_api_key=None,
            **wanted,
        )
        try:
            # Unwind on SIGTERM as on Ctrl-C, so that no mesh is left running.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
            yield settings
        finally:
            down(settings, report=lambda line: None)


@contextmanager
def instant(settings: MeshSettings) -> Iterator[None]:
    """The AI provider emulator answers at once, with canned descriptions."""
    _switch(settings, "instant")
    try:
        yield
    finally:
        _switch(settings, "models")


def _switch(settings: MeshSettings, mode: str) -> None:
    httpx.post(f"{settings.providers_url}/_mode", json={"mode": mode}, timeout=30).raise_for_status()
