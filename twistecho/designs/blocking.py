"""One client served by calls that block: the talk that three of the designs have in common."""

import itertools
import socket
import sys
import time
from socketserver import BaseRequestHandler, TCPServer
from typing import cast

from twistecho.base.reply_formats import MESSAGE_SIZE

from .listening import address, bindable, cannot_listen
from .settings import Peer, Settings, received_line


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
