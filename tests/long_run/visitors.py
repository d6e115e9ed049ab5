"""Clients that come, go and misbehave: each a function of a place, a chance and one connection."""

import contextlib
import random
import selectors
import socket
import ssl
import time
from collections.abc import Callable

from tests.support.peers import read_exactly, read_to_end, reset

from .services import Place

PATIENCE = 5.0
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
    """Connect, and shake hands where the place has TLS. Raises OSError."""
    if place.path:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(place.path)
    else:
        connection = socket.create_connection(("127.0.0.1", place.port), PATIENCE)
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
    """Send for as long as there is room, then wait until dropped, for a while."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(0.5)
    with contextlib.suppress(TimeoutError):
        for _ in range(64):
            connection.sendall(b"x" * 65536)
    with selectors.PollSelector() as selector:  # which says when it was reset, without reading
        selector.register(connection, selectors.EVENT_WRITE)
        until = time.monotonic() + 4
        while time.monotonic() < until:
            time.sleep(0.2)
            connection.sendall(b"x")


def half_close(connection: socket.socket, chance: random.Random) -> None:
    """Say FIN before the replies; read them all."""
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
    """Send single bytes, with pauses; read what comes."""
    for _ in range(200):
        connection.sendall(chance.randbytes(1))
        time.sleep(0.001)
    connection.recv(65536)


def flood(connection: socket.socket, chance: random.Random) -> None:
    """Send a lot without a pause and read as much as comes back."""
    connection.settimeout(0.2)
    left, until = chance.randint(100_000, 2_000_000), time.monotonic() + 3
    while left > 0 and time.monotonic() < until:
        with contextlib.suppress(TimeoutError):
            left -= connection.send(b"z" * 65536)
            connection.recv(262144)


def say_nothing(connection: socket.socket, _chance: random.Random) -> None:
    """Wait to be dropped."""
    connection.recv(1)


def vanish(_connection: socket.socket, _chance: random.Random) -> None:
    """Reset at once."""


def speak_in_band(connection: socket.socket, chance: random.Random) -> None:
    """Choose fates of one's own, where the service listens to that."""
    connection.settimeout(1)
    for _ in range(5):
        connection.sendall(chance.choice(WORDS))
        connection.recv(4096)


def wrong_header(connection: socket.socket, chance: random.Random) -> None:
    """Send what no PROXY header is; to a service that expects none it is a message."""
    connection.settimeout(1)
    connection.sendall(chance.choice(WRONG_HEADERS))
    connection.recv(4096)


def break_tls(connection: socket.socket, chance: random.Random) -> None:
    """Begin a handshake and not end it, or say something else."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    with contextlib.suppress(ssl.SSLWantReadError):
        TLS.wrap_bio(incoming, outgoing).do_handshake()
    hello = outgoing.read()
    connection.settimeout(1)
    connection.sendall(chance.choice((hello[: chance.randrange(len(hello))], hello, b"no TLS")))
    connection.recv(chance.choice((0, 100)))


def scrape(connection: socket.socket, chance: random.Random) -> None:
    """Ask for the metrics, or misbehave where they are."""
    connection.settimeout(1)
    connection.sendall(chance.choice(REQUESTS))
    if chance.random() < 0.7:
        read_to_end(connection)


def talk(connection: socket.socket, chance: random.Random) -> bool:
    """Say a few things and read each reply whole: say whether it was the message itself."""
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
    """Make one visit somewhere; give its kind and place, and whether it found something wrong."""
    place = chance.choice(places)
    kind = scrape if place.metrics else chance.choice(VISITS)
    if kind in (break_tls, wrong_header):  # before what a right client would say
        place = Place(f"{place.service} ", place.port, place.path)
    right: object = None
    with contextlib.suppress(OSError, ssl.SSLError):
        connection = arrive(place)
        try:
            right = kind(connection, chance)
        finally:
            (reset if chance.random() < 0.5 or kind is vanish else socket.socket.close)(connection)
    return f"{kind.__name__} {place.service.strip()}", right is False and place.service == "plain"
