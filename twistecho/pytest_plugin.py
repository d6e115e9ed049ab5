"""Fixtures for pytest: echo services that answer late or wrongly, exactly as a test asks.

``echo_server`` (and ``echo_server_class``, ``echo_server_module``, ``echo_server_session``, which
live as long as their names say) starts a service in a process of its own for each call:

    def test_retries(echo_server):
        server = echo_server(fault="reset:0.5", seed=7)
        ...

``echo_in_process`` listens on the running reactor instead. Nothing of this project is imported
until one of them is used.
"""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from twistecho.testing.in_process import EchoListener
    from twistecho.testing.servers import EchoServers


def _servers() -> "Iterator[EchoServers]":
    from twistecho.testing.servers import EchoServers  # noqa: PLC0415 - see the module's docstring

    with EchoServers() as servers:
        yield servers


@pytest.fixture
def echo_server() -> "Iterator[EchoServers]":
    """Call it with the options of ``twist echo`` to start a service; it ends with the test."""
    yield from _servers()


@pytest.fixture(scope="class")
def echo_server_class() -> "Iterator[EchoServers]":
    """Start services that end with the class of tests."""
    yield from _servers()


@pytest.fixture(scope="module")
def echo_server_module() -> "Iterator[EchoServers]":
    """Start services that end with the module."""
    yield from _servers()


@pytest.fixture(scope="session")
def echo_server_session() -> "Iterator[EchoServers]":
    """Start services that end with the session; under pytest-xdist with that of the worker."""
    yield from _servers()


@pytest.fixture
def echo_in_process() -> "Iterator[Callable[..., EchoListener]]":
    """Call it to listen on the reactor that runs; see `in_process.EchoListener`."""
    from twisted.internet.defer import gatherResults  # noqa: PLC0415 - see the module's docstring

    from twistecho.testing.in_process import EchoListener, listen  # noqa: PLC0415 - see the module's docstring

    listeners: list[EchoListener] = []

    def start(**options: Any) -> EchoListener:
        listeners.append(listen(**options))
        return listeners[-1]

    yield start
    gone = gatherResults([listener.stop() for listener in listeners])
    pytest_twisted = sys.modules.get("pytest_twisted")
    if pytest_twisted is not None:
        pytest_twisted.blockon(gone)
