"""Both engines find the format of replies, of real services and of whoever else is there."""

import socket
import threading
from itertools import count

from twisted.trial.unittest import TestCase

from tests.engines.test_fleets import ENGINES, reactor
from tests.support.peers import Behaviour, read_to_end, serving, unused_port
from twistecho import EchoFactory, Plan, ReplyFormat
from twistecho.base.reply_formats import REPLY_WRITERS
from twistecho.fleet.reports.advice import advice
from twistecho.fleet.reports.outcome import Outcome
from twistecho.fleet.reports.verdict import invalid, judge

PLAN = Plan(clients=3, repeat=3, reply="auto", timeout=10)
CTIME = "Sat Jul 22 18:43:57 2017"


def in_pieces(reply: ReplyFormat, size: int = 1) -> Behaviour:
    """Give what answers every message so, in pieces of this size."""

    def behaviour(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while message := connection.recv(1024):
            right = REPLY_WRITERS[reply](message, CTIME)
            for at in range(0, len(right), size):
                connection.sendall(right[at : at + size])

    return behaviour


def answering(reply: bytes) -> Behaviour:
    """Give what answers the first message with these bytes, and closes."""

    def behaviour(connection: socket.socket) -> None:
        connection.recv(1024)
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_WR)
        read_to_end(connection)

    return behaviour


class AutoTests(TestCase):
    """Real sockets."""

    async def test_the_service_s_own_formats(self) -> None:
        """In closed and open loads, one at once and several."""
        for reply in ReplyFormat:
            port = reactor.listenTCP(0, EchoFactory(reactor, reply=reply), interface="127.0.0.1")
            self.addCleanup(port.stopListening)
            for plan in (
                PLAN,
                Plan(3, repeat=20, reply="auto", pipeline=4),
                Plan(3, repeat=5, reply="auto", rate=300),
                Plan(3, repeat=5, reply="auto", ordered=True, barrier=True),
            ):
                for run in ENGINES:
                    report = await run(plan, f"127.0.0.1:{port.getHost().port}")
                    assert report.complete, report.failures
                    assert report.replies_found == {reply: 3}
                    assert plan.rate or invalid(report) == ()

    async def test_byte_by_byte(self) -> None:
        """Also what is sent as another format begins, and what is shorter than any prefix."""
        plan = Plan(2, (b"Resposta => ", b"R", b"Resposta eco => b'"), reply="auto", timeout=10)
        for reply in ReplyFormat:
            with serving(in_pieces(reply)) as port:
                for run in ENGINES:
                    report = await run(plan, f"127.0.0.1:{port}")
                    assert report.complete, report.failures
                    assert report.replies_found == {reply: 2}
                    assert invalid(report) == ()

    async def test_clients_that_disagree_fail_the_run(self) -> None:
        """A service that answers every other connection in another format."""
        formats, lock = count(), threading.Lock()

        def behaviour(connection: socket.socket) -> None:
            with lock:
                number = next(formats)
            in_pieces([ReplyFormat.RAW, ReplyFormat.STAMPED][number % 2], 1024)(connection)

        with serving(behaviour) as port:
            for run in ENGINES:
                report = await run(Plan(4, reply="auto", timeout=10), f"127.0.0.1:{port}")
                assert report.failures == {}
                assert report.replies_found == {ReplyFormat.RAW: 2, ReplyFormat.STAMPED: 2}
                assert judge(report).exit_code == 1

    async def test_what_is_no_echo_is_told_with_what_came(self) -> None:
        """The same line from both engines."""
        for reply, words in (
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "that is HTTP"),
            (b"\x15\x03\x01\x00\x02\x02\x16", "put tls: before the target"),
        ):
            with serving(answering(reply)) as port:
                lines = set()
                for run in ENGINES:
                    report = await run(PLAN, f"127.0.0.1:{port}")
                    assert report.failures == {"receive:mismatch": 3}
                    assert report.replies_found == {}
                    lines |= {*advice(report)}
            [line] = lines
            assert line.startswith(f"Expected {PLAN.messages_of(0)(0)!r}, received {reply!r}")
            assert words in line

    async def test_who_speaks_first_and_who_is_not_there(self) -> None:
        """A greeting comes instead of a reply; where nobody listens nothing does."""

        def greet(connection: socket.socket) -> None:
            connection.sendall(b"220 ready\r\n")
            read_to_end(connection)

        with serving(greet) as port:
            for run in ENGINES:
                [line] = advice(await run(PLAN, f"127.0.0.1:{port}"))
                assert "received b'220 ready\\r\\n': that is a greeting" in line
        port = unused_port()
        for run in ENGINES:
            [line] = advice(await run(PLAN, f"127.0.0.1:{port}"))
            assert line.startswith(f"No client connected to 127.0.0.1:{port}: ")

    async def test_what_differs_is_told_by_both_engines(self) -> None:
        """From a few bytes before the first wrong one on."""

        def corrupt(connection: socket.socket) -> None:
            message = connection.recv(1024)
            connection.sendall(message[:9] + b"?" + message[10:])
            read_to_end(connection)

        with serving(corrupt) as port:
            for run in ENGINES:
                report = await run(
                    Plan(1, (b"0123456789abcdef",), reply="auto"), f"127.0.0.1:{port}"
                )
                [found] = report.outcomes
                assert isinstance(found, Outcome)
                assert found.reply is ReplyFormat.RAW
                assert found.difference is not None
                assert found.difference.expected == "b'123456789abcdef'"
                assert found.difference.came == "b'12345678?abcdef'"
