"""TLS for the threads engine: what the ssl module raises, and what is waited for."""

import errno
import select
import socket
import ssl
import unittest
from types import SimpleNamespace
from typing import Any

from twistecho import Plan, ReplyFormat
from twistecho.fleet.conversation.conversation import Conversation
from twistecho.fleet.reports.recorder import Recording
from twistecho.fleet.thread_engine.connecting import Gate
from twistecho.fleet.thread_engine.tls_client import TLSClient

PLAN = Plan(messages=(b"abc",), reply=ReplyFormat.RAW)


class Stub:
    """What a TLS socket does next: raises, or gives bytes."""

    def __init__(self, *happens: Any) -> None:
        self._happens = list(happens)
        self.sent = b""

    def _next(self, *_arguments: object) -> Any:
        happening = self._happens.pop(0)
        if isinstance(happening, Exception):
            raise happening
        return happening

    recv = unwrap = _next

    def send(self, data: memoryview) -> int:
        """Take all, unless something else happens."""
        if self._happens:
            return int(self._next())
        self.sent += bytes(data)
        return len(data)

    def getsockopt(self, *_arguments: object) -> int:
        """Tell of no error."""
        return 0


class TLSClientTests(unittest.TestCase):
    """One client, whose message is on its way."""

    def client(self, *happens: Any) -> Any:
        """Make one that is connected and has something to send, over a stub."""
        gates = SimpleNamespace(begin=Gate(), stop=Gate())
        for gate in (gates.begin, gates.stop):
            self.addCleanup(gate.close)
        context = ssl.create_default_context()
        secured = context.wrap_socket(socket.socket(), server_hostname="x")
        self.addCleanup(secured.close)
        self.talk = Conversation(PLAN, 0, Recording())
        self.talk.connecting(0.0)
        client: Any = TLSClient(secured, self.talk, lambda: 1.0, begin=gates.begin, stop=gates.stop)
        client.say(self.talk.connected(0.0))
        self.stub = client._secured = Stub(*happens)
        client._timing = None  # the kernel stamps nothing that a stub gives
        return client

    def test_what_broke_is_named_by_its_number(self) -> None:
        """Whichever call found out."""
        for call in ("_send", "_receive"):
            client = self.client(ConnectionResetError(errno.ECONNRESET, "reset"))
            getattr(client, call)()
            assert str(self.talk.outcome) == "receive:reset"
            assert self.talk.outcome is not None
            assert self.talk.outcome.cause is not None
            assert self.talk.outcome.cause.errno == errno.ECONNRESET

    def test_bytes_after_the_goodbye_are_too_much(self) -> None:
        """They are in the way of closing."""
        error = ssl.SSLError(1, "x")
        error.reason = "APPLICATION_DATA_AFTER_CLOSE_NOTIFY"
        client = self.client(b"abc", error)
        client._receive()
        assert str(self.talk.outcome) == "receive:extra"

    def test_it_waits_to_write_only_as_long_as_tls_has_to(self) -> None:
        """Not once something could be read."""
        client = self.client(ssl.SSLWantWriteError(), b"a", ssl.SSLWantReadError())
        client._unsent = bytearray()
        for interest in (select.POLLIN | select.POLLOUT, select.POLLIN, select.POLLIN):
            client._receive()
            assert client._interest() == interest

    def test_reading_goes_on_when_tls_can_write(self) -> None:
        """As it may have to for a new key: the socket is writable, and nothing else happens."""
        client = self.client(ssl.SSLWantWriteError(), b"a")
        client._unsent = bytearray()
        client._receive()
        client._react([(client._connection.fileno(), select.POLLOUT)])
        assert client._interest() == select.POLLIN

    def test_what_is_unsent_goes_when_nothing_can_be_read(self) -> None:
        """The system may tell of both at once."""
        client = self.client(ssl.SSLWantReadError())
        client._receive()
        assert (self.stub.sent, client._sending()) == (b"abc", False)
