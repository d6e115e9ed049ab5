"""The differences of the eager reactor: when it sends, its log lines, its clock."""

import errno
import inspect
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any
from unittest import TestCase, mock

from twisted.internet.error import ConnectionLost
from twisted.internet.threads import deferToThreadPool
from twisted.python import log
from twisted.python.failure import Failure
from twisted.python.reflect import namedAny

from tests.support.reactorcase import (
    EAGER,
    EPOLL,
    Builder,
    Handing,
    Recorder,
    RecordingSocket,
    gathered,
    received_by,
)
from tests.support.twisted_internals import TWISTED_INTERNALS
from twistecho.eagerreactor.reactor import EagerReactor
from twistecho.eagerreactor.transports import EagerConnection


class Eager(Builder):
    """These hold for the eager reactor only."""

    _reactors = [EAGER]


class EagernessTestsBuilder(Eager):
    """Sending: which bytes, and when."""

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
        """Accepted, connecting, adopted; an adopted port accepts eager ones."""
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


class InterruptedTestsBuilder(Eager):
    """A turn of sending, by several connections, that is interrupted."""

    def connections(
        self, reactor: Any, ready: Callable[[list[Recorder]], object]
    ) -> tuple[list[Recorder], list[socket.socket]]:
        """Make three connections, which write in the same turn once all are ready."""
        servers = [Recorder() for _ in range(3)]
        port = self.listen(reactor, *servers)

        def write() -> None:
            if not all(server.connected for server in servers):
                reactor.callLater(0, write)
                return
            ready(servers)
            for server in servers:
                server.transport.write(b"hello")

        reactor.callWhenRunning(write)
        return servers, [self.peer(port) for _ in servers]

    def test_a_callback_that_runs_the_reactor_waits_for_nobody(self) -> None:
        """Other connections' bytes are sent meanwhile."""
        reactor = self.buildReactor()
        servers, peers = self.connections(reactor, lambda made: made[0].transport.loseConnection())
        came: list[bytes] = []
        waited: list[bool] = []

        def on_lost(_made: Recorder) -> None:
            for _ in range(1000):
                reactor.iterate(0.001)
                came.extend(filter(None, map(received_by, peers[1:])))
                if len(came) == 2:
                    break
            waited.append(True)

        servers[0].on_lost = on_lost
        self.until(reactor, lambda: waited)
        assert came == [b"hello"] * 2

    def test_an_interrupted_send_ends_its_connection_and_no_other(self) -> None:
        """As under Twisted: it is unknown how much was sent."""
        reactor = self.buildReactor()

        def ready(made: list[Recorder]) -> None:
            interrupted = RecordingSocket(made[1].transport.socket, KeyboardInterrupt())
            made[1].transport.socket = interrupted

        servers, peers = self.connections(reactor, ready)
        came = [bytearray() for _ in peers]
        self.until(
            reactor, lambda: servers[1].lost and len(b"".join(map(gathered, came, peers))) == 10
        )
        assert came == [b"hello", b"", b"hello"]
        assert len(self.flushLoggedErrors(KeyboardInterrupt)) == 1

    def test_what_is_raised_between_two_sends_holds_nobody_up(self) -> None:
        """The other connections are tried, and the interrupted one again."""
        reactor = self.buildReactor()
        _, peers = self.connections(reactor, lambda made: made[0].transport.startWriting())
        original = EagerReactor._try
        raised: list[Any] = []

        def interrupted(reactor: EagerReactor, writer: Any) -> None:
            if not raised:
                raised.append(writer)
                raise KeyboardInterrupt
            original(reactor, writer)

        self.patch(EagerReactor, "_try", interrupted)
        came = [bytearray() for _ in peers]
        self.until(reactor, lambda: len(b"".join(map(gathered, came, peers))) == 15)
        assert came == [b"hello"] * 3
        assert len(raised) == len(self.flushLoggedErrors(KeyboardInterrupt)) == 1


