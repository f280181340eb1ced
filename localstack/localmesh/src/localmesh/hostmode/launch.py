"""How LocalStack is started without Docker: its command line, and an environment built from scratch."""

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

from localmesh.emulator.launch import OUTWARD
from localmesh.hostmode.installation import installation

#: What the mesh uses of it; Cognito, DynamoDB and HTTP APIs are the companion's.
SERVICES: Final = ("s3", "events", "sqs", "ssm", "iam", "sts", "lambda", "logs", "cloudwatch")
_direct = build_opener(ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class HostModeOptions:
    """One LocalStack: where it listens and works, and the emulator of what it lacks.

    `outward` lets functions use this shell's HTTPS proxy.
    """

    port: int
    folder: Path
    companion_url: str
    host: str = "127.0.0.1"
    region: str = "us-east-1"
    outward: bool = False


def command() -> list[str]:
    """The command that runs it in the foreground; -P, because the folder `localstack/` is not the package."""
    return [str(installation().python), "-P", "-m", "localstack.runtime.main"]


def environment(options: HostModeOptions, inherited: Mapping[str, str]) -> dict[str, str]:
    """Everything it finds in its environment; of it, functions get what `mesh_addons.executor` says."""
    outward = {name: inherited[name] for name in OUTWARD if options.outward and name in inherited}
    return {
        "PATH": inherited.get("PATH", os.defpath),
        "HOME": inherited.get("HOME", str(options.folder)),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": str(options.folder),
        "LOCALSTACK_VOLUME_DIR": str(options.folder),
        "GATEWAY_LISTEN": f"{options.host}:{options.port}",
        "LOCALSTACK_HOST": f"{options.host}:{options.port}",
        "SERVICES": ",".join(SERVICES),
        "STRICT_SERVICE_LOADING": "0",  # the companion's services, or a licensed image's own, are not off
        "AWS_DEFAULT_REGION": options.region,
        # Nothing of it leaves this machine.
        "DISABLE_EVENTS": "1",
        "LS_LOG": "warn",  # a line for each request would fill the disk of a mesh that stays up
        "SKIP_SSL_CERT_DOWNLOAD": "1",
        "DNS_ADDRESS": "0",
        # Tampered and expired links are refused, as on AWS.
        "S3_SKIP_SIGNATURE_VALIDATION": "0",
        "SQS_ENDPOINT_STRATEGY": "path",
        # CORS is the business of the HTTP API and of the bucket.
        "DISABLE_CORS_CHECKS": "1",
        "DISABLE_CORS_HEADERS": "1",
        "DISABLE_PREFLIGHT_PROCESSING": "1",
        "LAMBDA_RUNTIME_EXECUTOR": "process",
        # Requests for messages wait (mesh_addons.polling), so that nothing has to be waited for between them.
        "LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC": "0.01",
        "LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC": "0.01",
        "LAMBDA_RUNTIME_ENVIRONMENT_TIMEOUT": "60",
        "MESH_COMPANION_URL": options.companion_url,
        "MESH_FUNCTION_PYTHON": sys.executable,
        "MESH_FUNCTION_PASSES": " ".join(outward),
        **outward,
    }


def is_ready(url: str) -> bool:
    """Whether it answers now."""
    try:
        with _direct.open(f"{url}/_localstack/health", timeout=2) as answer:
            return "services" in json.load(answer)
    except (URLError, TimeoutError, ConnectionError, http.client.HTTPException, ValueError):
        return False
