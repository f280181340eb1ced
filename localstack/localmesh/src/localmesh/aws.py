"""AWS clients of a mesh on this machine, by LocalStack's own client library."""

from __future__ import annotations

from typing import Final

from localstack_client.session import Session

__all__ = ["ROOT_KEY", "open_session"]

#: Both halves of the emulators' well-known root credentials.
ROOT_KEY: Final = "test"


def open_session(
    endpoint_url: str, region: str, access_key_id: str = ROOT_KEY, secret_access_key: str = ROOT_KEY
) -> Session:
    """A session whose clients all ask the emulator at `endpoint_url` (`http://127.0.0.1:4566`), whichever it is.

    Clients may be used by several threads, but are to be created by one.
    """
    host = endpoint_url.removeprefix("http://")
    session = Session(access_key_id, secret_access_key, region_name=region, localstack_host=host)
    # The library prefers AWS_ENDPOINT_URL to what it is given, and the shell's may be that of another mesh.
    session._service_endpoint_mapping = dict.fromkeys(session._service_endpoint_mapping, endpoint_url)
    return session
