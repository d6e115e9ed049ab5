"""What the eager reactor does differently: when it sends, what it logs, which time it keeps."""

import errno
import inspect
import socket
import struct
import subprocess
import sys
import time
from typing import Any
from unittest import TestCase

from twisted.internet.error import ConnectionLost
from twisted.internet.threads import deferToThreadPool
from twisted.python import log
from twisted.python.reflect import namedAny

from twistecho.eagerreactor import TWISTED_INTERNALS, EagerReactor
from twistecho.eagertransport import EagerConnection

from .reactorcase import EAGER, Builder, Handing, Recorder, RecordingSocket, received_by


class Eager(Builder):
    """These hold for the eager reactor only."""

    _reactors = [EAGER]


class EagernessTestsBuilder(Eager):
    """What is sent, and when."""

    def test_a_reply_is_sent_without_waiting_for_writability(self) -> None:
        """The descriptor is never registered for it."""
        reactor = self.buildReactor()
        waited: list[Any] = []
        original = reactor._add

        def add(selectable: Any, primary: Any, *rest: Any) -> None:
            if primary is reactor._writes:
                waited.append(selectable)
            original(selectable, primary, *rest)

        self.patch(reactor, "_add", add)
        server, client = Recorder(), Recorder()
        server.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, server)
        client.on_made = lambda made: made.transport.write(b"hello")
        reactor.connectTCP("127.0.0.1", port, Handing(client))
        self.until(reactor, lambda: client.received == b"hello")
        # Connecting itself is something to wait for.
        assert all(selectable is client.transport for selectable in waited)
        assert len(waited) == 1

    def test_what_one_callback_writes_goes_out_together(self) -> None:
        """After the callback, in one send."""
        reactor = self.buildReactor()
        server = Recorder()
        recorded: list[RecordingSocket] = []

        def on_data(made: Recorder, _data: bytes) -> None:
            recorded.append(RecordingSocket(made.transport.socket))
            made.transport.socket = recorded[0]
            for _ in range(3):
                made.transport.write(b"piece")
            assert recorded[0].sent == []

        server.on_data = on_data
        peer = self.accepted(reactor, server)
        peer.sendall(b"go")
        self.until(reactor, lambda: received_by(peer))
        assert recorded[0].sent == [15]

    def test_what_is_untried_counts_as_a_writer(self) -> None:
        """For getWriters, removeWriter and removeAll."""
        reactor = self.buildReactor()
        server = Recorder()
        seen: list[list[Any]] = []

        def on_made(made: Recorder) -> None:
            made.transport.write(b"x")
            seen.append(reactor.getWriters())
            reactor.removeWriter(made.transport)
            seen.append(reactor.getWriters())
            made.transport.startWriting()
            seen.append(reactor.removeAll())
            seen.append(reactor.getWriters())
            for removed in seen[2]:  # so that the end of the reactor closes them
                reactor.addReader(removed)
            reactor.stop()

        server.on_made = on_made
        self.accepted(reactor, server)
        self.run_reactor(reactor)
        assert seen[0] == [server.transport]
        assert seen[1] == seen[3] == []
        assert server.transport in seen[2]

    def test_every_stream_connection_is_eager(self) -> None:
        """Accepted, connecting, adopted; a port that was adopted accepts such ones."""
        reactor = self.buildReactor()
        listener = socket.create_server(("127.0.0.1", 0))
        here, there = socket.socketpair()
        for opened in (listener, here, there):
            self.addCleanup(opened.close)
        protocols = [Recorder() for _ in range(3)]
        factory = Handing(*protocols)
        for opened in (listener, here):
            opened.setblocking(False)
        reactor.adoptStreamConnection(here.fileno(), socket.AF_UNIX, factory)
        port = reactor.adoptStreamPort(listener.fileno(), socket.AF_INET, factory)
        client = Recorder()
        reactor.connectTCP("127.0.0.1", port.getHost().port, Handing(client))
        self.peer(port.getHost().port)
        self.until(reactor, lambda: not factory.waiting and client.connected)
        for protocol in (*protocols, client):
            assert isinstance(protocol.transport, EagerConnection)


class ErrnoTestsBuilder(Eager):
    """Why a connection broke."""

    def errno_of(self, on_made: Any, said: bytes = b"") -> int:
        """Have the peer reset; give the errno that the protocol was told."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_made = on_made
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(said)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reactor.callWhenRunning(peer.close)
        self.run_reactor(reactor)
        [reason] = server.lost
        assert reason.type is ConnectionLost
        assert str(reason.value) == str(ConnectionLost())
        value: Any = reason.value
        assert value.__cause__ is value.osError
        return int(value.osError.errno)

    def test_found_when_reading(self) -> None:
        """The peer's RST."""
        assert self.errno_of(lambda _: None) == errno.ECONNRESET

    def test_found_when_writing(self) -> None:
        """Though what follows on the socket looks like FIN."""

        def write_later(made: Recorder) -> None:
            made.transport.reactor.callLater(0, made.transport.write, b"x")

        assert self.errno_of(write_later) == errno.ECONNRESET

    def test_found_by_the_poll(self) -> None:
        """Of a connection that does not read but waits to write."""

        def fill(made: Recorder) -> None:
            made.transport.pauseProducing()
            made.transport.write(bytes(1 << 23))

        assert self.errno_of(fill, b"unread") == errno.ECONNRESET


