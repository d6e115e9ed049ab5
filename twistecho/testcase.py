"""Echo services for test cases of unittest and of trial."""

import typing
from collections.abc import Callable
from typing import Any, Unpack

from twistecho.testing.options import EchoServerOptions
from twistecho.testing.server import EchoServer

if typing.TYPE_CHECKING:
    from twistecho.testing.in_process import EchoListener, InProcessOptions


class _Case(typing.Protocol):
    """The method used of a test case."""

    _echo_servers: "list[EchoServer | EchoListener]"

    def addCleanup(self, function: Callable[..., Any], /) -> object:
        """Have a function called at the end of the test."""


class EchoServerMixin:
    """Mixed into a test case, starts echo services that end with the test."""

    _echo_servers: "list[EchoServer | EchoListener]" = []  # noqa: RUF012 - it is replaced, never changed

    def echo_server(
        self: _Case, *arguments: str, **options: Unpack[EchoServerOptions]
    ) -> EchoServer:
        """Start a service in a process of its own; see `server.EchoServer`."""
        server = EchoServer(*arguments, **options)
        self._echo_servers = [*self._echo_servers, server]
        self.addCleanup(server.kill)
        return server

    def echo_in_process(self: _Case, **options: "Unpack[InProcessOptions]") -> "EchoListener":
        """Listen on the running reactor: for trial, which waits until the listener has stopped."""
        from twistecho.testing.in_process import listen  # noqa: PLC0415 - others do without Twisted

        listener = listen(**options)
        self._echo_servers = [*self._echo_servers, listener]
        self.addCleanup(listener.stop)
        return listener
