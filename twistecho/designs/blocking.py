"""Three designs whose calls block: sequential, threaded, forking.

Sequential, the notebook's first server, here `socketserver.TCPServer`, serves one client at a time,
from accept to FIN, before the next one is looked at. While it serves one, ``backlog`` and one more
stand in the kernel's queue, connected as far as they can tell; the connects of all others go
unanswered, and Linux repeats them a second later.

Threaded is a thread a client, by `socketserver.ThreadingTCPServer` as in the notebook; forking a
process a client, by `socketserver.ForkingTCPServer`. Of the latter socketserver has at most 40
children at work (``max_children``): the 41st client waits until one of them is done. That is kept,
for it is what this design does.
"""

import itertools
import os
import signal
import socket
import sys
import time
from contextlib import suppress
from socketserver import BaseRequestHandler, ForkingTCPServer, TCPServer, ThreadingTCPServer
from typing import Any, cast

from twistecho.base.processes import end_with
from twistecho.base.reply_formats import MESSAGE_SIZE

from .settings import Peer, Settings, address, bindable, cannot_listen, received_line


def converse(connection: socket.socket, peer: Peer, settings: Settings) -> None:
    """Serve one connection to its end: until the client's FIN, or until the client is lost."""
    settings.log(f"{peer} connected at {time.ctime()}")
    try:
        _answer(connection, peer, settings)
    except OSError as error:
        settings.log(f"{peer} lost: {error.strerror or error}")
    else:
        settings.log(f"{peer} closed")


def _answer(connection: socket.socket, peer: Peer, settings: Settings) -> None:
    time.sleep(settings.hold_on_accept(peer))
    for number in itertools.count():
        message = connection.recv(MESSAGE_SIZE)
        if not message:
            return
        settings.log(received_line(peer, message))
        time.sleep(settings.hold_reply(peer, number))
        connection.sendall(settings.writer(message, time.ctime()))


class Handler(BaseRequestHandler):
    """Hands a request of a `socketserver` server to `converse`."""

    def handle(self) -> None:
        """Serve the client to its end."""
        server = cast(BlockingServer, self.server)
        converse(self.request, self.client_address, server.settings)


class BlockingServer(TCPServer):
    """What the servers built on `socketserver` share; goes after socketserver's own class.

    Raises ListenError where it cannot listen.
    """

    allow_reuse_address = True

    def __init__(self, settings: Settings) -> None:
        [port] = settings.ports
        self.settings = settings
        self.address_family, where = bindable(settings.host, port)
        self.request_queue_size = settings.backlog
        self._numbers = itertools.count()
        try:
            super().__init__(where, Handler)
        except OSError as error:
            raise cannot_listen(port, error) from None
        self.addresses = [address(self.socket)]

    def get_request(self) -> tuple[socket.socket, Peer]:
        """Accept a client and number it."""
        connection, where = self.socket.accept()
        return connection, Peer(next(self._numbers), where[0], where[1])

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - socketserver's
        """Note a client that could not be served: no thread or process was to be had, say."""
        self.settings.log(f"{client_address} not served: {sys.exc_info()[1]}")

    def serve(self) -> None:
        """Accept clients until an exception ends it."""
        self.serve_forever()

    def close(self) -> None:
        """Listen no more."""
        self.server_close()


class SequentialServer(BlockingServer):
    """Serves clients one after the other. Raises ListenError where it cannot listen."""


class ThreadedServer(ThreadingTCPServer, BlockingServer):
    """Serves every client in a thread of its own. Raises ListenError where it cannot listen."""

    # A stopped server does not wait for clients that may never hang up.
    daemon_threads = True
    block_on_close = False


class ForkingServer(ForkingTCPServer, BlockingServer):
    """Serves every client in a process of its own. Raises ListenError where it cannot listen."""

    # Children are ended, not waited for: a client may never hang up.
    block_on_close = False

    def __init__(self, settings: Settings) -> None:
        self._parent = os.getpid()
        super().__init__(settings)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, in the child."""
        end_with(self._parent, self._parent)
        super().finish_request(request, client_address)

    def close(self) -> None:
        """Listen no more and end the children."""
        for child in self.active_children or ():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        super().close()