class _Replier(Recorder):
    """Replies by replyEagerly; a test sets an action before it."""

    def __init__(self) -> None:
        super().__init__()
        self.before: Any = lambda _made, _data: None
        self.reply: Any = lambda data: data

    def dataReceived(self, data: bytes) -> None:
        """Reply under other reactors."""
        super().dataReceived(data)

    def replyEagerly(self, data: bytes) -> Any:
        """Record the bytes, call the test's function, reply."""
        self.received += data
        self.before(self, data)
        return self.reply(data)


class ReplyTestsBuilder(Eager):
    """The bytes that a protocol's replyEagerly returns are written."""

    def replies(self, replier: _Replier, expected: bytes) -> None:
        """Let a peer send hello, and check the reply."""
        reactor = self.buildReactor()
        peer = self.accepted(reactor, replier)
        peer.sendall(b"hello")
        came = bytearray()
        self.until(reactor, lambda: len(gathered(came, peer)) >= len(expected))
        assert bytes(came) == expected

    def test_a_reply_is_written(self) -> None:
        """Without a call of dataReceived."""
        replier = _Replier()
        replier.on_data = lambda *_: self.fail("dataReceived was called")
        self.replies(replier, b"hello")

    def test_a_reply_comes_after_what_was_written_before_it(self) -> None:
        """In the same callback."""
        replier = _Replier()
        replier.before = lambda made, _: made.transport.write(b"I say: ")
        self.replies(replier, b"I say: hello")

    def test_no_reply_writes_nothing(self) -> None:
        """None, or no bytes."""
        for nothing in (None, b""):
            replier = _Replier()
            replier.reply = lambda _, nothing=nothing: nothing
            replier.before = lambda made, _: made.transport.reactor.callLater(
                0, made.transport.write, b"later"
            )
            self.replies(replier, b"later")

    def test_a_reply_to_a_peer_that_does_not_read_waits(self) -> None:
        """No byte is lost, whatever part the socket took."""
        replier = _Replier()
        replier.reply = lambda data: data * 20_000
        replier.before = lambda made, _: made.transport.socket.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDBUF, 4096
        )
        self.replies(replier, b"hello" * 20_000)

    def test_a_reply_of_more_than_the_buffer_pauses_a_producer(self) -> None:
        """As `write` does; one of no more does not, whatever it answers."""
        for size, paused in ((1000, False), (1001, True)):
            replier = _Replier()
            producer = mock.Mock()

            def registering(made: _Replier, _: bytes, producer: Any = producer) -> None:
                made.transport.bufferSize = 1000
                made.transport.registerProducer(producer, True)

            replier.before = registering
            replier.reply = lambda _, size=size: b"x" * size
            self.replies(replier, b"x" * size)
            assert bool(producer.pauseProducing.called) is paused

    def test_a_reply_is_sent_though_the_callback_ran_the_reactor(self) -> None:
        """A turn within a turn sends only the bytes written until then."""
        replier = _Replier()
        replier.before = lambda made, _: (
            made.transport.reactor.callLater(0, made.transport.write, b"inner "),
            made.transport.reactor.iterate(0.01),
        )
        self.replies(replier, b"inner hello")

    def test_a_reply_that_is_no_bytes_ends_its_connection_alone(self) -> None:
        """Logged once; other connections' bytes of the same turn are sent."""
        reactor = self.buildReactor()
        bad, good = _Replier(), _Replier()
        bad.reply = lambda _: "text"
        port = self.listen(reactor, bad, good)
        peers = [self.peer(port), self.peer(port)]
        for peer in peers:
            peer.sendall(b"x")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peers[1]) and bad.lost)
        assert came == b"x"
        assert bad.lost[0].type is TypeError
        assert len(self.flushLoggedErrors(TypeError)) == 1

    def test_a_reply_to_a_connection_that_was_just_ended_goes_nowhere(self) -> None:
        """The peer sees only the reset."""
        reactor = self.buildReactor()
        replier = _Replier()
        replier.before = lambda made, _: made.transport.abortConnection()
        replier.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, replier)
        peer.sendall(b"x")
        self.run_reactor(reactor)
        with self.assertRaises(ConnectionResetError):
            received_by(peer)


