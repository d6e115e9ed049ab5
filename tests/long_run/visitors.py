"""Misbehaving clients: each is a function of one connection and a source of random numbers."""

import contextlib
import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from tests.support.peers import read_exactly, read_to_end, reset

from .services import Place

LONGEST_WAIT = 5.0
HEADER = b"PROXY TCP4 192.0.2.7 192.0.2.1 1234 5000\r\n"
WRONG_HEADERS = (
    HEADER[:20], b"PROXY TCP4 nonsense\r\n", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\xff12",
    b"\x00" * 300,
    b"\r\n\r\n\0\r\nQUIT\n\x41\x11\x00\x00", b"PROXY " + b"9" * 200, b"GET / HTTP/1.0\r\n\r\n",
)  # fmt: skip
WORDS = (
    b"!reset", b"!close,at=middle", b"!drip,pause=1ms hello", b"!delay 20ms hi", b"!none",
    b"!silent", b"!nonsense \xff", b"!late,times=20", b"!truncate", b"!extra,bytes=9 more",
)  # fmt: skip
REQUESTS = (
    b"GET /metrics HTTP/1.0\r\n\r\n", b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 3,
    b"GET /metrics HT", b"\x16\x03\x01 no HTTP",
    b"POST /metrics HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
    b"GET /other HTTP/1.0\r\n\r\n", b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 900,
)  # fmt: skip

Visit = Callable[[socket.socket, random.Random], object]


def arrive(place: Place) -> socket.socket:
    """Connect, and do the TLS handshake if the place has TLS. Raises OSError."""
    if place.path:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(LONGEST_WAIT)
        connection.connect(place.path)
    else:
        connection = socket.create_connection(("127.0.0.1", place.port), LONGEST_WAIT)
    if place.service == "proxied" and not place.metrics:
        connection.sendall(HEADER)
    if not place.tls:
        return connection
    try:
        return TLS.wrap_socket(connection)
    except BaseException:
        connection.close()
        raise


TLS = ssl.create_default_context()
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE


def never_read(connection: socket.socket, _chance: random.Random) -> None:
    """Send while there is room, then wait, for at most four seconds, to be disconnected."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        for _ in range(64):
            connection.sendall(b"x" * 65536)
    with selectors.PollSelector() as selector:  # it reports a reset without reading
        selector.register(connection, selectors.EVENT_WRITE)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(0.2)
            connection.sendall(b"x")


def half_close(connection: socket.socket, chance: random.Random) -> None:
    """Send FIN before the replies; read them all."""
    for _ in range(chance.randint(1, 20)):
        connection.sendall(chance.randbytes(chance.randint(1, 3000)))
    if not isinstance(connection, ssl.SSLSocket):
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)


def reset_midway(connection: socket.socket, chance: random.Random) -> None:
    """Reset while the service writes."""
    connection.sendall(b"y" * chance.randint(1, 200_000))
    connection.recv(chance.randint(1, 5000))


def byte_by_byte(connection: socket.socket, chance: random.Random) -> None:
    """Send single bytes, with pauses; read once."""
    for _ in range(200):
        connection.sendall(chance.randbytes(1))
        time.sleep(0.001)
    connection.recv(65536)


def flood(connection: socket.socket, chance: random.Random) -> None:
    """Send many bytes without a pause and read the replies."""
    connection.settimeout(0.2)
    left, until = chance.randint(100_000, 2_000_000), time.monotonic() + 3
    while left > 0 and time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            left -= connection.send(b"z" * 65536)
            connection.recv(262144)


def say_nothing(connection: socket.socket, _chance: random.Random) -> None:
    """Wait to be disconnected."""
    connection.recv(1)


def vanish(_connection: socket.socket, _chance: random.Random) -> None:
    """Reset at once."""


def speak_in_band(connection: socket.socket, chance: random.Random) -> None:
    """Send control words, which some services obey."""
    connection.settimeout(1)
    for _ in range(5):
        connection.sendall(chance.choice(WORDS))
        connection.recv(4096)


def wrong_header(connection: socket.socket, chance: random.Random) -> None:
    """Send an invalid PROXY header; to a service that expects none it is a message."""
    connection.settimeout(1)
    connection.sendall(chance.choice(WRONG_HEADERS))
    connection.recv(4096)


def break_tls(connection: socket.socket, chance: random.Random) -> None:
    """Begin a handshake and do not end it, or send other bytes."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        TLS.wrap_bio(incoming, outgoing).do_handshake()
    hello = outgoing.read()
    connection.settimeout(1)
    connection.sendall(chance.choice((hello[: chance.randrange(len(hello))], hello, b"no TLS")))
    connection.recv(chance.choice((0, 100)))


def scrape(connection: socket.socket, chance: random.Random) -> None:
    """Request the metrics, or misbehave at their port."""
    connection.settimeout(1)
    connection.sendall(chance.choice(REQUESTS))
    if chance.random() < 0.7:
        read_to_end(connection)


def talk(connection: socket.socket, chance: random.Random) -> bool:
    """Send messages and read each whole reply; return whether all equalled their messages."""
    for _ in range(chance.randint(1, 30)):
        message = chance.randbytes(chance.randint(1, 2000))
        connection.sendall(message)
        if read_exactly(connection, len(message)) != message:
            return False
    return True


VISITS: tuple[Visit, ...] = (
    never_read, half_close, reset_midway, byte_by_byte, flood, say_nothing, vanish, speak_in_band,
    wrong_header, break_tls, talk, talk, talk,
)  # fmt: skip


def visit(places: list[Place], chance: random.Random) -> tuple[str, bool]:
    """Make one visit; return its kind and place, and whether a reply was wrong."""
    place = chance.choice(places)
    kind = scrape if place.metrics else chance.choice(VISITS)
    if kind in (break_tls, wrong_header):  # its bytes come before TLS and PROXY header
        place = Place(f"{place.service} ", place.port, place.path)
    right: object = None
    with contextlib.suppress(OSError, ssl.SSLError):
        connection = arrive(place)
        try:
            right = kind(connection, chance)
        finally:
            (reset if chance.random() < 0.5 or kind is vanish else socket.socket.close)(connection)
    return f"{kind.__name__} {place.service.strip()}", right is False and place.service == "plain"
