"""Services on any kind of endpoint, in this process, for tests with real sockets."""

import shutil
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from twistecho import EchoFactory, EchoService
from twistecho.service.listening.endpoint import endpoint_for

reactor: Any = global_reactor

LONGEST_WAIT = 20.0

Client = Callable[[socket.socket], Any]
"""A plain client: a function of its connected socket, called in a thread."""


class ListeningCase(TestCase):
    """Starts services on any kind of endpoint and stops them at the end of the test."""

    timeout = 60

    def start(self, description: str, factory: EchoFactory | None = None, **options: Any) -> Any:
        """Start a service on the described endpoint; options are the factory's."""
        if factory is None:
            factory = EchoFactory(reactor, **{"reply": "raw", **options})
        service = EchoService(reactor, factory, [endpoint_for(reactor, description)])
        service.startService()
        # Older versions of trial do not wait for a coroutine here.
        self.addCleanup(lambda: Deferred.fromCoroutine(self.stop(service)))
        return service

    async def stop(self, service: EchoService) -> None:
        """Stop a service, at once if it has not been stopped yet."""
        if service.running:
            stopped = service.stopService()
            service.factory.abort()
            await stopped

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the reactor run until a condition holds; the test's timeout limits it."""
        while not condition():
            await deferLater(reactor, 0.01)

    async def talk(self, address: Any, client: Client, source: Any = None) -> Any:
        """Run a plain client on an address: a Unix socket's path, or host and port."""
        return await deferToThread(lambda: talk(address, client, source))

    def folder(self) -> str:
        """Make a folder that is deleted after the test; its path is short enough for sockets."""
        path = tempfile.mkdtemp(prefix="echo")
        self.addCleanup(shutil.rmtree, path, True)
        return path


def talk(address: Any, client: Client, source: Any = None) -> Any:
    """Connect to a Unix socket's path, or to host and port, and run a client."""
    if isinstance(address, str):
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(LONGEST_WAIT)
        connection.connect(address)
    else:
        connection = socket.create_connection(address, LONGEST_WAIT, source)
    with connection:
        return client(connection)


def port_of(service: EchoService) -> int:
    """Return the number of the port that a service listens on."""
    return int(service.ports[0].getHost().port)  # type: ignore[attr-defined]  # a TCP port's
