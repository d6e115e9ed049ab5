"""Running a case on one reactor; rounds in which each reactor alternates with epoll."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from bench.modes.rounds import counted, pairs_in_turns
from bench.modes.turns import Turn, driven
from bench.pairs import Pair
from bench.peers.tls_client import dial
from bench.programs import UNDER_TEST, Programs, running
from tests.support.certificates import write_certificate

from .cases import CONNECTIONS, REFERENCE, Case

_NO_REPLY_FOR = 10.0

Found = dict[str, dict[str, list[Pair]]]
"""By case and reactor: the ``new`` of a pair is the cost on epoll."""


class Certificate(NamedTuple):
    """PEM files."""

    file: str
    key: str


def measure(cases: Sequence[Case], reactors: Sequence[str], rounds: int) -> Found:
    """Measure each case on each reactor, beside epoll. Raises RuntimeError if one fails."""
    found: Found = {case.name: {reactor: [] for reactor in reactors} for case in cases}
    with TemporaryDirectory() as folder:
        programs, certificate = Programs(Path(folder)), Certificate(*write_certificate(folder))
        for number in counted(rounds):
            for case in cases:
                with at_work(programs, case, REFERENCE, certificate) as reference:
                    for reactor in reactors:
                        with at_work(programs, case, reactor, certificate) as turn:
                            pairs = pairs_in_turns(turn, reference, number)
                        found[case.name][reactor] += pairs
    return found


@contextmanager
def at_work(
    programs: Programs, case: Case, reactor: str, certificate: Certificate
) -> Iterator[Turn]:
    """Run a case's server and its load for the block's time.

    Raises RuntimeError if one of them fails, or a reply before or afterwards is wrong.
    """
    command = [*programs.command(case.name), reactor, *(certificate if case.tls else ())]
    with running(command, UNDER_TEST, programs.place) as server:
        port = server.port()
        length = reply_length(case, int(port), certificate)
        with driven(server, _driving(programs, case, port, length, certificate)) as turn:
            yield turn
        reply_length(case, int(port), certificate)


def _driving(
    programs: Programs, case: Case, port: str, length: int, certificate: Certificate
) -> list[str]:
    load = [port, str(CONNECTIONS)]
    if case.tls:
        return [*programs.command("tls client"), *load, case.request.hex(), certificate.file]
    return [*programs.command("client"), "requests", *load, str(length), case.request.hex()]


def reply_length(case: Case, port: int, certificate: Certificate) -> int:
    """Send one request; return the length of the reply. Raises RuntimeError if it is wrong."""
    heard = b""
    with _dialled(case, port, certificate) as connection:
        connection.sendall(case.request)
        while not case.reply.fullmatch(heard):
            more = _received(connection)
            if not more:
                raise RuntimeError(f"{case.name}: no right reply, but {heard[:200]!r}")
            heard += more
    return len(heard)


def _dialled(case: Case, port: int, certificate: Certificate) -> socket.socket:
    if case.tls:
        return dial(port, certificate.file)
    return socket.create_connection(("127.0.0.1", port), timeout=_NO_REPLY_FOR)


def _received(connection: socket.socket) -> bytes:
    """Return received bytes; none after a timeout."""
    try:
        return connection.recv(65536)
    except TimeoutError:
        return b""