class WordsTestsBuilder(Builder):
    """The name of a connection, which is the same under both reactors."""

    _reactors = [EAGER, EPOLL]

    def test_repr_and_log_prefix(self) -> None:
        """For accepted and adopted connections, also after they have closed."""
        reactor = self.buildReactor()
        accepted, adopted = Recorder(), Recorder()
        port = self.listen(reactor, accepted)
        there = socket.create_server(("127.0.0.1", 0))
        here = socket.create_connection(there.getsockname())
        for opened in (there, here):
            self.addCleanup(opened.close)
        here.setblocking(False)
        reactor.adoptStreamConnection(here.fileno(), socket.AF_INET, Handing(adopted))
        self.peer(port)
        self.until(reactor, lambda: accepted.connected)
        own = here.getsockname()[1]
        for _ in range(2):
            assert repr(accepted.transport) == f"<Recorder #0 on {port}>"
            assert accepted.transport.logPrefix() == "Recorder,0,127.0.0.1"
            session = there.getsockname()[1]
            assert repr(adopted.transport) == f"<Recorder #{session} on {own}>"
            for protocol in (accepted, adopted):
                protocol.transport.connectionLost(Failure(ConnectionLost()))


class ErrnoTestsBuilder(Eager):
    """Why a connection broke."""

    def errno_of(self, on_made: Any, said: bytes = b"") -> int:
        """Let the peer reset; return the errno that the protocol got."""
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
        """Although the next read looks like FIN."""

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
    """Log lines have the prefix of the connection in whose callback they are made."""

    def events(self, on_data: Any) -> tuple[Recorder, list[dict[str, Any]]]:
        """Run a callback; return the events logged until it stopped the reactor."""
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
    """The reactor's clock."""

    def test_the_clock_is_monotonic(self) -> None:
        """A step of the wall clock moves no delayed call."""
        reactor = self.buildReactor()
        self.patch(time, "time", lambda: 0.0)
        before = reactor.seconds()
        reactor.callLater(0.02, reactor.stop)
        self.patch(time, "time", lambda: 1e12)
        self.run_reactor(reactor)
        assert before + 0.02 <= reactor.seconds() < 1e12

    def test_times_are_those_of_the_epoch(self) -> None:
        """As `IDelayedCall.getTime` says; the offset is that of the start."""
        self.patch(time, "time", lambda: 1e12 + time.monotonic())
        reactor = self.buildReactor()
        call = reactor.callLater(10, lambda: None)
        assert round(call.getTime() - time.time()) == 10
        call.cancel()


class StartTLSTestsBuilder(Eager):
    """Once TLS has started, nothing is sent unencrypted."""

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
    """The parts of Twisted that are used and not public."""

    def test_they_are_what_they_were(self) -> None:
        """The names exist, and the methods have the expected arguments."""
        for name, arguments in TWISTED_INTERNALS.items():
            with self.subTest(name=name):
                found = namedAny(name)
                if arguments is not None:
                    taken = list(inspect.signature(found).parameters)
                    assert taken[: len(arguments.split())] == arguments.split()

    def test_a_reactor_has_the_sets_that_are_looked_into(self) -> None:
        """The registered descriptors for reading and writing, and their owners."""
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

    def test_a_child_installs_it_by_the_module_of_its_class(self) -> None:
        """As programs that start others do with Twisted's reactors."""
        module = EagerReactor.__module__
        program = (
            f"import {module} as module; made = module.install();"
            "from twisted.internet import reactor; assert reactor is made"
        )
        subprocess.run([sys.executable, "-c", program], timeout=60, check=True)


for _builder in (
    EagernessTestsBuilder,
    InterruptedTestsBuilder,
    ReplyTestsBuilder,
    WordsTestsBuilder,
    ErrnoTestsBuilder,
    LogContextTestsBuilder,
    ClockTestsBuilder,
    StartTLSTestsBuilder,
):
    globals().update(_builder.makeTestCaseClasses())
