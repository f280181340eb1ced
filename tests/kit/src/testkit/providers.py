"""The AI provider emulator under the tests: one process for the whole session, and its control routes."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from localmesh.postgres.account import die_with_parent
from localmesh.processes import free_port
from testkit.polling import eventually

_START_S = 60.0
_LOAD_S = 120.0


@dataclass(frozen=True, slots=True)
class Providers:
    """The emulator: its mode, faults to switch on, a log of requests. `client` is for everything else."""

    url: str
    client: httpx.Client

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables that lead the SDKs here."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "VOYAGE_BASE_URL": f"{self.url}/voyage/v1",
            "TAVILY_BASE_URL": f"{self.url}/tavily",
            "LANGSMITH_ENDPOINT": f"{self.url}/langsmith",
        }

    def fault(self, **fields: Any) -> dict[str, Any]:
        """Arm a fault, see `provider_emulator.faults.Fault`; returned as in `faults`."""
        return dict(self._json("POST", "/_faults", json=fields))

    def faults(self) -> list[dict[str, Any]]:
        """The armed faults, spent ones too."""
        return list(self._json("GET", "/_faults")["faults"])

    def faults_applied(self) -> int:
        """How often faults were applied since they were last cleared."""
        return sum(fault["applied"] for fault in self.faults())

    def release(self) -> None:
        """Disarm all faults; requests that a slow one delays are answered now."""
        self._json("DELETE", "/_faults")

    def calm(self) -> None:
        """No faults, an empty log."""
        self.release()
        self._json("DELETE", "/_requests")

    def requests(self, provider: str | None = None) -> list[dict[str, Any]]:
        """The requests since the log was last emptied, oldest first."""
        chosen = {"provider": provider} if provider else {}
        return list(self._json("GET", "/_requests", params={"limit": "1000", **chosen})["requests"])[::-1]

    def mode(self, mode: str) -> None:
        """Answer with the real models (`models`), once they are loaded, or at once with canned answers (`instant`)."""
        self._json("POST", "/_mode", json={"mode": mode})
        eventually(self._is_ready, timeout_s=_LOAD_S)

    @contextmanager
    def while_at_fault(self, **fields: Any) -> Iterator[None]:
        """A fault while the block runs."""
        self.fault(**fields)
        try:
            yield
        finally:
            self.release()

    def _is_ready(self) -> bool:
        health = self.client.get("/_health")
        assert health.json()["status"] != "failed", health.text
        return health.status_code == 200

    def _json(self, method: str, path: str, **arguments: Any) -> Any:
        answer = self.client.request(method, path, **arguments)
        assert answer.is_success, answer.text
        return answer.json()


@contextmanager
def control(url: str) -> Iterator[Providers]:
    """The control routes of a running emulator."""
    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        yield Providers(url, client)


@pytest.fixture(scope="session")
def provider_server() -> Iterator[Providers]:
    """The running emulator, at first in instant mode; a test takes `providers`."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="collections-providers-") as folder,
        control(f"http://127.0.0.1:{port}") as providers,
    ):
        log = Path(folder) / "providers.log"
        arguments = ["--port", str(port), "--models-dir", folder, "--mode", "instant"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*die_with_parent(), sys.executable, "-m", "provider_emulator", *arguments],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
            )

        def is_listening() -> bool:
            assert process.poll() is None, log.read_text()
            try:
                return providers.client.get("/_health").is_success
            except httpx.TransportError:
                return False

        try:
            eventually(is_listening, timeout_s=_START_S)
            yield providers
        finally:
            process.terminate()
            process.wait(timeout=15)


@pytest.fixture
def providers(provider_server: Providers) -> Providers:
    """The emulator in instant mode, without faults and with an empty log."""
    provider_server.calm()
    return provider_server


@pytest.fixture
def real_models(providers: Providers) -> Iterator[Providers]:
    """The same with the real models, which are loaded once a session."""
    providers.mode("models")
    yield providers
    providers.mode("instant")
