"""Unit tests open no socket: tests that need a server are marked `integration` or `e2e`."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import NoReturn

import pytest

_MARKS = ("integration", "e2e")
_SERVERS = frozenset({"postgres_server", "emulator", "provider_server", "mesh"})


class SocketInUnitTestError(Exception):
    """A test without the mark `integration` or `e2e` opened a socket; no `OSError`, so that no code under test takes
    it for an unreachable server."""


def _needs_servers(item: pytest.Item) -> bool:
    return any(item.get_closest_marker(mark) for mark in _MARKS)


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Refuse a selection in which a test uses a server without the mark."""
    silent = [
        item.nodeid
        for item in items
        if not _needs_servers(item) and _SERVERS.intersection(getattr(item, "fixturenames", ()))
    ]
    if silent:
        raise pytest.UsageError("use servers without the mark integration: " + ", ".join(silent))


@pytest.fixture(autouse=True)
def _no_sockets(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets can be neither connected nor bound in a unit test."""
    if _needs_servers(request.node):
        return

    def refuse(_self: socket.socket, address: object) -> NoReturn:
        raise SocketInUnitTestError(f"a unit test connected to {address}: mark it integration, or use no server")

    for name in ("connect", "connect_ex", "bind"):
        monkeypatch.setattr(socket.socket, name, refuse)
