"""The load over TLS, for an echo: ``tls_client PORT CONNECTIONS HEX CERTIFICATE``.

It works like ``requests`` of `client.c`, but each reply must equal its message, byte for byte.
"""

import select
import socket
import ssl
import sys
from contextlib import suppress
from time import monotonic

_LONGEST = 65536
_NO_REPLY_FOR = 10.0


def dial(port: int, certificate: str) -> ssl.SSLSocket:
    """Connect; the server must have this certificate, a PEM file."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(certificate)
    plain = socket.create_connection(("127.0.0.1", port), timeout=_NO_REPLY_FOR)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(plain, server_hostname="127.0.0.1")


class Client:
    """One connection: sends a message, and compares the reply."""

    def __init__(self, connection: ssl.SSLSocket, message: bytes) -> None:
        connection.setblocking(False)
        self._connection, self._message, self._heard = connection, message, b""

    def ask(self) -> None:
        """Send the message; it fits into the socket's buffer, as nothing else is in it."""
        self._heard = b""
        assert self._connection.send(self._message) == len(self._message)

    def take(self) -> bool:
        """Read at most one TLS record; return whether the reply is complete."""
        with suppress(ssl.SSLWantReadError):  # a record of TLS's own
            self._heard += self._connection.recv(_LONGEST) or b"(closed)"
        assert self._message.startswith(self._heard), self._heard
        return self._heard == self._message


def turn(poller: select.epoll, clients: dict[int, Client], seconds: float) -> tuple[int, float]:
    """Let all clients send until the time has passed, then wait for pending replies."""
    began, answered, owed = monotonic(), 0, len(clients)
    ends = began + seconds
    for client in clients.values():
        client.ask()
    while owed:
        ready = poller.poll(_NO_REPLY_FOR)
        assert ready, "no reply"
        more = monotonic() < ends
        for number, _ in ready:
            client = clients[number]
            if client.take():
                answered += 1
                if more:
                    client.ask()
                else:
                    owed -= 1
    return answered, monotonic() - began


def main() -> None:
    """Run one turn for each line of input."""
    port, count, written, certificate = sys.argv[1:]
    poller, message = select.epoll(), bytes.fromhex(written)
    clients = {}
    for _ in range(int(count)):
        connection = dial(int(port), certificate)
        clients[connection.fileno()] = Client(connection, message)
        poller.register(connection, select.EPOLLIN)
    print("begin", flush=True)
    for line in sys.stdin:
        print(*turn(poller, clients, float(line)), flush=True)


if __name__ == "__main__":
    main()
