"""Echo services for test cases of unittest and of trial."""

import typing
from collections.abc import Callable
from typing import Any

from twistecho.testing.servers import EchoServer

if typing.TYPE_CHECKING:
    from twistecho.testing.in_process import EchoListener


class _Case(typing.Protocol):
    """What a test case offers."""

    def addCleanup(self, function: Callable[..., Any], /) -> object:
        """Have a function called at the end of the test."""


class EchoServerMixin:
    """Mixed into a test case, starts echo services that end with the test."""

    def echo_server(self: _Case, **options: Any) -> EchoServer:
        """Start a service in a process of its own; see `servers.EchoServer`."""
        server = EchoServer(**options)
        self.addCleanup(server.kill)
        return server

    def echo_in_process(self: _Case, **options: Any) -> "EchoListener":
        """Listen on the reactor that runs: for trial, which waits until all has gone."""
        from twistecho.testing.in_process import listen  # noqa: PLC0415 - others do without Twisted

        listener = listen(**options)
        self.addCleanup(listener.stop)
        return listener
