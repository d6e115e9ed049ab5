"""Fixtures for pytest: echo services whose replies are late or wrong, exactly as a test asks.

``echo_server`` is a server that a test can steer, reset for each test, in one process for all.
Called with options it starts another, which ends with the test:

    def test_retries(echo_server):
        with echo_server.fault("reset", limit=2):
            ...
        server = echo_server(framing="line")

``echo_server_class``, ``echo_server_module`` and ``echo_server_session`` run for a class, a module
and the session, and are not reset between tests. ``echo_in_process`` listens on the running reactor
instead. The marker ``echo_server`` and the ini option ``echo_server_options`` give defaults.
Nothing of this project is imported until one of the fixtures is used.
"""

import sys
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from twistecho.testing.in_process import EchoListener
    from twistecho.testing.servers import EchoServers, SharedServer

_MARKER = "echo_server"

_USED: "pytest.StashKey[list[tuple[str, Any]]]" = pytest.StashKey()
"""The names and values of the fixtures of a test, a class, a module or a session."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the ini option."""
    parser.addini(
        "echo_server_options",
        "options of twist echo with which the servers of echo_server start",
        type="args",
        default=[],
    )


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(**options): options with which the servers of the fixture echo_server start",
    )


def _marked(node: pytest.Collector | pytest.Item) -> dict[str, Any]:
    """Return the options of all markers; the closest take precedence."""
    options: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers(_MARKER))):
        if mark.args:
            raise pytest.UsageError(f"the marker {_MARKER} takes options by their names only")
        options.update(mark.kwargs)
    return options


def _servers(
    request: pytest.FixtureRequest, shared: "SharedServer | None" = None
) -> "Iterator[EchoServers]":
    from twistecho.testing.servers import EchoServers  # noqa: PLC0415 - see the module's docstring

    arguments = request.config.getini("echo_server_options")
    with EchoServers(*arguments, shared=shared, defaults=_marked(request.node)) as servers:
        _note(request, servers)
        yield servers


def _note(request: pytest.FixtureRequest, servers: Any) -> None:
    used = request.node.stash.setdefault(_USED, [])
    used.append((str(request.fixturename), servers))


@pytest.fixture(scope="session")
def _echo_server_shared(request: pytest.FixtureRequest) -> "Iterator[SharedServer]":
    """Keep the server that tests share; under pytest-xdist those of a worker."""
    from twistecho.testing.servers import SharedServer  # noqa: PLC0415 - see the module's docstring

    with SharedServer(*request.config.getini("echo_server_options")) as shared:
        yield shared


@pytest.fixture
def echo_server(
    request: pytest.FixtureRequest, _echo_server_shared: "SharedServer"
) -> "Iterator[EchoServers]":
    """Steer a service that was reset; call it to start another, which ends with the test."""
    yield from _servers(request, _echo_server_shared)


@pytest.fixture(scope="class")
def echo_server_class(request: pytest.FixtureRequest) -> "Iterator[EchoServers]":
    """Steer a service of a class of tests; call it to start others, which end with the class."""
    yield from _servers(request)


@pytest.fixture(scope="module")
def echo_server_module(request: pytest.FixtureRequest) -> "Iterator[EchoServers]":
    """Steer a service of a module; call it to start others, which end with the module."""
    yield from _servers(request)


@pytest.fixture(scope="session")
def echo_server_session(request: pytest.FixtureRequest) -> "Iterator[EchoServers]":
    """Steer a service of the session, under pytest-xdist of the worker; call it to start others."""
    yield from _servers(request)


@pytest.fixture
def echo_in_process(
    request: pytest.FixtureRequest,
) -> "Iterator[Callable[..., EchoListener]]":
    """Call it to listen on the running reactor; see `in_process.EchoListener`."""
    from twisted.internet.defer import gatherResults  # noqa: PLC0415 - see the module's docstring

    from twistecho.testing.in_process import EchoListener, listen  # noqa: PLC0415 - see the module's docstring

    listeners: list[EchoListener] = []

    def start(**options: Any) -> EchoListener:
        listeners.append(listen(**options))
        _note(request, listeners[-1])
        return listeners[-1]

    yield start
    gone = gatherResults([listener.stop() for listener in listeners])
    pytest_twisted = sys.modules.get("pytest_twisted")
    if pytest_twisted is not None:
        pytest_twisted.blockon(gone)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show in the report of a failing test the messages that its servers have received."""
    report = yield
    if report.failed and report.when != "teardown":
        for name, server in _used_by(item):
            text = "\n".join(server.describe_received())
            report.sections.append((f"{name} received", text))
    return report


def _used_by(item: pytest.Item) -> Iterator[tuple[str, Any]]:
    """Yield the servers that a test has used, with their names in the test."""
    asked = getattr(item, "fixturenames", ())
    for node in item.listchain():
        for name, servers in node.stash.get(_USED, []):
            if node is item or name in asked:
                yield from ((name, server) for server in getattr(servers, "all", [servers]))
    for server in getattr(getattr(item, "instance", None), "_echo_servers", ()):
        yield "echo_server", server
