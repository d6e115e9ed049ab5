"""What a protocol may rely on, held for Twisted's epoll reactor and for the eager one alike."""

import errno
import os
import socket
import struct
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import (
    IFileDescriptorReceiver,
    IHalfCloseableProtocol,
    IPullProducer,
    IPushProducer,
)
from twisted.python.failure import Failure
from zope.interface import implementer

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

BIG = os.urandom(1 << 16) * 80


class Agreement(Builder):
    """These hold for both reactors."""

    _reactors = [EPOLL, EAGER]


class WriteTestsBuilder(Agreement):
    """What is written arrives, in order, whole, and once."""

    def test_writes_of_a_callback_and_of_a_timer_arrive_in_order(self) -> None:
        """From connectionMade, dataReceived and a delayed call; with writeSequence between."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_made = lambda made: made.transport.write(b"made ")
        server.on_data = lambda made, data: (
            made.transport.write(b"one "),
            made.transport.writeSequence([b"two ", b"", b"three "]),
            made.transport.write(b""),
            made.transport.write(data),
            reactor.callLater(0, made.transport.write, b" later"),
        )
        peer = self.accepted(reactor, server)
        peer.sendall(b"data")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer).endswith(b"later"))
        assert bytes(came) == b"made one two three data later"

    def test_a_client_writes_in_connectionmade(self) -> None:
        """As soon as it is connected, and not before."""
        reactor = self.buildReactor()
        server, client = Recorder(), Recorder()
        port = self.listen(reactor, server)
        client.on_made = lambda made: made.transport.write(b"hello")
        reactor.connectTCP("127.0.0.1", port, Handing(client))
        self.until(reactor, lambda: server.received == b"hello")

    def test_a_write_larger_than_all_buffers_arrives_whole(self) -> None:
        """In parts, none longer than SEND_LIMIT, and then loseConnection closes."""
        reactor = self.buildReactor()
        server = Recorder()
        recorded: list[RecordingSocket] = []

        def on_made(made: Recorder) -> None:
            recorded.append(RecordingSocket(made.transport.socket))
            made.transport.socket = recorded[0]
            made.transport.write(BIG)
            made.transport.loseConnection()
            assert server.lost == []

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer) and server.lost)
        came.extend(received_by(peer))
        assert bytes(came) == BIG
        assert max(recorded[0].sent) <= server.transport.SEND_LIMIT
        assert server.lost[0].type is ConnectionDone

    def test_a_refused_send_is_tried_again(self) -> None:
        """EAGAIN and ENOBUFS lose nothing, whether all or a part was refused."""
        reactor = self.buildReactor()
        server = Recorder()

        def on_made(made: Recorder) -> None:
            errors = [OSError(number, "refused") for number in (errno.ENOBUFS, errno.EAGAIN)]
            made.transport.socket = RecordingSocket(made.transport.socket, *errors)
            made.transport.write(b"one ")
            reactor.callLater(0, made.transport.write, b"two")

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: len(gathered(came, peer)) == 7)
        assert came == b"one two"

    def test_only_bytes_are_written(self) -> None:
        """A TypeError where it was called, and nothing on the wire."""
        reactor = self.buildReactor()
        server = Recorder()
        raised: list[Exception] = []

        def on_made(made: Recorder) -> None:
            for wrong in ("text", bytearray(b"x"), None):
                try:
                    made.transport.write(wrong)
                except TypeError as error:
                    raised.append(error)
            made.transport.write(b"right")

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        came = bytearray()
        self.until(reactor, lambda: gathered(came, peer) == b"right")
        assert [str(error) for error in raised] == ["Data must be bytes"] * 3

    def test_a_lost_connection_takes_no_bytes(self) -> None:
        """Writing after connectionLost does nothing, on both sides."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_lost = lambda lost: (lost.transport.write(b"x"), reactor.stop())
        self.accepted(reactor, server).close()
        self.run_reactor(reactor)
        server.transport.write(b"x")
        assert server.transport._tempDataLen == 0


