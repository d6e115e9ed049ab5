"""Select: one loop over all clients, in one thread, on two ports as in the notebook.

A delay here delays the loop: while it sleeps for one client, no other client is accepted, read from
or written to. The design is meant to show this, so it stays. The errors of the notebook's loop are
fixed: a lost client is dropped without affecting the others; a reply that does not fit into the
socket's buffer is finished when there is room; a client is refused if select() cannot watch its
file descriptor, or if there is no descriptor for it.
"""

import errno
import itertools
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from select import select

from twistecho.base.reply_formats import MESSAGE_SIZE

from .settings import Peer, Settings, address, listening, received_line

FD_SETSIZE = 1024
"""select() watches only file descriptors below this number, which glibc fixes."""


class _Client:
    """An accepted connection, and the part of its reply that is not sent yet."""

    def __init__(self, connection: socket.socket, peer: Peer) -> None:
        self.connection = connection
        self.peer = peer
        self.messages = 0
        self.unsent = b""

    def fileno(self) -> int:
        return self.connection.fileno()


class SelectServer:
    """Serves all clients from one loop. Raises ListenError if it cannot listen."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._numbers = itertools.count()
        self._clients: set[_Client] = set()
        self._spare = os.open(os.devnull, os.O_RDONLY)
        self._listeners: list[socket.socket] = []
        for port in settings.ports:
            self._listen(port)
        self.addresses = [address(listener) for listener in self._listeners]

    def _listen(self, port: int) -> None:
        try:
            listener = listening(self._settings.host, port, self._settings.backlog)
        except OSError:
            self.close()
            raise
        listener.setblocking(False)
        self._listeners.append(listener)

    def serve(self) -> None:
        """Serve the clients that are ready, in an endless loop."""
        while True:
            self._turn()

    def _turn(self) -> None:
        # No read from a client with an unsent reply: this keeps the order and bounds the memory.
        readers: list[socket.socket | _Client] = list(self._listeners)
        readers += [client for client in self._clients if not client.unsent]
        writers = [client for client in self._clients if client.unsent]
        readable, writable, _ = select(readers, writers, [])
        for ready in readable:
            if isinstance(ready, _Client):
                self._attempt(self._read, ready)
            else:
                self._accept(ready)
        for client in writable:
            self._attempt(self._write, client)

    def _accept(self, listener: socket.socket) -> None:
        try:
            connection, where = listener.accept()
        except OSError as error:
            self._settings.log(f"a client refused: {error.strerror}")
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._turn_away(listener)
            return
        peer = Peer(next(self._numbers), *where[:2])
        if connection.fileno() >= FD_SETSIZE:
            self._settings.log(f"{peer} refused: select() takes {FD_SETSIZE} files at most")
            connection.close()
            return
        self._settings.log(f"{peer} connected at {time.ctime()}")
        connection.setblocking(False)
        time.sleep(self._settings.hold_on_accept(peer))
        self._clients.add(_Client(connection, peer))

    def _turn_away(self, listener: socket.socket) -> None:
        """Close a client for which there is no file descriptor, by using the spare one for it.

        If it stayed in the queue, the loop would spin.
        """
        os.close(self._spare)
        with suppress(OSError):
            listener.accept()[0].close()
        self._spare = os.open(os.devnull, os.O_RDONLY)

    def _attempt(self, step: Callable[[_Client], None], client: _Client) -> None:
        """Run a step for a client; drop the client, and no other, if it is lost."""
        try:
            step(client)
        except BlockingIOError:
            return
        except OSError as error:
            self._drop(client, f"lost: {error.strerror or error}")

    def _read(self, client: _Client) -> None:
        message = client.connection.recv(MESSAGE_SIZE)
        if not message:
            self._drop(client, "closed")
            return
        self._settings.log(received_line(client.peer, message))
        time.sleep(self._settings.hold_reply(client.peer, client.messages))
        client.messages += 1
        client.unsent = self._settings.writer(message, time.ctime())
        self._write(client)

    def _write(self, client: _Client) -> None:
        sent = client.connection.send(client.unsent)
        client.unsent = client.unsent[sent:]

    def _drop(self, client: _Client, why: str) -> None:
        self._settings.log(f"{client.peer} {why}")
        self._clients.discard(client)
        client.connection.close()

    def close(self) -> None:
        """Stop listening and close every connection."""
        for client in self._clients:
            client.connection.close()
        for listener in self._listeners:
            listener.close()
        os.close(self._spare)
