"""How the emulator is started: its command line, and an environment built from scratch.

Functions inherit the emulator's whole environment, so it gets only what is named here: a proxy or an AWS profile in
the developer's shell must not change what a function does.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

HEALTH: Final = "/_ministack/health"
# What a function needs to reach a real AI provider from behind a company's proxy. Only for https: calls to the
# emulator itself are plain http and never take this way.
OUTWARD: Final = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class EmulatorOptions:
    """One emulator: where it listens, where it keeps its state, whether it enforces IAM policies.

    `outward` lets functions use this shell's HTTPS proxy; after a crash what came in the
    last `snapshot_s` seconds is replayed from a journal. Messages wait until something listens on the ports `needs`.
    With `functions_url` the HTTP API invokes functions there, and has none here.
    """

    port: int
    state_dir: Path
    objects_dir: Path
    temporary_dir: Path
    host: str = "127.0.0.1"
    region: str = "us-east-1"
    iam: bool = False
    outward: bool = False
    snapshot_s: float = 15.0
    needs: tuple[int, ...] = ()
    functions_url: str = ""

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def command(options: EmulatorOptions) -> list[str]:
    """The command that runs this emulator in the foreground."""
    return [
        sys.executable, "-m", "localmesh.emulator",
        "--host", options.host, "--port", str(options.port), "--region", options.region,
        "--state-dir", str(options.state_dir), "--objects-dir", str(options.objects_dir),
        "--temporary-dir", str(options.temporary_dir), "--snapshot-s", str(options.snapshot_s),
        *(f"--needs={port}" for port in options.needs),
        *(("--functions-url", options.functions_url) if options.functions_url else ()),
        *(("--iam",) if options.iam else ()), *(("--outward",) if options.outward else ()),
    ]  # fmt: skip


def environment(options: EmulatorOptions, inherited: Mapping[str, str]) -> dict[str, str]:
    """Everything the emulator, and with it every function, finds in its environment."""
    outward = {name: inherited[name] for name in OUTWARD if options.outward and name in inherited}
    return {
        "PATH": inherited.get("PATH", os.defpath),
        "HOME": inherited.get("HOME", str(options.temporary_dir)),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(options.temporary_dir),
        "GATEWAY_PORT": str(options.port),
        "BIND_HOST": options.host,
        # How it reaches itself (a JWT authorizer fetches the pool's keys): not every machine resolves "localhost".
        "MINISTACK_HOST": options.host,
        "MINISTACK_REGION": options.region,
        "PERSIST_STATE": "1",
        "STATE_DIR": str(options.state_dir),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(options.objects_dir),
        "AUTH": "true" if options.iam else "false",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # Listeners and look-outs that this mesh has no use for.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{options.temporary_dir}/no-docker.sock",
        # We bound workers by function; an account limit derived from free memory would throttle at random.
        "LAMBDA_ACCOUNT_CONCURRENCY": "1000",
        "LAMBDA_WARM_TTL_SECONDS": "120",
        **outward,
    }


def is_ready(url: str) -> bool:
    """Whether the emulator answers now."""
    try:
        with _direct.open(f"{url}{HEALTH}", timeout=2) as answer:
            return isinstance(json.load(answer), dict)
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException, ValueError):
        return False