class ClosingTestsBuilder(Agreement):
    """However a connection ends, what was promised is kept."""

    def ends(self, close: Any, *, peer_sends: bytes = b"") -> tuple[Recorder, bytes]:
        """Close as told in dataReceived; give the protocol and what the peer saw until FIN."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_data = lambda made, _: close(made)
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(peer_sends or b"go")
        self.run_reactor(reactor)
        return server, received_by(peer)

    def test_loseconnection_sends_what_was_written_before_and_after(self) -> None:
        """Until the buffer is empty, as Twisted has it."""

        def close(made: Recorder) -> None:
            made.transport.write(b"before ")
            made.transport.loseConnection()
            made.transport.write(b"after")
            assert made.lost == []

        server, came = self.ends(close)
        assert came == b"before after"
        assert server.lost[0].type is ConnectionDone

    def test_loseconnection_with_nothing_to_send(self) -> None:
        """Closes too, after the callback."""
        server, came = self.ends(lambda made: made.transport.loseConnection())
        assert (came, len(server.lost)) == (b"", 1)

    def test_abortconnection_sends_nothing_more(self) -> None:
        """Neither what is buffered nor what is written afterwards; the peer sees RST."""

        def close(made: Recorder) -> None:
            made.transport.write(b"before")
            made.transport.abortConnection()
            made.transport.write(b"after")

        with self.assertRaises(ConnectionResetError):
            self.ends(close)

    def test_an_aborted_connection_is_told(self) -> None:
        """With ConnectionAborted, once."""
        reactor = self.buildReactor()
        server = Recorder()
        server.on_made = lambda made: made.transport.abortConnection()
        server.on_lost = lambda _: reactor.stop()
        self.accepted(reactor, server)
        self.run_reactor(reactor)
        assert [reason.type for reason in server.lost] == [ConnectionAborted]

    def test_half_close_sends_what_is_pending_then_fin_and_goes_on_reading(self) -> None:
        """What is written after FIN went out is dropped."""
        reactor = self.buildReactor()
        server = _HalfCloseable()
        server.on_made = lambda made: (
            made.transport.write(BIG),
            made.transport.loseWriteConnection(),
        )
        server.on_data = lambda made, _: made.transport.write(b"dropped")
        peer = self.accepted(reactor, server)
        came = bytearray()
        said: list[int] = []

        def done() -> bool:
            came.extend(received_by(peer))
            if server.write_lost and not said:
                peer.setblocking(True)
                said.append(peer.send(b"still there?"))
            return server.received == b"still there?"

        self.until(reactor, done)
        came.extend(received_by(peer))
        assert bytes(came) == BIG

    def test_a_handler_that_raises_ends_its_connection_alone(self) -> None:
        """Logged once, and the other connection is served."""
        reactor = self.buildReactor()
        bad, good = Recorder(), Recorder()

        def raises(_made: Recorder, _data: bytes) -> None:
            raise ZeroDivisionError

        bad.on_data = raises
        good.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, bad, good)
        first, second = self.peer(port), self.peer(port)
        first.sendall(b"x")
        second.sendall(b"y")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, second) and bad.lost)
        assert came == b"y"
        assert bad.lost[0].type is ZeroDivisionError
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_a_connectionlost_that_raises_harms_nobody(self) -> None:
        """Logged once; the reactor goes on."""
        reactor = self.buildReactor()
        bad, good = Recorder(), Recorder()

        def raises(_made: Recorder) -> None:
            raise ZeroDivisionError

        bad.on_lost = raises
        good.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, bad, good)
        self.peer(port).close()
        second = self.peer(port)
        second.sendall(b"y")
        came = bytearray()
        self.until(reactor, lambda: gathered(came, second) and bad.lost)
        assert len(self.flushLoggedErrors(ZeroDivisionError)) == 1

    def test_a_callback_may_end_another_connection_that_has_an_event_waiting(self) -> None:
        """Both are readable in one poll, and whoever comes first ends the other."""
        reactor = self.buildReactor()
        pair = [Recorder(), Recorder()]
        for this, other in (pair, pair[::-1]):
            this.on_data = lambda _made, _data, other=other: (  # type: ignore[misc]
                other.transport.connectionLost(Failure(ConnectionDone()))
            )
        port = self.listen(reactor, *pair)
        peers = [self.peer(port), self.peer(port)]
        for peer in peers:
            peer.sendall(b"x")
        self.until(reactor, lambda: pair[0].lost or pair[1].lost)
        assert sorted(len(one.received) for one in pair) == [0, 1]


class ProducerTestsBuilder(Agreement):
    """Producers are paused, resumed and asked as Twisted does it."""

    def test_a_push_producer_is_paused_over_the_buffer_size_and_resumed_below(self) -> None:
        """Not at the size itself; resumed once all is sent."""
        reactor = self.buildReactor()
        server = Recorder()
        producer = _Push()
        seen: list[int] = []

        def on_made(made: Recorder) -> None:
            made.transport.registerProducer(producer, True)
            made.transport.write(bytes(made.transport.bufferSize))
            seen.append(producer.pauses)
            made.transport.write(b"x")
            seen.append(producer.pauses)

        server.on_made = on_made
        peer = self.accepted(reactor, server)
        self.until(reactor, lambda: received_by(peer) and producer.resumes)
        assert seen == [0, 1]
        server.transport.unregisterProducer()

    def test_a_pull_producer_is_asked_without_recursion(self) -> None:
        """Each time what it wrote is gone; another connection is served meanwhile."""
        reactor = self.buildReactor()
        server, other = Recorder(), Recorder()
        producer = _Pull(server, 3000)
        server.on_made = lambda made: made.transport.registerProducer(producer, False)
        other.on_data = lambda made, data: made.transport.write(data)
        port = self.listen(reactor, server, other)
        peer, other_peer = self.peer(port), self.peer(port)
        other_peer.sendall(b"and me?")
        came = bytearray()
        answered_at: list[int] = []

        def done() -> bool:
            came.extend(received_by(peer))
            if not answered_at and received_by(other_peer):
                answered_at.append(len(came))
            return len(came) == 3000

        self.until(reactor, done)
        assert producer.deepest == 1
        assert answered_at[0] < 3000

    def test_what_a_resumed_producer_schedules_is_waited_for(self) -> None:
        """A timer set while the buffer is flushed counts for the next wait."""
        reactor = self.buildReactor()
        server = Recorder()
        producer = _Push(lambda: reactor.callLater(0.01, reactor.stop))
        server.on_made = lambda made: (
            made.transport.registerProducer(producer, True),
            reactor.callLater(0, made.transport.write, bytes(made.transport.bufferSize + 1)),
        )
        self.accepted(reactor, server)
        self.run_reactor(reactor)
        server.transport.unregisterProducer()

    def test_a_registered_producer_holds_loseconnection_back(self) -> None:
        """Until it is unregistered."""
        reactor = self.buildReactor()
        server = Recorder()

        def on_made(made: Recorder) -> None:
            made.transport.registerProducer(_Push(), True)
            made.transport.write(b"all")
            made.transport.loseConnection()
            reactor.callLater(0.01, made.transport.unregisterProducer)

        server.on_made = on_made
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        self.run_reactor(reactor)
        assert received_by(peer) == b"all"


class BrokenTestsBuilder(Agreement):
    """A connection that breaks says so once, and not in the midst of the protocol's code."""

    def breaks(self, server: Recorder, said: bytes) -> None:
        """Have the peer say something and reset; run until the connection is lost."""
        reactor = self.buildReactor()
        server.on_lost = lambda _: reactor.stop()
        peer = self.accepted(reactor, server)
        peer.sendall(said)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        reactor.callWhenRunning(peer.close)
        self.run_reactor(reactor)
        assert [reason.type for reason in server.lost] == [ConnectionLost]
        self.osError = getattr(server.lost[0].value, "osError", None)

    def test_a_failed_send_does_not_lose_what_the_peer_said_before(self) -> None:
        """The write is tried on a broken socket before anything was read."""
        server = Recorder()
        server.on_made = lambda made: made.transport.reactor.callLater(
            0, lambda: (made.transport.write(b"x"), made.transport.write(b"y"))
        )
        self.breaks(server, b"last words")
        assert server.received == b"last words"

    def test_writing_to_a_broken_connection_calls_nothing(self) -> None:
        """The connection is lost after the callback that wrote."""
        server = Recorder()
        lost_within: list[bool] = []

        def on_data(made: Recorder, _data: bytes) -> None:
            made.transport.socket = RecordingSocket(
                made.transport.socket, *[BrokenPipeError(errno.EPIPE, "gone")] * 3
            )
            made.transport.write(b"x")
            lost_within.append(bool(made.lost))

        server.on_data = on_data
        self.breaks(server, b"go")
        assert lost_within == [False]

    def test_a_paused_connection_is_told_too(self) -> None:
        """It waits to write, so the system reports it."""
        server = Recorder()

        def on_made(made: Recorder) -> None:
            made.transport.pauseProducing()
            made.transport.write(BIG)

        server.on_made = on_made
        self.breaks(server, b"unread")


