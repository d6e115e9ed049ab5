"""Real peers on 127.0.0.1 for tests: misbehaving servers, and simple clients."""

import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

Behaviour = Callable[[socket.socket], None]
"""A server's handling of one accepted connection, in a thread of its own."""

_PATIENCE = 20.0


def reset(connection: socket.socket) -> None:
    """Close so that the peer sees RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextmanager
def serving(behaviour: Behaviour, backlog: int = 128) -> Iterator[int]:
    """Serve every connection with ``behaviour``, one thread each; yield the port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
    listener.settimeout(_PATIENCE)
    threads: list[threading.Thread] = []
    connections: list[socket.socket] = []

    def serve_one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            behaviour(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.settimeout(_PATIENCE)
                connections.append(connection)
                thread = threading.Thread(target=serve_one, args=(connection,))
                thread.start()
                threads.append(thread)

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for connection in connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()


def unused_port() -> int:
    """Return a port on which no process listens, reserved until this process ends.

    The system could reuse a port that it chose itself and that was closed again. So the port is one
    that the system never chooses, and no other test run takes it.
    """
    chosen_by_system = Path("/proc/sys/net/ipv4/ip_local_port_range")
    least = int(chosen_by_system.read_text().split()[0]) if chosen_by_system.exists() else 32768
    for port in random.SystemRandom().sample(range(10000, least), 1000):
        with suppress(OSError):
            _reserve(port)
            return port
    raise OSError("all ports are used")


def _reserve(port: int) -> None:
    """Bind a name that reserves the port among test runs. Raises OSError if it is used.

    The descriptor stays open until the process ends; then the name is free again.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as name:
        name.bind(f"\0twistecho-tests-{port}")
        with socket.create_server(("127.0.0.1", port)):
            name.detach()


def read_to_end(connection: socket.socket) -> bytes:
    """Read until FIN. Raises OSError after RST."""
    came = b""
    while data := connection.recv(65536):
        came += data
    return came


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """Read ``size`` bytes, or fewer if FIN comes first."""
    came = b""
    while len(came) < size and (data := connection.recv(size - len(came))):
        came += data
    return came


def connect(port: int) -> socket.socket:
    """Connect to 127.0.0.1 with a long timeout."""
    return socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