class LogContextTestsBuilder(Eager):
    """Log lines carry the prefix of the connection in whose callback they are made."""

    def events(self, on_data: Any) -> tuple[Recorder, list[dict[str, Any]]]:
        """Run a callback; give what was logged until it stopped the reactor."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_data = on_data
        peer = self.accepted(reactor, server)
        peer.sendall(b"x")
        seen: list[dict[str, Any]] = []
        log.addObserver(seen.append)
        self.addCleanup(log.removeObserver, seen.append)
        self.run_reactor(reactor)
        return server, [event for event in seen if event.get("message", ("",))[:1] == ("mine",)]

    def test_the_prefix_is_twisteds(self) -> None:
        """In the callback; inner contexts add to it; afterwards it is gone."""

        def on_data(made: Recorder, _data: bytes) -> None:
            log.msg("mine")
            log.callWithContext({"extra": 1}, log.msg, "mine")
            log.msg("mine", system="other")
            made.transport.reactor.callLater(0, log.msg, "mine")
            made.transport.reactor.callLater(0, made.transport.reactor.stop)

        server, events = self.events(on_data)
        prefix = f"Recorder,{server.transport.sessionno},127.0.0.1"
        assert [event["system"] for event in events] == [prefix, prefix, "other", "-"]
        assert events[1]["extra"] == 1

    def test_a_thread_inherits_the_prefix(self) -> None:
        """Whatever the reactor does meanwhile."""

        def on_data(made: Recorder, _data: bytes) -> None:
            reactor = made.transport.reactor
            deferred = deferToThreadPool(reactor, reactor.getThreadPool(), log.msg, "mine")
            deferred.addBoth(lambda _: reactor.stop())

        server, [event] = self.events(on_data)
        assert event["system"] == f"Recorder,{server.transport.sessionno},127.0.0.1"

    def test_a_raised_error_carries_the_prefix(self) -> None:
        """That of the handler that raised it."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_data = lambda _made, _data: 1 // 0
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(b"x")
        seen: list[dict[str, Any]] = []
        log.addObserver(seen.append)
        self.addCleanup(log.removeObserver, seen.append)
        self.run_reactor(reactor)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1
        [system] = [event["system"] for event in seen if event["isError"]]
        assert system.startswith("Recorder,")


class ClockTestsBuilder(Eager):
    """The time it keeps."""

    def test_the_clock_is_monotonic(self) -> None:
        """A step of the wall clock moves no delayed call."""
        reactor = self.buildReactor()
        self.patch(time, "time", lambda: 0.0)
        before = time.monotonic()
        reactor.callLater(0.02, reactor.stop)
        self.patch(time, "time", lambda: 1e12)
        self.run_reactor(reactor)
        assert before + 0.02 <= reactor.seconds() <= time.monotonic()


class StartTLSTestsBuilder(Eager):
    """Once TLS has started, nothing goes out as it was written."""

    def test_no_plaintext_after_starttls(self) -> None:
        """Neither what is written at once, nor later, nor through a sequence or a producer."""
        try:
            from twisted.internet.ssl import ClientContextFactory  # noqa: PLC0415 - optional
        except ImportError:
            self.skipTest("needs pyOpenSSL and service_identity (twisted[tls])")
        reactor = self.buildReactor()
        server = Recorder()

        def on_made(made: Recorder) -> None:
            made.transport.write(b"plain|")
            made.transport.startTLS(ClientContextFactory(), False)
            made.transport.write(b"SECRET")
            made.transport.writeSequence([b"SECRET", b"SECRET"])
            reactor.callLater(0, made.transport.write, b"SECRET")
            reactor.callLater(0.01, reactor.stop)

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        self.run_reactor(reactor)
        came = received_by(peer)
        assert came.startswith(b"plain|\x16\x03")  # a TLS handshake record
        assert b"SECRET" not in came


class InternalsTests(TestCase):
    """What of Twisted is used that Twisted may change."""

    def test_they_are_what_they_were(self) -> None:
        """Names exist, methods take what they took."""
        for name, arguments in TWISTED_INTERNALS.items():
            with self.subTest(name=name):
                found = namedAny(name)
                if arguments is not None:
                    taken = list(inspect.signature(found).parameters)
                    assert taken[: len(arguments.split())] == arguments.split()

    def test_a_reactor_has_the_sets_that_are_looked_into(self) -> None:
        """Descriptors wanted for reading, for writing, and who they belong to."""
        reactor: Any = EagerReactor()
        self.addCleanup(reactor._poller.close)
        self.addCleanup(reactor.waker.connectionLost, None)
        assert reactor._reads == {reactor.waker.fileno()}
        assert reactor._writes == set()
        assert reactor._selectables == {reactor.waker.fileno(): reactor.waker}


class CommandTests(TestCase):
    """As users install it."""

    def test_twist_knows_it_by_name(self) -> None:
        """For any of its plugins."""
        command = [sys.executable, "-m", "twisted", "--help"]
        helped = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        assert "eager" in helped.stdout


for _builder in (
    EagernessTestsBuilder,
    ErrnoTestsBuilder,
    LogContextTestsBuilder,
    ClockTestsBuilder,
    StartTLSTestsBuilder,
):
    globals().update(_builder.makeTestCaseClasses())