class UNIXTestsBuilder(Agreement):
    """Unix stream connections, and what may come along."""

    def path(self) -> str:
        """Give the name of a socket that will not be there after the test."""
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        return str(Path(folder.name) / "socket")

    def test_bytes_and_descriptors_arrive_in_order(self) -> None:
        """A descriptor is sent with the bytes that follow it."""
        reactor = self.buildReactor()
        server, client = _DescriptorReceiver(), Recorder()
        reading, writing = os.pipe()
        self.addCleanup(os.close, writing)
        path = self.path()
        factory = Handing(server)
        reactor.listenUNIX(path, factory)

        def on_made(made: Recorder) -> None:
            made.transport.write(b"a")
            made.transport.sendFileDescriptor(reading)
            made.transport.write(b"bc")

        client.on_made = on_made
        server.on_data = lambda made, _: made.transport.write(b"thanks")
        reactor.connectUNIX(path, Handing(client))
        self.until(reactor, lambda: client.received.endswith(b"thanks") and server.descriptors)
        os.close(reading)
        os.write(writing, b"through")
        assert os.read(server.descriptors[0], 7) == b"through"
        os.close(server.descriptors[0])
        assert server.received == b"abc"


@implementer(IHalfCloseableProtocol)
class _HalfCloseable(Recorder):
    write_lost = False
    read_lost = False

    def writeConnectionLost(self) -> None:
        self.write_lost = True

    def readConnectionLost(self) -> None:
        self.read_lost = True


