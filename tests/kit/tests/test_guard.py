"""Unit tests open no socket, and tests that use a server are marked."""

import socket

import pytest

from localmesh.processes import free_port
from testkit import SocketInUnitTestError

pytest_plugins = ["pytester"]


@pytest.mark.parametrize("method", ["connect", "connect_ex", "bind"])
def test_a_unit_test_can_neither_connect_nor_bind(method: str) -> None:
    with socket.socket() as one, pytest.raises(SocketInUnitTestError, match=r"127\.0\.0\.1"):
        getattr(one, method)(("127.0.0.1", 9))


def test_code_that_expects_unreachable_servers_does_not_hide_it() -> None:
    assert not issubclass(SocketInUnitTestError, OSError)


@pytest.mark.integration
def test_an_integration_test_can_do_both() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as server, socket.create_connection(server.getsockname()):
        pass


def test_a_server_without_the_mark_is_refused_before_anything_runs(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\nmarkers = integration: x\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile("""
        def test_0(fresh_database):
            pass

        def test_1(deploy):
            pass

        def test_2(emulator):
            pass

        def test_3(providers):
            pass

        def test_innocent():
            pass
    """)
    result = pytester.runpytest_inprocess("-p", "testkit", "-p", "no:randomly")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    named = ", ".join(f"*::test_{number}" for number in range(4))
    result.stderr.fnmatch_lines([f"*without the mark integration: {named}"])
    assert "test_innocent" not in result.stderr.str()
