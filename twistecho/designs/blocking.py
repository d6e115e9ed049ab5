"""Three designs whose calls block: sequential, threaded, forking.

Sequential, the notebook's first server, here `socketserver.TCPServer`, serves one client at a time,
from accept to FIN. Meanwhile ``backlog`` + 1 other clients wait in the kernel's queue; to them
their connection is established. The SYNs of all further clients are not answered, and Linux repeats
them a second later.

Threaded has one thread per client, by `socketserver.ThreadingTCPServer` as in the notebook. Forking
has one process per client, by `socketserver.ForkingTCPServer`, which runs at most 40 children
(``max_children``): the 41st client waits until one of them ends. That limit is kept, since it is
part of the design.
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
    """The common part of the servers built on `socketserver`; it comes after socketserver's class.

    Raises ListenError if it cannot listen.
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
        """Log a client that could not be served, for example for lack of threads or processes."""
        self.settings.log(f"{client_address} not served: {sys.exc_info()[1]}")

    def serve(self) -> None:
        """Accept clients until an exception ends it."""
        self.serve_forever()

    def close(self) -> None:
        """Stop listening."""
        self.server_close()


class SequentialServer(BlockingServer):
    """Serves clients one after the other. Raises ListenError if it cannot listen."""


class ThreadedServer(ThreadingTCPServer, BlockingServer):
    """Serves every client in its own thread. Raises ListenError if it cannot listen."""

    # A stopped server does not wait for its clients: they may never disconnect.
    daemon_threads = True
    block_on_close = False


class ForkingServer(ForkingTCPServer, BlockingServer):
    """Serves every client in its own process. Raises ListenError if it cannot listen."""

    # Children are killed, not waited for: their clients may never disconnect.
    block_on_close = False

    def __init__(self, settings: Settings) -> None:
        self._parent = os.getpid()
        super().__init__(settings)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve a client, in the child."""
        end_with(self._parent, self._parent)
        super().finish_request(request, client_address)

    def close(self) -> None:
        """Stop listening and kill the children."""
        for child in self.active_children or ():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        super().close()