@implementer(IFileDescriptorReceiver)
class _DescriptorReceiver(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.descriptors: list[int] = []

    def fileDescriptorReceived(self, descriptor: int) -> None:
        self.descriptors.append(descriptor)


@implementer(IPushProducer)
class _Push:
    def __init__(self, resumed: Any = lambda: None) -> None:
        self.pauses = self.resumes = 0
        self._resumed = resumed

    def pauseProducing(self) -> None:
        self.pauses += 1

    def resumeProducing(self) -> None:
        self.resumes += 1
        self._resumed()

    def stopProducing(self) -> None:
        pass


@implementer(IPullProducer)
class _Pull:
    def __init__(self, consumer: Recorder, left: int) -> None:
        self._consumer = consumer
        self._left = left
        self._depth = self.deepest = 0

    def resumeProducing(self) -> None:
        self._depth += 1
        self.deepest = max(self.deepest, self._depth)
        self._left -= 1
        self._consumer.transport.write(b"x")
        if not self._left:
            self._consumer.transport.unregisterProducer()
        self._depth -= 1

    def stopProducing(self) -> None:
        pass


for _builder in (
    WriteTestsBuilder,
    ClosingTestsBuilder,
    ProducerTestsBuilder,
    BrokenTestsBuilder,
    UNIXTestsBuilder,
):
    globals().update(_builder.makeTestCaseClasses())
